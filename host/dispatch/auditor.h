#ifndef WEIR_HOST_DISPATCH_AUDITOR_H_
#define WEIR_HOST_DISPATCH_AUDITOR_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "absl/time/time.h"
#include "host/dispatch/books_source.h"
#include "host/pipeline/books.h"
#include "host/pipeline/event_sink.h"
#include "host/sync/clock.h"

namespace weir {

// Reads everybody's books, and tells what is in them that somebody should know.
// Always on, in production too: it is cheap, and nothing else would notice.
//
//   weir.books.mismatch  A line of a slot's books does not hold: a bug of the
//                        host. Error; once for each slot until it holds again.
//   weir.plugin.loss     Messages that a handler did not get, by reason.
//                        Warning; at most one event per handler in 10 s.
//
// The counts of a loss event are those since the one before, so their sum is
// what the books say. An event that the log does not take is told with the next
// one. Thread-safe.
class Auditor {
 public:
  // How long losses are gathered before they are told again. Long enough that a
  // handler which loses messages for hours does not fill the event log.
  static constexpr absl::Duration kLossInterval = absl::Seconds(10);

  // All must outlive the Auditor, which must be the only one that collects from
  // `books`.
  Auditor(BooksSource& books, EventSink& events, const Clock& clock);

  Auditor(const Auditor&) = delete;
  Auditor& operator=(const Auditor&) = delete;

  // Looks once. For the host's ticker, each second or so. Returns whether all
  // books balance.
  bool Check();

  // Looks a last time, and tells every loss that was not told yet, however
  // recent the event before. Call it when all handlers are removed and while
  // the log still takes events.
  void Finish();

 private:
  struct Account {
    std::string name;
    Books books;  // As last read.
    Books told;   // What loss events have told in all.
    std::optional<int64_t> told_ns;
    bool mismatch_told = false;
    bool final = false;
  };

  bool Look(bool finish);
  bool CheckBalance(Account& account);
  // Returns false if there is something left to tell later.
  bool TellLoss(Account& account, bool at_once);

  BooksSource& books_;
  EventSink& events_;
  const Clock& clock_;

  std::map<uint64_t, Account> accounts_;  // By slot ID.
};

}  // namespace weir

#endif  // WEIR_HOST_DISPATCH_AUDITOR_H_
