#include "host/config/not_served_yet.h"

#include <algorithm>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "host/config/field_text.h"
#include "host/config/walk_fields.h"

namespace weir {
namespace {

struct Row {
  absl::string_view field;  // its full name, without "weir.v1."
  absl::string_view why;    // after the field's path
  // Values that are served all the same, as they are written.
  std::vector<absl::string_view> served = {};
};

constexpr absl::string_view kNoRoles =
    "needs authentication by tokens or certificates, which this version does "
    "not have; remove it";
constexpr absl::string_view kSinkKinds =
    "not in this version of weir; kinds that are: nakadi, frame_tcp, nats, "
    "steward. Other readers use EventService.Subscribe or `weir watch`";
constexpr absl::string_view kNoHttp =
    "needs the HTTP side, which this version does not have; remove it";

const std::vector<Row>& Table() {
  static const auto* const table = new std::vector<Row>{
      {"Listener.tls",
       "not in this version of weir; use a loopback address or a Unix socket, "
       "or `insecure: true` behind something that encrypts"},
      {"Security.tokens_file", kNoRoles},
      {"Security.certificate_roles", kNoRoles},
      {"ApiLimits.max_subscribers_per_principal", kNoRoles},
      {"SinkConfig.file", kSinkKinds},
      {"SinkConfig.syslog", kSinkKinds},
      {"SinkConfig.webhook", kSinkKinds},
      {"SinkConfig.email", kSinkKinds},
      {"SinkConfig.exec", kSinkKinds},
      {"MetricsConfig.listen", kNoHttp, {""}},
      {"MetricsConfig.tls", kNoHttp},
      {"MetricsConfig.insecure", kNoHttp, {"false"}},
      {"MetricsConfig.max_series_per_plugin", kNoHttp},
  };
  return *table;
}

const Row* FindRow(absl::string_view full_name) {
  for (const Row& row : Table()) {
    if (full_name == absl::StrCat("weir.v1.", row.field)) return &row;
  }
  return nullptr;
}

}  // namespace

void CheckNotServedYet(const google::protobuf::Message& message,
                       const std::string& path, FaultList* faults) {
  WalkFields(message, path, [&](const FieldAt& at) {
    const Row* row = FindRow(at.field.full_name());
    if (row == nullptr) return true;
    if (IsWrittenAsText(at.field) && !at.field.is_repeated()) {
      const std::string text = ToText(at.message, at.field, at.index);
      if (std::count(row->served.begin(), row->served.end(), text) > 0) {
        return true;
      }
    }
    faults->Add(at.path, std::string(row->why));
    return false;
  });
}

}  // namespace weir
