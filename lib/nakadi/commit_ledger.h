#ifndef WEIR_LIB_NAKADI_COMMIT_LEDGER_H_
#define WEIR_LIB_NAKADI_COMMIT_LEDGER_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "lib/nakadi/cursor.h"

namespace weir::nakadi {

// Where one batch ends in one partition, and how many events it has there.
struct HandedOut {
  Cursor cursor;
  uint64_t events = 0;
};

// What of one stream was handed out, done and committed. Batches may be done in
// any order; of each partition only the contiguous beginning of what is done is
// ready to commit, so a commit never covers what is still being handled.
//
// A value with time as an argument; not thread-safe.
class CommitLedger {
 public:
  // Hands out a number for a batch that ends at `ends`, at most one for each
  // partition, in the order of the stream.
  uint64_t Add(std::vector<HandedOut> ends, int64_t now_ns);

  // Says that batch `number` is done.
  void Done(uint64_t number, int64_t now_ns);

  // What to commit: of each partition the newest cursor that is ready. Empty if
  // there is none.
  std::vector<Cursor> Ready() const;

  // Says that `cursor`, one of Ready, is committed, and all before it.
  void Committed(const Cursor& cursor, int64_t now_ns);

  // Says that the partition of `cursor` belongs to another stream now: what is
  // known of it is forgotten.
  void Forget(const Cursor& cursor);

  uint64_t ready_events() const { return ready_events_; }
  // Handed out and not committed: the use of the server's window.
  uint64_t uncommitted_events() const { return uncommitted_events_; }
  // Since when something is ready; none if nothing is.
  std::optional<int64_t> ready_since_ns() const { return ready_since_ns_; }
  // What the server's commit clock shows: since when something is uncommitted
  // without a commit; none if nothing is.
  std::optional<int64_t> clock_ns() const { return clock_ns_; }
  // The last commit of each partition, as "type/partition" to offset.
  const std::map<std::string, std::string>& committed() const {
    return committed_;
  }
  bool all_done() const { return batches_.empty(); }
  // Whether all that was handed out is done and committed.
  bool empty() const { return batches_.empty() && uncommitted_events_ == 0; }

 private:
  using Key = std::pair<std::string, std::string>;
  struct Entry {
    uint64_t number;
    HandedOut end;
    bool done = false;
  };
  struct Partition {
    std::deque<Entry> entries;
    size_t ready = 0;  // How many at the front are done.
  };

  static Key KeyOf(const Cursor& cursor) {
    return {cursor.event_type, cursor.partition};
  }
  void Drop(Partition& partition, size_t count);

  std::map<Key, Partition> partitions_;
  std::map<uint64_t, std::vector<Key>> batches_;  // Not done.
  uint64_t next_ = 0;
  uint64_t ready_events_ = 0, uncommitted_events_ = 0;
  std::optional<int64_t> ready_since_ns_, clock_ns_;
  std::map<std::string, std::string> committed_;
};

}  // namespace weir::nakadi

#endif  // WEIR_LIB_NAKADI_COMMIT_LEDGER_H_
