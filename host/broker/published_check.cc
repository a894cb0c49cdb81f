#include "host/broker/published_check.h"

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "host/broker/event_check.h"
#include "host/broker/replay_id.h"
#include "host/status/error_info.h"

namespace weir {
namespace {

absl::Status CheckSize(const Event& event, absl::string_view epoch,
                       const EventCodec& codec) {
  constexpr uint64_t kLongest = std::numeric_limits<uint64_t>::max();
  std::string framed;
  // A time with as many digits as any that is to come.
  codec.AppendFramed(event, FormatReplayId(epoch, kLongest), kLongest,
                     absl::FromUnixNanos(std::numeric_limits<int64_t>::max()),
                     &framed);
  if (framed.size() <= kMaxEventBytes) return absl::OkStatus();
  return MakeError(
      absl::StatusCode::kResourceExhausted,
      absl::StrCat(framed.size(), " bytes; the limit is ", kMaxEventBytes),
      {.reason = "EVENT_TOO_LARGE",
       .metadata = {{"size", absl::StrCat(framed.size())},
                    {"limit", absl::StrCat(kMaxEventBytes)}}});
}

}  // namespace

absl::Status CheckPublished(const std::vector<Event>& events,
                            absl::string_view epoch, const EventCodec& codec) {
  for (size_t i = 0; i < events.size(); ++i) {
    absl::Status status = CheckEvent(events[i]);
    if (status.ok()) status = CheckSize(events[i], epoch, codec);
    if (status.ok()) continue;
    ErrorInfo info = GetErrorInfo(status).value_or(ErrorInfo());
    info.metadata["index"] = absl::StrCat(i);
    const std::string path = absl::StrCat("events[", i, "]");
    if (info.reason == "EVENT_INVALID") {
      info.field_violations = {{absl::StrCat(path, ".", info.metadata["field"]),
                                std::string(status.message())}};
    }
    return MakeError(status.code(), absl::StrCat(path, ": ", status.message()),
                     info);
  }
  return absl::OkStatus();
}

}  // namespace weir
