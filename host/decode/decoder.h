#ifndef WEIR_HOST_DECODE_DECODER_H_
#define WEIR_HOST_DECODE_DECODER_H_

#include <cstddef>
#include <string>

#include "absl/strings/string_view.h"
#include "host/pipeline/message_writer.h"

namespace weir {

// What became of one payload.
struct Decoded {
  enum class Verdict {
    kMessages,       // One or more were committed.
    kParseError,     // The payload is not what the format allows.
    kNotAMessage,    // Understood, and nothing for a handler: a pong.
    kEmpty,          // Nothing but white space.
    kUpstreamError,  // The server says that something is wrong.
  };

  Verdict verdict = Verdict::kMessages;
  // How many of the committed messages have a type that nobody configured.
  size_t unknown_types = 0;
  // kParseError: what is wrong, and where, for a person. kUpstreamError: what
  // the server said.
  std::string text;
  // kParseError: a word that it is counted under; empty is "parse_error". With
  // one it also is an event: a sender is at fault who can be found.
  std::string reason;
};

// Makes messages of payloads of one format.
//
// Not thread-safe: each decode stage has its own.
class Decoder {
 public:
  virtual ~Decoder() = default;

  // Writes the messages of `payload` into `writer`, whose batch has begun, or
  // none at all. Sets of each what the payload says: view.type_id, view.ts_ns
  // and the fields; the stage sets the rest.
  //
  // `payload` may be that of the last message in `writer`, which is then shared
  // and not copied (see MessageWriter::Reserve). It is bytes from the network:
  // nothing in it may make Decode fail in any other way than by its verdict.
  virtual Decoded Decode(absl::string_view payload, MessageWriter& writer) = 0;

  // The same for a payload that was sent to `subject`, which says nothing to
  // most formats.
  virtual Decoded DecodeFrom(absl::string_view /*subject*/,
                             absl::string_view payload, MessageWriter& writer) {
    return Decode(payload, writer);
  }
};

}  // namespace weir

#endif  // WEIR_HOST_DECODE_DECODER_H_
