#include "host/config/check_parts.h"

#include <vector>

#include "absl/strings/str_join.h"
#include "google/protobuf/descriptor.h"

namespace weir {

std::string Join(const std::string& path, absl::string_view field) {
  return path.empty() ? std::string(field) : absl::StrCat(path, ".", field);
}

absl::Duration ToDuration(const google::protobuf::Duration& proto) {
  return absl::Seconds(proto.seconds()) + absl::Nanoseconds(proto.nanos());
}

void CheckNotLonger(const google::protobuf::Duration& a,
                    const google::protobuf::Duration& b,
                    const std::string& path, absl::string_view other,
                    FaultList* faults) {
  if (ToDuration(a) <= ToDuration(b)) return;
  faults->Add(path, absl::StrCat(absl::FormatDuration(ToDuration(a)),
                                 " is longer than ", other, ", ",
                                 absl::FormatDuration(ToDuration(b)),
                                 "; lower it, or raise ", other));
}

void CheckHasKind(const google::protobuf::Message& message,
                  const std::string& path, const std::string& name,
                  FaultList* faults) {
  const google::protobuf::OneofDescriptor* oneof =
      message.GetDescriptor()->FindOneofByName(name);
  if (message.GetReflection()->HasOneof(message, oneof)) return;
  std::vector<std::string> kinds;
  for (int i = 0; i < oneof->field_count(); ++i) {
    kinds.push_back(oneof->field(i)->name());
  }
  faults->Add(path, absl::StrCat("has no ", name, "; add one of ",
                                 absl::StrJoin(kinds, ", ")));
}

}  // namespace weir
