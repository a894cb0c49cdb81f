#ifndef WEIR_HOST_DECODE_RIS_LIVE_DECODER_H_
#define WEIR_HOST_DECODE_RIS_LIVE_DECODER_H_

#include <simdjson.h>

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "host/decode/bgp_json.h"
#include "host/decode/decoder.h"
#include "host/decode/field_writer.h"
#include "host/decode/plain_line.h"
#include "host/pipeline/message_writer.h"
#include "host/pipeline/name_table.h"

namespace weir {

// Makes one message of each RIS Live line, as the service writes them today and
// as it did from 2019 on.
//
//   {"type":"ris_message","data":{"timestamp":...,"peer":...,...}}
//    ris_message               -> a message
//    ris_error                 -> kUpstreamError with the server's words
//    any other type            -> kNotAMessage
//
// Keys may come in any order, and unknown ones are skipped; null is as good as
// absent. A known key with a value that is not what the field allows makes the
// line a parse error, because half an update is a wrong update. So does a key
// that stands twice. What is skipped is checked for balanced brackets only.
//
// The type of a message is what the line says, but STATE for RIS_PEER_STATE. A
// type that is new is given a number by the name table; one longer than
// kMaxTypeBytes is OTHER. A line without a type is an UPDATE if it announces or
// withdraws, else OTHER.
//
// A line that is not UTF-8 is read as if each wrong byte b were the character
// U+00b, since a NOTIFICATION repeats what a peer sent; the payload stays as it
// was received.
//
// A line that is written as the service writes today is read as text, the other
// ones by simdjson; what comes of it is the same.
//
// Not thread-safe.
class RisLiveDecoder final : public Decoder {
 public:
  // Far above any name that BGP has; so that nobody fills the name table's
  // memory.
  static constexpr size_t kMaxTypeBytes = 64;

  // Fields count in 32 bits, and decoded data is up to three times the text.
  // The configured limit of a line, 2 MiB by default, comes long before.
  static constexpr size_t kMaxPayloadBytes = size_t{256} << 20;

  // The most bytes that a line of `text_bytes` can decode to. What grows most
  // is a prefix: `"::/0",`, 7 bytes of text, becomes a weir_prefix of 20. A
  // next hop is `{"next_hop":"::"},`, 18 to 36; `0,` in a path 2 to 4; `[],`,
  // an empty AS_SET, 3 to 4; `[0],` 4 to 8. All below 3. Once per message come
  // two addresses of 20 bytes and the gaps before five arrays of up to 3 bytes.
  static constexpr size_t MaxExtraBytes(size_t text_bytes) {
    return 3 * text_bytes + 64;
  }

  // `types` must outlive the decoder and have the well-known types.
  explicit RisLiveDecoder(NameTable& types) : types_(types) {}

  Decoded Decode(absl::string_view payload, MessageWriter& writer) override;

 private:
  // A line that is not UTF-8.
  Decoded DecodeRepaired(absl::string_view payload, MessageWriter& writer);
  // Commits the room, or abandons it.
  Decoded DecodeDocument(simdjson::ondemand::document& document,
                         const MessageWriter::Room& room,
                         MessageWriter& writer);
  Decoded Commit(RisLiveHead head, const FieldWriter& fields,
                 MessageWriter& writer);
  // The data of a ris_message. Returns what is wrong, empty if nothing is.
  std::string ReadData(simdjson::ondemand::object data, FieldWriter& fields,
                       RisLiveHead* head);
  const char* ReadValue(int key, simdjson::ondemand::value& value,
                        FieldWriter& fields, RisLiveHead* head);
  const char* ReadType(simdjson::ondemand::value& value, RisLiveHead* head);

  NameTable& types_;
  PlainLine plain_;
  simdjson::ondemand::parser parser_;
  BgpJson bgp_;
  std::string repaired_;  // A line that was not UTF-8, padded.
};

}  // namespace weir

#endif  // WEIR_HOST_DECODE_RIS_LIVE_DECODER_H_
