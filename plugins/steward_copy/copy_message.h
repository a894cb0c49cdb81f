#ifndef WEIR_PLUGINS_STEWARD_COPY_COPY_MESSAGE_H_
#define WEIR_PLUGINS_STEWARD_COPY_COPY_MESSAGE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace weir {

// What the source of a copy asks of its destination, the data of a copyDst: a
// CBOR map with the names that the originals give to these fields.
struct CopyOrder {
  std::string uuid;
  // The sub-processes by which the two talk: "subCopySrc.UUID".
  std::string src_method, dst_method;
  std::string src_node, dst_node;
  std::string src_file_path;
  std::string dst_dir, dst_file;
  int64_t chunk_bytes = 0;
  int64_t max_seconds = 0;
  int64_t file_mode = 0;  // With bits that are not of permission.
  int64_t folder_permission = 0;
};

// What they say to each other then, stop and wait: the data of the messages of
// the two sub-processes.
struct CopyPart {
  enum Status : int64_t {
    kReady = 1,       // To the source: the next one.
    kData = 2,        // To the destination.
    kSrcDone = 3,     // The same, and the last one; mostly without data.
    kResendLast = 4,  // To the source: its hash was another.
    kDstDone = 5,     // The file is there.
  };
  int64_t status = 0;
  std::optional<std::string> data;
  int64_t number = 0;  // Of chunks, from 1; what is sent again has a new one.
  std::string hash = std::string(32, '\0');  // SHA-256 of `data`.
};

// Whether `text` is UTF-8, as RFC 3629 has it.
bool IsUtf8(std::string_view text);

std::string EncodeOrder(const CopyOrder& order);
std::string EncodePart(const CopyPart& part);

// Nullopt for what is no such map: another type of a value, a text that is no
// UTF-8, a field twice, an item that nests or has no length, bytes behind it,
// more than 64 fields. A field that is not there is as if it was empty, and
// what has another name is passed over, as by the originals' decoder.
std::optional<CopyOrder> DecodeOrder(std::string_view cbor);
std::optional<CopyPart> DecodePart(std::string_view cbor);

}  // namespace weir

#endif  // WEIR_PLUGINS_STEWARD_COPY_COPY_MESSAGE_H_
