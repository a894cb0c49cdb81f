#ifndef WEIR_HOST_BROKER_JOURNAL_RECORDS_H_
#define WEIR_HOST_BROKER_JOURNAL_RECORDS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "host/broker/log_source.h"
#include "host/broker/subscription_archive.h"

namespace weir {

// The largest number that an event is given. What the file says that is larger,
// or not positive, is damage.
inline constexpr int64_t kMaxJournalNumber = int64_t{1} << 62;
inline bool IsJournalNumber(int64_t number) {
  return number >= 1 && number <= kMaxJournalNumber;
}

// Framed events with consecutive numbers, as one row of the journal. A value;
// `body` lies where whoever made it says.
struct JournalRow {
  uint64_t first = 0;
  uint32_t n = 0;                // 1 to Chunk::kMaxEvents.
  int64_t t0_ns = 0, t1_ns = 0;  // Append times of the first and the last.
  absl::string_view body;
};

// What one transaction writes.
struct JournalBatch {
  std::vector<JournalRow> rows;  // In order.
  std::vector<LogHole> holes;
  std::vector<SavedSubscription> saved;
  std::vector<std::string> forgotten;  // Names of subscriptions.

  bool empty() const {
    return rows.empty() && holes.empty() && saved.empty() && forgotten.empty();
  }
};

// What a journal said when it was opened.
struct JournalContents {
  std::string epoch;
  uint64_t last = 0;      // The newest position that was ever given away.
  uint64_t earliest = 1;  // The oldest that is kept; last + 1 if none is.
  absl::Time last_time = absl::InfinitePast();  // Append times.
  absl::Time earliest_time = absl::InfinitePast();
  absl::Time gone_time = absl::InfinitePast();  // Of the newest that is gone.
  std::vector<LogHole> holes;                   // In order.
  std::vector<SavedSubscription> subscriptions;
};

}  // namespace weir

#endif  // WEIR_HOST_BROKER_JOURNAL_RECORDS_H_
