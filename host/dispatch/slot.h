#ifndef WEIR_HOST_DISPATCH_SLOT_H_
#define WEIR_HOST_DISPATCH_SLOT_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "host/dispatch/instance.h"
#include "host/dispatch/instance_place.h"
#include "host/dispatch/wants_table.h"
#include "host/pipeline/books.h"
#include "host/pipeline/handler.h"
#include "host/pipeline/handler_registry.h"
#include "host/pipeline/handler_slot.h"
#include "host/pipeline/handler_stats.h"
#include "host/pipeline/message.h"
#include "host/pipeline/message_copy.h"
#include "host/pipeline/name_table.h"
#include "host/pipeline/slab_pool.h"
#include "host/sync/clock.h"
#include "host/sync/mutex.h"

namespace weir {

// What all slots share.
struct SlotContext {
  const NameTable& types;
  NameTable& sources;
  const SlabPool& pool;
  const Clock& clock;
  size_t max_queued_bytes;
  std::atomic<bool>& abandoned;  // Set once an instance is.
};

// One handler's place in the host: its queue, its answers, its books, and the
// instances that work on them one after the other. See HandlerSlot.
//
// Thread-safe as HandlerSlot says. All in `context` must outlive the slot, and
// an instance that is abandoned outlives everything.
class Slot final : public HandlerSlot {
 public:
  Slot(HandlerOptions options, const SlotContext& context);

  // All instances have ended.
  ~Slot() override = default;

  Slot(const Slot&) = delete;
  Slot& operator=(const Slot&) = delete;

  // Offers the messages from `first` on, all of one batch, which the caller
  // holds.
  void Offer(const Message* first, int64_t now_ns);

  // Whether the handler wants messages of `type`, or may.
  bool MayWant(uint16_t type) const {
    return place_->wants.Get(type) != Wants::kNo;
  }

  absl::StatusOr<Prepared> Prepare(std::shared_ptr<Handler> handler,
                                   std::function<void()> on_gone) override
      ABSL_LOCKS_EXCLUDED(mu_);
  absl::Status Switch(uint64_t instance, absl::Duration timeout) override
      ABSL_LOCKS_EXCLUDED(mu_);
  absl::Status Call(uint64_t instance, std::function<void(Handler&)> call,
                    absl::Duration timeout) override ABSL_LOCKS_EXCLUDED(mu_);
  void End(uint64_t instance) override ABSL_LOCKS_EXCLUDED(mu_);
  void Configure(const HandlerOptions& options) override
      ABSL_LOCKS_EXCLUDED(mu_);
  void SetIntake(Intake intake) override { place_->queue.SetIntake(intake); }
  void Hold(bool held) override { place_->queue.Hold(held); }
  bool Drain(absl::Duration timeout) override {
    return place_->queue.WaitUntilIdle(timeout);
  }
  uint64_t Discard() override { return place_->queue.Discard(); }
  void ResetStats() override;
  HandlerStats Stats() override ABSL_LOCKS_EXCLUDED(mu_);
  std::optional<MessageCopy> InFlight() override {
    return place_->queue.InFlight();
  }

  // Drops from now on what is offered, lets the handler finish until `drain` is
  // over, discards the rest and ends all instances. Returns how many messages
  // were discarded.
  uint64_t Stop(absl::Duration drain) ABSL_LOCKS_EXCLUDED(mu_);

  Books CloseBooks() { return place_->queue.CloseBooks(); }
  Books books() const { return place_->queue.books(); }
  const std::string& name() const { return name_; }

 private:
  struct Entry {
    std::shared_ptr<Instance> instance;
    int64_t requested_capacity = 0;
  };

  uint32_t CapacityFor(int64_t requested) const;
  void Leave(const std::shared_ptr<Instance>& instance)
      ABSL_LOCKS_EXCLUDED(mu_);
  std::shared_ptr<Instance> Find(uint64_t instance) const
      ABSL_LOCKS_EXCLUDED(mu_);

  // Whether messages of `source` are offered to it.
  bool Takes(uint32_t source) const {
    if (takes_all_sources_.load(std::memory_order_relaxed)) return true;
    return source < NameTable::kMaxNames &&
           (sources_[source / 64].load(std::memory_order_relaxed) >>
                source % 64 &
            1) != 0;
  }
  void SetSources(const std::vector<std::string>& sources);

  const std::string name_;
  HandlerOptions options_;  // Of those calls that come one after the other.
  const SlotContext context_;
  std::atomic<bool> takes_all_sources_{true};
  std::array<std::atomic<uint64_t>, NameTable::kMaxNames / 64> sources_ = {};
  const std::shared_ptr<InstancePlace> place_;

  mutable Mutex mu_;
  std::map<uint64_t, Entry> instances_ ABSL_GUARDED_BY(mu_);
  // Being ended, or abandoned: their threads still take their time.
  std::vector<std::shared_ptr<Instance>> leaving_ ABSL_GUARDED_BY(mu_);
  double cpu_seconds_ ABSL_GUARDED_BY(mu_) = 0;  // Told before.
  uint64_t last_instance_ ABSL_GUARDED_BY(mu_) = 0;
  uint64_t turn_ ABSL_GUARDED_BY(mu_) = 0;  // Who has it; 0: nobody.
};

}  // namespace weir

#endif  // WEIR_HOST_DISPATCH_SLOT_H_
