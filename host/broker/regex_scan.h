#ifndef WEIR_HOST_BROKER_REGEX_SCAN_H_
#define WEIR_HOST_BROKER_REGEX_SCAN_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/functional/function_ref.h"
#include "absl/strings/string_view.h"
#include "host/broker/event_mask.h"
#include "host/broker/regex_set.h"
#include "host/sync/mutex.h"

namespace weir {

// Which patterns of a RegexSet are found in which events of one chunk. Each
// event is looked at once, when somebody first asks, whoever asks.
// Thread-safe: who asks for what another is looking for waits for it.
class RegexScan {
 public:
  // The text of event `i`; valid while it is looked at.
  using TextOf = absl::FunctionRef<absl::string_view(uint32_t i)>;

  struct Result {
    EventMask found;    // Has one of the patterns.
    EventMask unknown;  // Nobody knows: the automaton outgrew its memory there.
  };

  // Counts each event that is unknown into `overflows`, which must outlive it.
  RegexScan(std::shared_ptr<const RegexSet> set,
            std::atomic<uint64_t>& overflows)
      : set_(std::move(set)), overflows_(overflows) {}

  // Returns which of the events in `wanted` have any of `patterns`; nullopt if
  // one of these is not in the set.
  std::optional<Result> Find(const EventMask& wanted,
                             const std::vector<std::string>& patterns,
                             TextOf text_of) ABSL_LOCKS_EXCLUDED(mu_);

  const RegexSet& set() const { return *set_; }

 private:
  const std::shared_ptr<const RegexSet> set_;
  std::atomic<uint64_t>& overflows_;

  Mutex mu_;
  EventMask known_ ABSL_GUARDED_BY(mu_);
  EventMask unknown_ ABSL_GUARDED_BY(mu_);
  // Only of patterns that were found.
  absl::flat_hash_map<uint32_t, EventMask> found_ ABSL_GUARDED_BY(mu_);
  std::vector<int> scratch_ ABSL_GUARDED_BY(mu_);
};

// What there is for one chunk; null where there is no set.
struct ChunkScans {
  std::shared_ptr<RegexScan> subject, json;
};

}  // namespace weir

#endif  // WEIR_HOST_BROKER_REGEX_SCAN_H_
