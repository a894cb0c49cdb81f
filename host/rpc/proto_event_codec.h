#ifndef WEIR_HOST_RPC_PROTO_EVENT_CODEC_H_
#define WEIR_HOST_RPC_PROTO_EVENT_CODEC_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "host/pipeline/event.h"
#include "host/pipeline/event_codec.h"
#include "weir/v1/event.pb.h"

namespace weir {

// Fills in all but what the log gives an event: id, seq and append_time.
void ToProto(const Event& event, v1::Event* out);

// Writes events as elements of SubscribeResponse.events: field 1, length, and a
// serialized weir.v1.Event. Protobuf merges whatever follows, so a response is
// some of these and a few bytes with its cursor. Immutable.
class ProtoEventCodec final : public EventCodec {
 public:
  void AppendFramed(const Event& event, absl::string_view id, uint64_t seq,
                    absl::Time append_time, std::string* out) const override;
  void AppendHeadersOnly(absl::string_view framed,
                         std::string* out) const override;
  size_t FrameSize(absl::string_view bytes) const override;
  bool ReadFramed(absl::string_view framed, Event* event, uint64_t* seq,
                  absl::Time* append_time) const override;
};

}  // namespace weir

#endif  // WEIR_HOST_RPC_PROTO_EVENT_CODEC_H_
