#ifndef WEIR_HOST_DECODE_NAKADI_DECODER_H_
#define WEIR_HOST_DECODE_NAKADI_DECODER_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "host/decode/decoder.h"
#include "host/pipeline/message_writer.h"
#include "host/pipeline/name_table.h"
#include "lib/nakadi/batch.h"

namespace weir {

// Makes messages of a line of a Nakadi stream: one for each event, with the
// event's bytes as they were published as payload, the event type as type, and
// metadata.occurred_at, if there is one, as time. They have no fields. A line
// without events is no message.
class NakadiDecoder final : public Decoder {
 public:
  // `types` must outlive it.
  explicit NakadiDecoder(NameTable& types) : types_(types) {}

  Decoded Decode(absl::string_view payload, MessageWriter& writer) override;

 private:
  NameTable& types_;
  nakadi::BatchReader reader_;
  std::string line_;  // The payload with what the reader wants behind it.
  std::vector<absl::string_view> events_, times_;
  // The type that came last.
  std::string type_;
  uint16_t type_id_ = 0;
};

// Returns RFC 3339's "2024-05-02T08:15:31.5Z", or with "+02:00", as nanoseconds
// since 1970; none if it is not that, or is before 1970 or after 2200.
std::optional<int64_t> ParseRfc3339Ns(absl::string_view text);

}  // namespace weir

#endif  // WEIR_HOST_DECODE_NAKADI_DECODER_H_
