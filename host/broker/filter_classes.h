#ifndef WEIR_HOST_BROKER_FILTER_CLASSES_H_
#define WEIR_HOST_BROKER_FILTER_CLASSES_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "host/broker/faults.h"
#include "host/broker/filter.h"
#include "host/broker/regex_scan.h"
#include "host/broker/regex_set.h"
#include "host/control/event_filter.h"
#include "host/sync/mutex.h"

namespace weir {

// The filters that are in use, one FilterClass for all who ask for the same.
// A class lives as long as anybody holds it. Thread-safe.
//
// All regular expressions of all classes are one set for subjects and one for
// payloads, so that a hundred filters look at a text once together. The sets
// are made anew, in a thread of their own, when a class has an expression that
// they have not; until then, and where they do not fit into their memory, a
// class looks for itself.
class FilterClasses {
 public:
  // The sets may take this many times what one class may.
  static constexpr int64_t kSetBudgets = 4;
  // Chunks whose scans are kept: streams are at the newest, or replay.
  static constexpr size_t kKeptScans = 32;

  explicit FilterClasses(int64_t regex_budget_bytes)
      : regex_budget_bytes_(regex_budget_bytes) {}
  ~FilterClasses() { Stop(); }

  FilterClasses(const FilterClasses&) = delete;
  FilterClasses& operator=(const FilterClasses&) = delete;

  // Starts the thread that makes the sets. At most once. Tests call MakeSets.
  void Start() ABSL_LOCKS_EXCLUDED(mu_);
  // Ends it. Safe to call twice.
  void Stop() ABSL_LOCKS_EXCLUDED(mu_);

  // Returns the class of the union of `filters`; null, and the faults, as
  // FilterClass::Compile.
  std::shared_ptr<const FilterClass> Get(
      const std::vector<EventFilter>& filters, Faults* faults)
      ABSL_LOCKS_EXCLUDED(mu_);

  // Returns the scans of the chunk that begins with event `first`.
  ChunkScans ScansOf(uint64_t first) ABSL_LOCKS_EXCLUDED(mu_);

  // Makes the sets, if the ones there are do not do.
  void MakeSets() ABSL_LOCKS_EXCLUDED(mu_);

  // Whether expressions are looked for one by one, because together they do not
  // fit into their memory: since the present sets were made.
  bool degraded() const {
    return no_set_.load(std::memory_order_relaxed) ||
           overflows_.load(std::memory_order_relaxed) > 0;
  }

  // Classes in use now.
  size_t size() const ABSL_LOCKS_EXCLUDED(mu_);

 private:
  struct Patterns {
    std::vector<std::string> subject, json;
    size_t classes = 0;  // That have any.
  };
  using Set = std::shared_ptr<const RegexSet>;

  Patterns LivePatterns() const ABSL_LOCKS_EXCLUDED(mu_);
  // Returns a set of `patterns`: `now` if that does.
  Set Remake(const Set& now, std::vector<std::string> patterns,
             bool* failed) const;
  void Run() ABSL_LOCKS_EXCLUDED(mu_);

  const int64_t regex_budget_bytes_;
  std::atomic<bool> no_set_{false};
  std::atomic<uint64_t> overflows_{0};

  mutable Mutex mu_;
  CondVar changed_;
  // By canonical form. What nobody holds any more is swept at the next Get.
  absl::flat_hash_map<std::string, std::weak_ptr<const FilterClass>> classes_
      ABSL_GUARDED_BY(mu_);
  Set subject_ ABSL_GUARDED_BY(mu_);  // Null: none.
  Set json_ ABSL_GUARDED_BY(mu_);
  std::deque<std::pair<uint64_t, ChunkScans>> scans_ ABSL_GUARDED_BY(mu_);
  bool asked_ ABSL_GUARDED_BY(mu_) = false;
  bool stopped_ ABSL_GUARDED_BY(mu_) = false;
  std::thread thread_ ABSL_GUARDED_BY(mu_);
};

}  // namespace weir

#endif  // WEIR_HOST_BROKER_FILTER_CLASSES_H_
