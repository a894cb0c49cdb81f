#ifndef WEIR_HOST_PLUGIN_CHILD_EVENT_H_
#define WEIR_HOST_PLUGIN_CHILD_EVENT_H_

#include <memory>
#include <string>

#include "absl/strings/string_view.h"
#include "weir/plugin_abi.h"

namespace weir {

// Writes `event`, whose sizes are within the bounds of weir_event, as bytes
// that mean the same in another process.
std::string EncodeChildEvent(const weir_event& event);

// An event that was read from such bytes. Immutable; the views in event() point
// into it.
class ChildEvent {
 public:
  // Returns null if `bytes` are not what EncodeChildEvent writes. Of the event
  // itself nothing is checked; see CopyPluginEvent.
  static std::unique_ptr<const ChildEvent> Decode(std::string bytes);

  ~ChildEvent();

  ChildEvent(const ChildEvent&) = delete;
  ChildEvent& operator=(const ChildEvent&) = delete;

  const weir_event& event() const;

 private:
  struct Parts;

  explicit ChildEvent(std::unique_ptr<Parts> parts);

  const std::unique_ptr<Parts> parts_;
};

}  // namespace weir

#endif  // WEIR_HOST_PLUGIN_CHILD_EVENT_H_
