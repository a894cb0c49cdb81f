#include "host/rpc/plugin_convert.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "absl/time/time.h"
#include "google/protobuf/util/json_util.h"
#include "host/rpc/proto_time.h"
#include "host/status/error_info.h"

namespace weir {
namespace {

constexpr absl::Duration kMaxDrainTimeout = absl::Seconds(60);

v1::QueuePolicy ToProto(QueuePolicy policy) {
  switch (policy) {
    case QueuePolicy::kLinearDrop:
      return v1::QUEUE_POLICY_LINEAR_DROP;
    case QueuePolicy::kDropNewest:
      return v1::QUEUE_POLICY_DROP_NEWEST;
    case QueuePolicy::kDropOldest:
      return v1::QUEUE_POLICY_DROP_OLDEST;
    case QueuePolicy::kBlock:
      return v1::QUEUE_POLICY_BLOCK;
  }
  return v1::QUEUE_POLICY_UNSPECIFIED;
}

void FillSettings(const PluginStatus& plugin, v1::PluginSettings* out) {
  out->set_isolation(static_cast<v1::Isolation>(plugin.isolation));
  out->set_sandbox(static_cast<v1::SandboxProfile>(plugin.sandbox));
  out->set_policy(ToProto(plugin.policy));
  out->set_capacity(plugin.effective_capacity);
  out->set_memory_limit_bytes(plugin.memory_limit_bytes);
  out->set_emit_limit_per_second(plugin.emit_limit_per_second);
  out->set_emit_ring_events(plugin.emit_ring_events);
  out->set_log_limit_per_second(plugin.log_limit_per_second);
  *out->mutable_soft_deadline() = weir::ToProto(plugin.soft_deadline);
  *out->mutable_hard_deadline() = weir::ToProto(plugin.hard_deadline);
  *out->mutable_create_deadline() = weir::ToProto(plugin.create_deadline);
  *out->mutable_drain_timeout() = weir::ToProto(plugin.drain_timeout);
  out->set_max_crashes(plugin.max_crashes);
  out->set_max_consecutive_errors(plugin.max_consecutive_errors);
  out->set_redeliver_once(plugin.redeliver_once);
  out->set_on_remove(plugin.unload_on_remove
                         ? v1::PluginSettings::ON_REMOVE_UNLOAD
                         : v1::PluginSettings::ON_REMOVE_KEEP_RUNNING);
  out->set_on_change(plugin.notify_on_change
                         ? v1::PluginSettings::ON_CHANGE_NOTIFY
                         : v1::PluginSettings::ON_CHANGE_UPGRADE);
  *out->mutable_probation_time() = weir::ToProto(plugin.probation_time);
  out->set_probation_messages(plugin.probation_messages);
}

void FillTransition(const PluginStatus& plugin, v1::Plugin::Transition* out) {
  out->set_from(static_cast<v1::Plugin::State>(plugin.last_transition.from));
  out->set_to(static_cast<v1::Plugin::State>(plugin.last_transition.to));
  out->set_reason(plugin.last_transition.reason);
  out->set_actor(plugin.last_transition.actor);
  SetTime(plugin.last_transition.time, [&] { return out->mutable_time(); });
  out->set_generation(plugin.last_transition.generation);
}

bool IsPluginId(absl::string_view id) {
  const auto may_end = [](char c) {
    return absl::ascii_islower(c) || absl::ascii_isdigit(c);
  };
  return !id.empty() && id.size() <= 63 && absl::ascii_islower(id.front()) &&
         may_end(id.back()) && std::all_of(id.begin(), id.end(), [&](char c) {
           return may_end(c) || c == '-';
         });
}

bool IsSha256(absl::string_view text) {
  return text.size() == 64 && std::all_of(text.begin(), text.end(), [](char c) {
           return absl::ascii_isdigit(c) || (c >= 'a' && c <= 'f');
         });
}

bool IsUuid(absl::string_view text) {
  if (text.size() != 36) return false;
  for (size_t i = 0; i < text.size(); ++i) {
    const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    if (dash ? text[i] != '-' : !absl::ascii_isxdigit(text[i])) return false;
  }
  return true;
}

// The fields of one request that are at fault, and why.
class Faults {
 public:
  void Add(absl::string_view field, std::string fault) {
    faults_.emplace_back(field, std::move(fault));
  }

