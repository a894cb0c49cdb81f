#ifndef WEIR_HOST_PIPELINE_EVENT_CODEC_H_
#define WEIR_HOST_PIPELINE_EVENT_CODEC_H_

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "host/pipeline/event.h"

namespace weir {

// How an event is written for clients. The broker keeps events as these bytes,
// so that each is serialized once, however many streams it goes to; what the
// bytes mean is rpc's business.
//
// Implementations are immutable.
class EventCodec {
 public:
  virtual ~EventCodec() = default;

  // Appends `event`, framed so that any number of framed events after one
  // another is the beginning of a valid SubscribeResponse.
  virtual void AppendFramed(const Event& event, absl::string_view id,
                            uint64_t seq, absl::Time append_time,
                            std::string* out) const = 0;

  // Appends the framed event in `framed`, without payload and labels.
  virtual void AppendHeadersOnly(absl::string_view framed,
                                 std::string* out) const = 0;
};

}  // namespace weir

#endif  // WEIR_HOST_PIPELINE_EVENT_CODEC_H_
