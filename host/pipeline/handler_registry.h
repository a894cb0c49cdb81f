#ifndef WEIR_HOST_PIPELINE_HANDLER_REGISTRY_H_
#define WEIR_HOST_PIPELINE_HANDLER_REGISTRY_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "host/pipeline/handler.h"
#include "host/pipeline/handler_slot.h"
#include "host/pipeline/handler_stats.h"

namespace weir {

// What a queue does with a message that it may have no room for.
enum class QueuePolicy {
  kLinearDrop,  // Drops by chance from half full on.
  kDropNewest,  // Drops the newcomer when full.
  kDropOldest,  // When full, drops the oldest: a monitor of what is true now.
  kBlock,       // Waits for room. Loses nothing; for sources that can wait.
};

struct HandlerOptions {
  std::string name;  // Of the slot: "counts". Unique.
  QueuePolicy policy = QueuePolicy::kLinearDrop;
  // Messages. 0: what the handler asks for.
  uint32_t capacity = 0;
  // What is asked for above this is clamped to it.
  uint32_t max_capacity = 1'048'576;
  // Only messages of these sources, by id; empty: all.
  std::vector<std::string> sources;
  // For the chance of kLinearDrop. Equal seeds make equal decisions.
  uint64_t seed = 0;
  // Whether the message in hand at a crash is given to the next instance once
  // more; see HandlerQueueOptions.
  bool redeliver_once = false;
  // How long Create, QueueCapacity and the first WantsMessage may take in all.
  absl::Duration create_deadline = absl::Seconds(10);
};

// The operator's side of dispatch: puts handlers in and takes them out, while
// messages flow. Thread-safe.
class HandlerRegistry {
 public:
  virtual ~HandlerRegistry() = default;

  // Makes a slot without an instance, which drops what it is offered as not
  // running. Returns AlreadyExists for a name in use.
  virtual absl::StatusOr<std::shared_ptr<HandlerSlot>> AddSlot(
      HandlerOptions options) = 0;

  // Takes the slot and its books out. Discards what is queued and ends its
  // instances. Returns NotFound if there is none of that name.
  virtual absl::Status RemoveSlot(absl::string_view name) = 0;

  // Makes a slot for one instance that stays: AddSlot, Prepare, Switch.
  // Messages dispatched after the return are offered to it. Returns the
  // capacity it asked for.
  //
  // Returns AlreadyExists for a name in use, InvalidArgument if it asks for a
  // capacity of 0 or less (the message has the number), DeadlineExceeded if it
  // is not ready by the deadline (its thread is abandoned), and Create's own
  // error.
  virtual absl::StatusOr<int64_t> AddHandler(
      HandlerOptions options, std::unique_ptr<Handler> handler) = 0;

  // Takes the handler out: offers it nothing more, lets it finish what is
  // queued until `drain` is over, discards the rest, and destroys it on its
  // worker. Returns how many messages were discarded. A handler that is still
  // in a call one second after that is abandoned with its thread: it can not be
  // stopped.
  //
  // Returns NotFound if there is none of that name.
  virtual absl::StatusOr<uint64_t> RemoveHandler(absl::string_view name,
                                                 absl::Duration drain) = 0;

  // Returns NotFound if there is none of that name.
  virtual absl::StatusOr<HandlerStats> Stats(absl::string_view name) const = 0;

  // Messages dropped over all handlers, also those removed since. Monotonic.
  virtual uint64_t total_dropped() const = 0;
};

}  // namespace weir

#endif  // WEIR_HOST_PIPELINE_HANDLER_REGISTRY_H_
