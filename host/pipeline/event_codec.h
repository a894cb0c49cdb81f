#ifndef WEIR_HOST_PIPELINE_EVENT_CODEC_H_
#define WEIR_HOST_PIPELINE_EVENT_CODEC_H_

#include <cstddef>
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

  // Returns the size of the framed event that `bytes` begin with; 0 if they do
  // not begin with a whole one. Looks at the frame only.
  virtual size_t FrameSize(absl::string_view bytes) const = 0;

  // Reads back what AppendFramed wrote, save what Event does not hold. Returns
  // false, and may leave anything in the outputs, if that is not possible.
  virtual bool ReadFramed(absl::string_view framed, Event* event, uint64_t* seq,
                          absl::Time* append_time) const = 0;
};

}  // namespace weir

#endif  // WEIR_HOST_PIPELINE_EVENT_CODEC_H_
