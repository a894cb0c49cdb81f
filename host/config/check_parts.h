#ifndef WEIR_HOST_CONFIG_CHECK_PARTS_H_
#define WEIR_HOST_CONFIG_CHECK_PARTS_H_

#include <set>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "google/protobuf/duration.pb.h"
#include "google/protobuf/message.h"
#include "host/config/fault_list.h"

namespace weir {

// What the checks of several parts of a configuration have in common.

// The path of `field` in what is at `path`; "" is the whole of it.
std::string Join(const std::string& path, absl::string_view field);

absl::Duration ToDuration(const google::protobuf::Duration& proto);

// Adds a fault if `a`, at `path`, is longer than `b`, the field called `other`.
void CheckNotLonger(const google::protobuf::Duration& a,
                    const google::protobuf::Duration& b,
                    const std::string& path, absl::string_view other,
                    FaultList* faults);

// Adds a fault if no field of the oneof `name` is set in `message`.
void CheckHasKind(const google::protobuf::Message& message,
                  const std::string& path, const std::string& name,
                  FaultList* faults);

// Adds a fault for each of `all` whose id was there before.
template <typename List>
void CheckUnique(const List& all, const std::string& list, FaultList* faults) {
  std::set<std::string> seen;
  int i = 0;
  for (const auto& element : all) {
    if (!element.id().empty() && !seen.insert(element.id()).second) {
      faults->Add(absl::StrCat(list, "[", i, "].id"),
                  absl::StrCat("\"", element.id(),
                               "\" is there twice; ids are unique, so give one "
                               "of the two another"));
    }
    ++i;
  }
}

// That a connection to NATS, a source's or a sink's, has one way to say who it
// is.
template <typename Nats>
void CheckNatsUser(const Nats& nats, const std::string& path,
                   FaultList* faults) {
  if (nats.credentials_file().empty() || nats.nkey_seed_file().empty()) return;
  faults->Add(Join(path, "nkey_seed_file"),
              "nkey_seed_file and credentials_file exclude each other; keep "
              "one");
}

}  // namespace weir

#endif  // WEIR_HOST_CONFIG_CHECK_PARTS_H_