  absl::Status ToStatus() const {
    if (faults_.empty()) return absl::OkStatus();
    return MakeError(absl::StatusCode::kInvalidArgument,
                     absl::StrJoin(faults_, "; ", absl::PairFormatter(": ")),
                     {.reason = "INVALID_FIELD",
                      .metadata = {{"field", faults_.front().first}},
                      .field_violations = faults_});
  }

 private:
  std::vector<std::pair<std::string, std::string>> faults_;
};

void CheckName(absl::string_view name, bool may_be_all, Faults* faults) {
  absl::string_view id = name;
  if (name.empty()) {
    faults->Add("name", "required; ListPlugins names all plugins");
  } else if (!absl::ConsumePrefix(&id, "plugins/") || id.empty()) {
    faults->Add("name", absl::StrCat("\"", name,
                                     "\" is no plugin's name, which looks "
                                     "like plugins/counts"));
  } else if (id == "-" && !may_be_all) {
    faults->Add("name", "\"plugins/-\" is all plugins; name one");
  }
}

void CheckModule(absl::string_view module, bool required, Faults* faults) {
  if (module.empty()) {
    if (required) {
      faults->Add("module", "required: a file of a plugin folder, counts.so");
    }
    return;
  }
  const bool path = module == "." || module == ".." ||
                    module.find('/') != absl::string_view::npos ||
                    module.find('\0') != absl::string_view::npos;
  if (path) {
    faults->Add("module", absl::StrCat("\"", module,
                                       "\" is a path; give the name of a file "
                                       "of a plugin folder, counts.so"));
  }
}

void CheckSha256(absl::string_view sha256, Faults* faults) {
  if (sha256.empty() || IsSha256(sha256)) return;
  faults->Add("sha256",
              absl::StrCat("\"", sha256, "\" is not 64 lower-case hex digits"));
}

// Which plugin and which code: the fields of `request` that say so.
template <typename Request>
void FillTarget(const Request& request, PluginOperation* operation,
                Faults* faults) {
  using Kind = PluginOperation::Kind;
  if constexpr (requires { request.plugin_id(); }) {
    if (!request.plugin_id().empty()) {
      operation->name = absl::StrCat("plugins/", request.plugin_id());
      if (!IsPluginId(request.plugin_id())) {
        faults->Add("plugin_id",
                    absl::StrCat("\"", request.plugin_id(),
                                 "\" is not 1 to 63 of a-z, 0-9 and -, from a "
                                 "letter to a letter or digit"));
      }
    }
  } else {
    operation->name = request.name();
    CheckName(request.name(), operation->kind == Kind::kResetStats, faults);
  }
  if constexpr (requires { request.module(); }) {
    operation->module = request.module();
    operation->sha256 = request.sha256();
    CheckModule(request.module(), operation->kind == Kind::kLoad, faults);
    CheckSha256(request.sha256(), faults);
  }
}

// The configuration and the settings that a request has.
template <typename Request>
void FillConfig(const Request& request, PluginOperation* operation,
                Faults* faults) {
  if constexpr (requires { request.has_config(); }) {
    if (request.has_config()) {
      std::string json;
      const auto status =
          google::protobuf::util::MessageToJsonString(request.config(), &json);
      if (status.ok()) {
        operation->config_json = std::move(json);
      } else {
        // A Value without a kind.
        faults->Add("config", std::string(status.message()));
      }
    }
  }
  if constexpr (requires { request.has_settings(); }) {
    if (request.has_settings()) {
      operation->settings = request.settings().SerializeAsString();
    }
  }
}

// What of the two the mask of `request` lets through.
void FillMask(const v1::UpdatePluginConfigRequest& request,
              PluginOperation* operation, Faults* faults) {
  if (request.update_mask().paths().empty()) {
    if (!request.has_config() && !request.has_settings()) {
      faults->Add("update_mask",
                  "there is nothing to change; set config or settings, or name "
                  "here what is to be as the files say");
    }
    return;
  }
  bool all_config = false;
  bool all_settings = false;
  for (const std::string& path : request.update_mask().paths()) {
    absl::string_view rest = path;
    if (path == "config") {
      all_config = true;
    } else if (path == "settings") {
      all_settings = true;
    } else if (absl::ConsumePrefix(&rest, "config.") && !rest.empty()) {
      operation->config_keys.emplace_back(rest);
    } else if (absl::ConsumePrefix(&rest, "settings.") &&
               v1::PluginSettings::descriptor()->FindFieldByName(
                   std::string(rest)) != nullptr) {
      operation->settings_fields.emplace_back(rest);
    } else {
      faults->Add("update_mask",
                  absl::StrCat("\"", path,
                               "\" is neither config, a key of it such as "
                               "config.threshold, settings, nor a field of "
                               "it such as settings.capacity"));
    }
  }
  if (all_config) {
    operation->config_keys.clear();
    operation->config_reset = !request.has_config();
  } else if (operation->config_keys.empty()) {
    operation->config_json.reset();  // Not in the mask.
  } else if (!request.has_config()) {
    operation->config_json = "{}";  // Its keys are to go.
  }
  if (all_settings) {
    operation->settings_fields.clear();
    operation->settings_reset = true;
  } else if (operation->settings_fields.empty()) {
    operation->settings.reset();
  } else if (!request.has_settings()) {
    operation->settings = "";  // Its fields are to be as the files say.
  }
}

template <typename Request>
void FillTimes(const Request& request, PluginOperation* operation,
               Faults* faults) {
  if constexpr (requires { request.has_drain_timeout(); }) {
    if (request.has_drain_timeout()) {
      const absl::Duration timeout = FromProto(request.drain_timeout());
      operation->drain_timeout = timeout;
      if (timeout < absl::ZeroDuration() || timeout > kMaxDrainTimeout) {
        faults->Add("drain_timeout", absl::StrCat(absl::FormatDuration(timeout),
                                                  " is not from 0s to 60s"));
      }
    }
  }
  if constexpr (requires { request.has_probation_time(); }) {
    if (request.has_probation_time()) {
      const absl::Duration time = FromProto(request.probation_time());
      operation->probation_time = time;
      if (time < absl::ZeroDuration()) {
        faults->Add("probation_time",
                    absl::StrCat(absl::FormatDuration(time),
                                 " is negative; 0s is none at all"));
      }
    }
  }
}

// Fills `operation` from the fields that the request has: they mean the same
// in all requests.
template <typename Request>
absl::StatusOr<PluginOperation> Fill(const Request& request,
                                     PluginOperation operation) {
  Faults faults;
  FillTarget(request, &operation, &faults);
  FillConfig(request, &operation, &faults);
  if constexpr (requires { request.update_mask(); }) {
    FillMask(request, &operation, &faults);
  }
  FillTimes(request, &operation, &faults);
  if constexpr (requires { request.etag(); }) operation.etag = request.etag();
  if constexpr (requires { request.reason(); }) {
    operation.reason = request.reason();
  }
  if constexpr (requires { request.validate_only(); }) {
    operation.validate_only = request.validate_only();
  }
  if (!request.request_id().empty() && !IsUuid(request.request_id())) {
    faults.Add("request_id", absl::StrCat("\"", request.request_id(),
                                          "\" is no UUID; leave it out, or "
                                          "make one for each request"));
  }
  absl::Status status = faults.ToStatus();
  if (!status.ok()) return status;
  return operation;
}

}  // namespace

void ToProto(const PluginStatus& plugin, v1::Plugin* out) {
  out->set_name(plugin.name);
  out->set_module(plugin.module);
  out->set_version(plugin.version);
  out->set_sha256(plugin.sha256);
  out->set_abi_version(plugin.abi_version);
  out->set_state(static_cast<v1::Plugin::State>(plugin.state));
  for (const PluginStatus::Condition condition : plugin.conditions) {
    out->add_conditions(static_cast<v1::Plugin::Condition>(condition));
  }
  out->set_error(plugin.error);
  FillTransition(plugin, out->mutable_last_transition());
  if (!plugin.config_json.empty()) {
    // It was made from a Struct, so it is one again.
    (void)google::protobuf::util::JsonStringToMessage(plugin.config_json,
                                                      out->mutable_config());
  }
  out->set_config_schema(plugin.config_schema);
  out->set_config_revision(plugin.config_revision);
  FillSettings(plugin, out->mutable_settings());
  out->set_requested_capacity(plugin.requested_capacity);
  out->set_effective_capacity(plugin.effective_capacity);
  out->set_generation(plugin.generation);
  SetTime(plugin.load_time, [&] { return out->mutable_load_time(); });
  SetTime(plugin.update_time, [&] { return out->mutable_update_time(); });
  SetTime(plugin.next_restart_time,
          [&] { return out->mutable_next_restart_time(); });
  out->set_restart_count(plugin.restart_count);
  out->set_poison_count(plugin.poison_count);
  out->set_pid(plugin.pid);
  out->set_etag(plugin.etag);
  for (const std::string& type : plugin.wanted_message_types) {
    out->add_wanted_message_types(type);
  }
  for (const std::string& type : plugin.event_types) out->add_event_types(type);
  out->set_previous_sha256(plugin.previous_sha256);
  out->set_health(plugin.health);
  out->set_demotion(plugin.demotion);
}

absl::StatusOr<PluginOperation> ToOperation(
    const v1::LoadPluginRequest& request) {
  return Fill(request, {.kind = PluginOperation::Kind::kLoad,
                        .start_paused = request.start_paused()});
}

absl::StatusOr<PluginOperation> ToOperation(
    const v1::UnloadPluginRequest& request) {
  return Fill(request, {.kind = PluginOperation::Kind::kUnload,
                        .force = request.force(),
                        .remove = request.remove()});
}

absl::StatusOr<PluginOperation> ToOperation(
    const v1::ReloadPluginRequest& request) {
  return Fill(request,
              {.kind = PluginOperation::Kind::kReload, .cold = request.cold()});
}

absl::StatusOr<PluginOperation> ToOperation(
    const v1::UpgradePluginRequest& request) {
  return Fill(request, {.kind = PluginOperation::Kind::kUpgrade});
}

absl::StatusOr<PluginOperation> ToOperation(
    const v1::RollbackPluginRequest& request) {
  return Fill(request, {.kind = PluginOperation::Kind::kRollback});
}

absl::StatusOr<PluginOperation> ToOperation(
    const v1::UpdatePluginConfigRequest& request) {
  return Fill(request, {.kind = PluginOperation::Kind::kConfigure});
}

absl::StatusOr<PluginOperation> ToOperation(
    const v1::PausePluginRequest& request) {
  return Fill(request, {.kind = PluginOperation::Kind::kPause});
}

absl::StatusOr<PluginOperation> ToOperation(
    const v1::ResumePluginRequest& request) {
  return Fill(request, {.kind = PluginOperation::Kind::kResume});
}

absl::StatusOr<PluginOperation> ToOperation(
    const v1::QuarantinePluginRequest& request) {
  // Unset is 0 s here, and not the slot's: what is quarantined is not given
  // more messages.
  return Fill(request, {.kind = PluginOperation::Kind::kQuarantine,
                        .drain_timeout = absl::ZeroDuration()});
}

absl::StatusOr<PluginOperation> ToOperation(
    const v1::ReleasePluginRequest& request) {
  return Fill(request, {.kind = PluginOperation::Kind::kRelease});
}

absl::StatusOr<PluginOperation> ToOperation(
    const v1::ResetPluginStatsRequest& request) {
  return Fill(request, {.kind = PluginOperation::Kind::kResetStats});
}

absl::StatusOr<PluginCheckRequest> ToCheckRequest(
    const v1::CheckPluginRequest& request) {
  PluginCheckRequest check;
  Faults faults;
  check.module = request.module();
  check.sha256 = request.sha256();
  CheckModule(request.module(), /*required=*/true, &faults);
  CheckSha256(request.sha256(), &faults);
  if (request.has_config()) {
    check.config_json.emplace();
    if (!google::protobuf::util::MessageToJsonString(request.config(),
                                                     &*check.config_json)
             .ok()) {
      faults.Add("config", "has a number that JSON has not; leave it out");
    }
  }
  absl::Status status = faults.ToStatus();
  if (!status.ok()) return status;
  return check;
}

void ToProto(const PluginCheckReport& report, v1::CheckPluginResponse* out) {
  using Level = PluginCheckReport::Level;
  out->set_loadable(report.loadable());
  out->set_sha256(report.sha256);
  out->set_version(report.version);
  out->set_abi_version(report.abi_version);
  out->set_config_schema(report.config_schema);
  for (const PluginCheckReport::Finding& finding : report.findings) {
    v1::CheckPluginResponse::Finding* const to = out->add_findings();
    switch (finding.level) {
      case Level::kOk:
        to->set_level(v1::CheckPluginResponse::Finding::LEVEL_OK);
        break;
      case Level::kWarning:
        to->set_level(v1::CheckPluginResponse::Finding::LEVEL_WARNING);
        break;
      case Level::kError:
        to->set_level(v1::CheckPluginResponse::Finding::LEVEL_ERROR);
        break;
    }
    to->set_check(finding.check);
    to->set_message(finding.message);
  }
}

}  // namespace weir
