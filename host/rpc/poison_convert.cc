#include "host/rpc/poison_convert.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "host/rpc/proto_event_codec.h"
#include "host/rpc/proto_time.h"
#include "host/status/error_info.h"

namespace weir {
namespace {

constexpr char kCollection[] = "/poisonMessages/";

absl::Status InvalidField(const std::string& field, const std::string& fault) {
  return MakeError(absl::StatusCode::kInvalidArgument,
                   absl::StrCat(field, ": ", fault),
                   {.reason = "INVALID_FIELD",
                    .metadata = {{"field", field}},
                    .field_violations = {{field, fault}}});
}

// Newer ones have greater keys.
std::pair<int64_t, uint64_t> KeyOf(const PoisonMessage& poison) {
  return {absl::ToUnixNanos(poison.last_time), poison.number};
}

}  // namespace

absl::StatusOr<PoisonName> ParsePoisonName(absl::string_view name) {
  PoisonName parsed;
  const size_t at = name.find(kCollection);
  if (at != absl::string_view::npos && absl::StartsWith(name, "plugins/") &&
      at > sizeof("plugins/") - 1 &&
      absl::SimpleAtoi(name.substr(at + sizeof(kCollection) - 1),
                       &parsed.number)) {
    parsed.plugin = std::string(name.substr(0, at));
    return parsed;
  }
  return InvalidField("name",
                      absl::StrCat("\"", name,
                                   "\" is no poison message's name, which "
                                   "looks like "
                                   "plugins/counts/poisonMessages/7"));
}

void ToProto(const PoisonMessage& poison, v1::PoisonMessage* out) {
  out->set_name(absl::StrCat(poison.plugin, kCollection, poison.number));
  out->set_plugin_sha256(poison.plugin_sha256);
  out->set_generation(poison.generation);
  out->set_source(poison.source);
  out->set_message_sequence(poison.message.seq);
  out->set_message_type(poison.type);
  *out->mutable_first_time() = ToProto(poison.first_time);
  *out->mutable_last_time() = ToProto(poison.last_time);
  out->set_count(poison.count);
  out->set_fingerprint(poison.fingerprint);
  out->set_cause(poison.cause);
  for (const std::string& frame : poison.frames) out->add_frames(frame);
  out->set_payload_bytes(poison.message.payload_bytes);
}

absl::Status FillPage(const std::vector<PoisonMessage>& all,
                      const v1::ListPoisonMessagesRequest& request,
                      v1::ListPoisonMessagesResponse* response) {
  if (request.page_size() < 0) {
    return InvalidField("page_size",
                        absl::StrCat(request.page_size(),
                                     " is negative; 0 means the default of "
                                     "50"));
  }
  std::pair<int64_t, uint64_t> before = {INT64_MAX, UINT64_MAX};
  if (!request.page_token().empty()) {
    const std::vector<absl::string_view> parts =
        absl::StrSplit(request.page_token(), '-');
    if (parts.size() != 2 || !absl::SimpleAtoi(parts[0], &before.first) ||
        !absl::SimpleAtoi(parts[1], &before.second)) {
      return InvalidField("page_token",
                          "not a token of ListPoisonMessages; begin without");
    }
  }
  const int limit =
      request.page_size() == 0 ? 50 : std::min(request.page_size(), 500);
  const PoisonMessage* last = nullptr;
  for (const PoisonMessage& poison : all) {
    if (KeyOf(poison) >= before) continue;
    if (response->poison_messages_size() == limit) {
      response->set_next_page_token(
          absl::StrCat(KeyOf(*last).first, "-", KeyOf(*last).second));
      break;
    }
    ToProto(poison, response->add_poison_messages());
    last = &poison;
  }
  return absl::OkStatus();
}

absl::StatusOr<PoisonReplay> ToReplay(
    const v1::ReplayPoisonMessageRequest& request) {
  const absl::StatusOr<PoisonName> name = ParsePoisonName(request.name());
  if (!name.ok()) return name.status();
  PoisonReplay replay = {.plugin = name->plugin,
                         .number = name->number,
                         .module = request.module()};
  if (absl::StrContains(request.module(), '/')) {
    return InvalidField("module", absl::StrCat("\"", request.module(),
                                               "\" is a path; give the name of "
                                               "a file of a plugin folder"));
  }
  if (request.has_deadline()) replay.deadline = FromProto(request.deadline());
  if (replay.deadline <= absl::ZeroDuration() ||
      replay.deadline > absl::Seconds(60)) {
    return InvalidField("deadline",
                        absl::StrCat(absl::FormatDuration(replay.deadline),
                                     " is not above 0s and at most 60s"));
  }
  return replay;
}

void ToProto(const TrialResult& result, v1::ReplayPoisonMessageResponse* out) {
  out->set_outcome(
      static_cast<v1::ReplayPoisonMessageResponse::Outcome>(result.outcome));
  out->set_detail(result.detail);
  for (const std::string& frame : result.frames) out->add_frames(frame);
  *out->mutable_handle_time() = ToProto(result.handle_time);
  for (const Event& event : result.events) ToProto(event, out->add_events());
}

}  // namespace weir
