#ifndef WEIR_LIB_NAKADI_PUBLISHER_H_
#define WEIR_LIB_NAKADI_PUBLISHER_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "lib/nakadi/clock.h"
#include "lib/nakadi/http_transfer.h"
#include "lib/nakadi/options.h"

namespace weir::nakadi {

// What a server says of one event of a batch.
struct PublishedItem {
  enum class Status {
    kSubmitted,  // It is stored.
    kFailed,     // It is not, for its own sake: see `step` and `detail`.
    kAborted,    // It is not, for the sake of another event.
  };
  Status status = Status::kAborted;
  std::string eid;   // metadata.eid; empty for an event that has none.
  std::string step;  // none, validating, partitioning, enriching, publishing.
  std::string detail;

  // Whether the event itself is at fault, so that the next try would fail too;
  // at the step "publishing" it is the storage.
  bool is_refused() const {
    return status == Status::kFailed && step != "publishing";
  }
};

// Publishes batches of events of one event type, over one connection that is
// kept while it can be.
//
// One thread publishes; Interrupt may be called by any.
class Publisher {
 public:
  // A server tries to store a batch for 35 s or so, and whoever hung up before
  // would not know what became of it.
  static constexpr absl::Duration kTimeout = absl::Seconds(40);

  // `clock` must outlive it; see HttpTransfer.
  Publisher(const ClientOptions& options, const std::string& event_type,
            const Clock& clock);

  // Publishes `events`, each the text of a JSON object, in one request. They
  // are at least one; a server bounds the size of one and of all.
  //
  // Returns OK if all are stored. Otherwise an error as error.h says, and in
  // `items` what became of each, in the order of `events`; `items` is empty if
  // the server did not say, and then all of them or none may be stored:
  //
  //   InvalidArgument  422: nothing is stored. With items, those that are
  //                    kFailed are why; without, the whole request is.
  //                    400, 413: the request is refused, or is too large
  //   Unavailable      207: some are stored, `items` says which. Without
  //                    items: the network, 401, 429, 5xx
  //   all others       403, 404: no right to write, no such event type
  absl::Status Publish(const std::vector<std::string>& events,
                       std::vector<PublishedItem>* items);

  // Makes the running call and every later one return Cancelled.
  void Interrupt() { transfer_.Interrupt(); }

 private:
  const std::string event_type_;
  HttpTransfer transfer_;
  HttpRequest request_;
};

// Reads the answer of a 207 or 422: what became of each of `count` events, in
// their order. Returns nothing if it is no such answer, as a problem is not.
std::vector<PublishedItem> ReadPublishedItems(const std::string& body,
                                              size_t count);

}  // namespace weir::nakadi

#endif  // WEIR_LIB_NAKADI_PUBLISHER_H_
