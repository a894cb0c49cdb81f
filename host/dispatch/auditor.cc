#include "host/dispatch/auditor.h"

#include <array>
#include <iterator>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "host/log/log.h"
#include "host/pipeline/event.h"

namespace weir {
namespace {

struct Counter {
  absl::string_view name;
  uint64_t Books::*value;
};

// Everything that a handler wanted, or may have wanted, and did not get.
constexpr std::array<Counter, 6> kLosses = {{
    {"dropped_policy", &Books::dropped_policy},
    {"dropped_full", &Books::dropped_full},
    {"dropped_not_running", &Books::dropped_not_running},
    {"dropped_quarantined", &Books::dropped_quarantined},
    {"lost_in_crash", &Books::lost_in_crash},
    {"discarded_on_unload", &Books::discarded_on_unload},
}};

// Both lines, left side first.
constexpr std::array<Counter, 13> kAll = {{
    {"offered", &Books::offered},
    {"not_wanted", &Books::not_wanted},
    {"enqueued", &Books::enqueued},
    {"dropped_policy", &Books::dropped_policy},
    {"dropped_full", &Books::dropped_full},
    {"dropped_not_running", &Books::dropped_not_running},
    {"dropped_quarantined", &Books::dropped_quarantined},
    {"processed_ok", &Books::processed_ok},
    {"processed_error", &Books::processed_error},
    {"lost_in_crash", &Books::lost_in_crash},
    {"discarded_on_unload", &Books::discarded_on_unload},
    {"queued", &Books::queued},
    {"in_flight", &Books::in_flight},
}};

std::string MismatchJson(const Books& books) {
  std::string json = "{";
  for (const Counter& counter : kAll) {
    absl::StrAppend(&json, json.size() > 1 ? "," : "", "\"", counter.name,
                    "\":", books.*counter.value);
  }
  return absl::StrCat(json, "}");
}

std::string Area(absl::string_view name) {
  return absl::StrCat("plugins/", name);
}

}  // namespace

Auditor::Auditor(BooksSource& books, EventSink& events, const Clock& clock)
    : books_(books), events_(events), clock_(clock) {}

bool Auditor::Check() { return Look(/*finish=*/false); }

void Auditor::Finish() { Look(/*finish=*/true); }

bool Auditor::Look(bool finish) {
  bool balanced = true;
  for (SlotBooks& slot : books_.CollectBooks()) {
    Account& account = accounts_[slot.id];
    account.name = std::move(slot.name);
    account.books = slot.books;
    account.final = slot.final;
    if (!CheckBalance(account)) balanced = false;
  }
  for (auto it = accounts_.begin(); it != accounts_.end();) {
    const bool told = TellLoss(it->second, finish || it->second.final);
    it = it->second.final && told ? accounts_.erase(it) : std::next(it);
  }
  return balanced;
}

bool Auditor::CheckBalance(Account& account) {
  if (account.books.Balance()) {
    account.mismatch_told = false;
    return true;
  }
  if (account.mismatch_told) return false;
  Event event;
  event.type = "weir.books.mismatch";
  event.source = "host";
  event.subject = account.name;
  event.severity = Severity::kError;
  event.event_time = clock_.Now();
  event.json = MismatchJson(account.books);
  LogError(Area(account.name), "books do not balance: ", event.json);
  account.mismatch_told = events_.Publish(std::move(event)).ok();
  return false;
}

bool Auditor::TellLoss(Account& account, bool at_once) {
  std::string json = "{";
  uint64_t total = 0;
  for (const Counter& loss : kLosses) {
    const uint64_t count = account.books.*loss.value - account.told.*loss.value;
    total += count;
    absl::StrAppend(&json, "\"", loss.name, "\":", count, ",");
  }
  if (total == 0) return true;
  const int64_t now_ns = clock_.MonotonicNs();
  if (!at_once && account.told_ns.has_value() &&
      absl::Nanoseconds(now_ns - *account.told_ns) < kLossInterval) {
    return false;
  }
  Event event;
  event.type = "weir.plugin.loss";
  event.source = Area(account.name);
  event.subject = account.name;
  event.severity = Severity::kWarning;
  event.event_time = clock_.Now();
  event.json = absl::StrCat(json, "\"total\":", total, "}");
  const absl::Status published = events_.Publish(std::move(event));
  if (!published.ok()) {
    LogWarning(Area(account.name), "lost ", total,
               " messages; publishing that: ", published.message());
    return false;
  }
  account.told = account.books;
  account.told_ns = now_ns;
  return true;
}

}  // namespace weir
