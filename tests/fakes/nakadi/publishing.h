#ifndef WEIR_TESTS_FAKES_NAKADI_PUBLISHING_H_
#define WEIR_TESTS_FAKES_NAKADI_PUBLISHING_H_

#include <cstddef>
#include <set>
#include <string>

#include "absl/strings/string_view.h"
#include "tests/fakes/nakadi/subscription.h"
#include "tests/fakes/nakadi/topic.h"

namespace weir::fake_nakadi {

// Publishes `body`, a JSON array, to event type `type`, and returns the answer:
//
//   200  all are stored
//   207  all are stored but those that `failing` numbers: the storage failed
//   422  nothing is stored, since an event has no metadata and `strict` asks
//        for it, or an unknown partition
//   400  no array
//   404  no such event type
Answer PublishBatch(const std::string& type, const std::string& body,
                    bool strict, const std::set<size_t>& failing,
                    Topics* topics);

// Reads "0,3".
std::set<size_t> ReadNumbers(absl::string_view text);

}  // namespace weir::fake_nakadi

#endif  // WEIR_TESTS_FAKES_NAKADI_PUBLISHING_H_
