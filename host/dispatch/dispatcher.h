#ifndef WEIR_HOST_DISPATCH_DISPATCHER_H_
#define WEIR_HOST_DISPATCH_DISPATCHER_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "host/dispatch/books_source.h"
#include "host/dispatch/slot.h"
#include "host/pipeline/books.h"
#include "host/pipeline/handler.h"
#include "host/pipeline/handler_registry.h"
#include "host/pipeline/handler_slot.h"
#include "host/pipeline/handler_stats.h"
#include "host/pipeline/message_batch.h"
#include "host/pipeline/message_sink.h"
#include "host/pipeline/name_table.h"
#include "host/pipeline/slab_pool.h"
#include "host/sync/clock.h"
#include "host/sync/mutex.h"

namespace weir {

struct DispatcherOptions {
  // Payload that may wait in all queues together, bytes. Above it every queue
  // counts as full.
  size_t max_queued_bytes = size_t{1} << 30;
};

// Gives each message to every handler that wants it.
//
// A handler has a slot: a queue of its own and a thread of its own, so none
// waits for another. Only a full queue with the policy `block` holds up the
// source that dispatches, and so all handlers of that source.
//
// Thread-safe: sources dispatch while handlers come and go and Close is called.
class Dispatcher final : public MessageSink,
                         public HandlerRegistry,
                         public BooksSource {
 public:
  // `types` must have the well-known ones. All must outlive the Dispatcher.
  Dispatcher(const NameTable& types, NameTable& sources, const SlabPool& pool,
             const Clock& clock, DispatcherOptions options = {});

  // Closes, and removes every handler without waiting for what is queued. No
  // other call may be under way.
  ~Dispatcher() override;

  Dispatcher(const Dispatcher&) = delete;
  Dispatcher& operator=(const Dispatcher&) = delete;

  // After Close, every message that a handler would have been offered is
  // dropped, as not running, and the batch is completed with kSomeLost.
  void Dispatch(MessageBatchRef batch) override ABSL_LOCKS_EXCLUDED(mu_);
  bool Wanted(uint16_t type_id) const override ABSL_LOCKS_EXCLUDED(mu_);

  // Return, beside the errors of HandlerRegistry, FailedPrecondition after
  // Close. A name is in use until RemoveSlot or RemoveHandler has returned.
  absl::StatusOr<std::shared_ptr<HandlerSlot>> AddSlot(
      HandlerOptions options) override ABSL_LOCKS_EXCLUDED(mu_);
  absl::Status RemoveSlot(absl::string_view name) override
      ABSL_LOCKS_EXCLUDED(mu_);
  absl::StatusOr<int64_t> AddHandler(HandlerOptions options,
                                     std::unique_ptr<Handler> handler) override
      ABSL_LOCKS_EXCLUDED(mu_);

  // Returns NotFound also while the same handler is being added or removed.
  absl::StatusOr<uint64_t> RemoveHandler(absl::string_view name,
                                         absl::Duration drain) override
      ABSL_LOCKS_EXCLUDED(mu_);

  absl::StatusOr<HandlerStats> Stats(absl::string_view name) const override
      ABSL_LOCKS_EXCLUDED(mu_);
  uint64_t total_dropped() const override ABSL_LOCKS_EXCLUDED(mu_);

  // Stops the intake: whoever blocks in Dispatch returns. What is queued is
  // still handled; see Drain and RemoveHandler. Safe to call twice, and while
  // others dispatch.
  void Close() ABSL_LOCKS_EXCLUDED(mu_);

  // Waits until every handler has finished what is queued, but for those that
  // nobody takes anything from, as a slot that is held. Returns false if there
  // are such messages, or `timeout` passed first.
  bool Drain(absl::Duration timeout) ABSL_LOCKS_EXCLUDED(mu_);

  // Writes one line for each handler, with its books. For the host's ticker,
  // each 10 s.
  void LogStats() ABSL_LOCKS_EXCLUDED(mu_);

  std::vector<SlotBooks> CollectBooks() override ABSL_LOCKS_EXCLUDED(mu_);

  // Whether the thread of some handler was given up, and may still run its
  // code. The process must then end without destroying what such code may use.
  bool abandoned() const { return abandoned_.load(); }

 private:
  using SlotList = std::vector<std::shared_ptr<Slot>>;
  struct Entry {
    uint64_t id = 0;
    std::shared_ptr<Slot> slot;
    // Messages are offered to it: not before an instance of AddHandler runs,
    // and not while it is removed.
    bool offered = false;
    bool removing = false;
  };

  std::shared_ptr<const SlotList> slots() const ABSL_LOCKS_EXCLUDED(mu_);
  absl::StatusOr<std::shared_ptr<Slot>> MakeSlot(HandlerOptions options)
      ABSL_LOCKS_EXCLUDED(mu_);
  absl::StatusOr<uint64_t> StopAndRetire(absl::string_view name,
                                         absl::Duration drain)
      ABSL_LOCKS_EXCLUDED(mu_);
  void PublishLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void Retire(const std::string& name) ABSL_LOCKS_EXCLUDED(mu_);

  std::atomic<bool> abandoned_{false};
  const SlotContext context_;

  mutable Mutex mu_;
  std::map<std::string, Entry, std::less<>> entries_ ABSL_GUARDED_BY(mu_);
  // Those of entries_ that messages are offered to. Replaced, never changed, so
  // that a dispatch needs the lock only to get hold of it.
  std::shared_ptr<const SlotList> slots_ ABSL_GUARDED_BY(mu_);
  uint64_t last_id_ ABSL_GUARDED_BY(mu_) = 0;
  std::vector<SlotBooks> retired_ ABSL_GUARDED_BY(mu_);  // Not collected yet.
  uint64_t retired_dropped_ ABSL_GUARDED_BY(mu_) = 0;
  bool closed_ ABSL_GUARDED_BY(mu_) = false;
};

}  // namespace weir

#endif  // WEIR_HOST_DISPATCH_DISPATCHER_H_
