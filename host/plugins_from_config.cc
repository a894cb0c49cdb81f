#include "host/plugins_from_config.h"

#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "absl/time/time.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"
#include "host/config/config_error.h"
#include "host/config/host_config_check.h"
#include "host/config/load_config.h"
#include "host/config/overrule_settings.h"
#include "host/config/plugin_settings.h"
#include "host/config/struct_json.h"
#include "host/control/sandbox_profile.h"
#include "host/plugin/plugin_folder.h"
#include "host/plugin/sha256.h"
#include "host/rpc/proto_time.h"
#include "host/status/error_info.h"

namespace weir {
namespace {

constexpr absl::string_view kPolicyPath = "settings.policy";

QueuePolicy ToPolicy(v1::QueuePolicy policy) {
  switch (policy) {
    case v1::QUEUE_POLICY_DROP_NEWEST:
      return QueuePolicy::kDropNewest;
    case v1::QUEUE_POLICY_DROP_OLDEST:
      return QueuePolicy::kDropOldest;
    case v1::QUEUE_POLICY_BLOCK:
      return QueuePolicy::kBlock;
    default:
      return QueuePolicy::kLinearDrop;
  }
}

// The numbers are the same in both.
SandboxProfile ToSandbox(v1::SandboxProfile sandbox) {
  return sandbox == v1::SANDBOX_PROFILE_UNSPECIFIED
             ? SandboxProfile::kStrict
             : static_cast<SandboxProfile>(sandbox);
}

PluginSlotOptions ToOptions(const v1::PluginConfig& plugin,
                            const v1::PluginsConfig& all, uint64_t seed) {
  const v1::PluginSettings& settings = plugin.settings();
  PluginSlotOptions options;
  options.disabled = plugin.disabled();
  options.isolation = settings.isolation() == v1::ISOLATION_IN_PROCESS
                          ? PluginStatus::Isolation::kInProcess
                          : PluginStatus::Isolation::kChild;
  options.sandbox = ToSandbox(settings.sandbox());
  options.policy = ToPolicy(settings.policy());
  options.capacity = settings.capacity();
  options.max_capacity = all.max_capacity();
  options.sources.assign(plugin.sources().begin(), plugin.sources().end());
  options.seed = seed;
  options.soft_deadline = FromProto(settings.soft_deadline());
  options.hard_deadline = FromProto(settings.hard_deadline());
  options.create_deadline = FromProto(settings.create_deadline());
  options.drain_timeout = FromProto(settings.drain_timeout());
  options.emit_limit_per_second = settings.emit_limit_per_second();
  options.log_limit_per_second = settings.log_limit_per_second();
  options.emit_ring_events = settings.emit_ring_events();
  options.memory_limit_bytes = settings.memory_limit_bytes();
  options.max_crashes = settings.max_crashes();
  options.max_consecutive_errors = settings.max_consecutive_errors();
  options.redeliver_once = settings.redeliver_once();
  options.on_remove =
      settings.on_remove() == v1::PluginSettings::ON_REMOVE_UNLOAD
          ? OnRemove::kUnload
          : OnRemove::kKeepRunning;
  options.on_change =
      settings.on_change() == v1::PluginSettings::ON_CHANGE_NOTIFY
          ? OnChange::kNotify
          : OnChange::kUpgrade;
  options.probation_time = FromProto(settings.probation_time());
  options.probation_messages = settings.probation_messages();
  return options;
}

std::string Sha256Of(absl::string_view bytes) {
  Sha256 digest;
  digest.Add(bytes);
  return digest.Hex();
}

// `settings` with `field` alone.
v1::PluginSettings Only(v1::PluginSettings settings,
                        const google::protobuf::FieldDescriptor* field) {
  const auto* const reflection = v1::PluginSettings::GetReflection();
  std::vector<const google::protobuf::FieldDescriptor*> fields;
  reflection->ListFields(settings, &fields);
  for (const auto* const other : fields) {
    if (other != field) reflection->ClearField(&settings, other);
  }
  return settings;
}

// What the files say of a slot themselves: without what is as the defaults say,
// so that other defaults do not look like another NAME.yaml.
std::string Written(v1::PluginConfig plugin,
                    const v1::PluginSettings& defaults) {
  v1::PluginSettings& settings = *plugin.mutable_settings();
  const auto* const reflection = v1::PluginSettings::GetReflection();
  std::vector<const google::protobuf::FieldDescriptor*> fields;
  reflection->ListFields(settings, &fields);
  for (const auto* const field : fields) {
    if (Only(settings, field).SerializeAsString() ==
        Only(defaults, field).SerializeAsString()) {
      reflection->ClearField(&settings, field);
    }
  }
  return plugin.SerializeAsString();
}

// Fills in what the configuration says of the slot.
void Configure(const v1::HostConfig& config, const Environment& environment,
               uint64_t seed, PluginSlotSpec* spec) {
  // "/x/origin_watch.so" has its settings in "/x/origin_watch.yaml".
  const std::string yaml =
      absl::StrCat(absl::StripSuffix(spec->path, ".so"), ".yaml");
  const PluginConfigResult result =
      LoadPluginConfig(yaml, spec->id, config, environment);
  if (!result.ok()) {
    spec->status = absl::InvalidArgumentError(absl::StrJoin(
        result.errors, "; ", [&](std::string* out, const ConfigError& error) {
          absl::StrAppend(out, ToString(error, yaml));
        }));
    return;
  }
  const auto& allowed = config.plugins().allowed_sha256();
  spec->allowed_sha256.assign(allowed.begin(), allowed.end());
  const std::string& own = result.config.sha256();
  if (!own.empty()) {
    // Both have to agree, where both say something.
    const bool known =
        allowed.empty() ||
        std::find(allowed.begin(), allowed.end(), own) != allowed.end();
    if (!known) {
      spec->status = absl::FailedPreconditionError(absl::StrCat(
          "sha256: ", own, " is not in plugins.allowed_sha256; add it there"));
      return;
    }
    spec->allowed_sha256 = {own};
  }
  spec->options = ToOptions(result.config, config.plugins(), seed);
  spec->config_json = StructToJson(result.config.config());
  v1::PluginConfig settings = result.config;
  settings.clear_config();
  spec->file_settings = settings.SerializeAsString();
  spec->file_settings_sha256 =
      Sha256Of(Written(settings, config.plugins().defaults()));
}

}  // namespace

absl::StatusOr<std::string> ConfiguredSlotSettings::Merge(
    absl::string_view before, absl::string_view change,
    const std::vector<std::string>& fields) const {
  v1::PluginSettings merged;
  v1::PluginSettings with;
  if (!merged.ParseFromArray(before.data(), static_cast<int>(before.size())) ||
      !with.ParseFromArray(change.data(), static_cast<int>(change.size()))) {
    return absl::InvalidArgumentError("settings: not those of a plugin");
  }
  const auto* const type = v1::PluginSettings::descriptor();
  const auto* const reflection = v1::PluginSettings::GetReflection();
  for (int i = 0; i < type->field_count(); ++i) {
    const auto* const field = type->field(i);
    const bool named = fields.empty()
                           ? reflection->HasField(with, field)
                           : std::find(fields.begin(), fields.end(),
                                       field->name()) != fields.end();
    if (named) {
      reflection->ClearField(&merged, field);
    } else {
      reflection->ClearField(&with, field);
    }
  }
  merged.MergeFrom(with);
  return merged.SerializeAsString();
}

absl::StatusOr<PluginSlotOptions> ConfiguredSlotSettings::Apply(
    const PluginSlotSpec& spec, absl::string_view set) const {
  v1::PluginConfig files;
  v1::PluginSettings settings;
  if (!files.ParseFromString(spec.file_settings) ||
      !settings.ParseFromArray(set.data(), static_cast<int>(set.size()))) {
    return absl::InvalidArgumentError("settings: not those of a plugin");
  }
  const PluginConfigResult result = OverruleSettings(files, settings, config_);
  if (result.ok()) {
    return ToOptions(result.config, config_.plugins(), seed_);
  }
  const v1::SourceConfig* const source =
      SourceWithoutFlowControl(files, config_);
  if (settings.policy() == v1::QUEUE_POLICY_BLOCK && source != nullptr &&
      std::all_of(
          result.errors.begin(), result.errors.end(),
          [](const ConfigError& error) { return error.path == kPolicyPath; })) {
    return MakeError(
        absl::StatusCode::kFailedPrecondition,
        absl::StrCat(kPolicyPath, ": ", result.errors.front().message),
        {.reason = "POLICY_NEEDS_FLOW_CONTROL",
         .metadata = {{"name", absl::StrCat("plugins/", spec.id)},
                      {"source", absl::StrCat("sources/", source->id())}}});
  }
  ErrorInfo info = {.reason = "INVALID_FIELD",
                    .metadata = {{"field", result.errors.front().path}}};
  for (const ConfigError& error : result.errors) {
    info.field_violations.emplace_back(error.path, error.message);
  }
  return MakeError(
      absl::StatusCode::kInvalidArgument,
      absl::StrJoin(info.field_violations, "; ", absl::PairFormatter(": ")),
      info);
}

std::vector<uid_t> PluginOwners(const v1::PluginsConfig& config,
                                std::vector<std::string>* notices) {
  std::vector<uid_t> owners;
  for (const std::string& name : config.allowed_owners()) {
    const passwd* const user = getpwnam(name.c_str());
    if (user == nullptr) {
      if (notices != nullptr) {
        notices->push_back(absl::StrCat(
            "plugins.allowed_owners: no user is called \"", name, "\""));
      }
      continue;
    }
    owners.push_back(user->pw_uid);
  }
  return owners;
}

PluginPlan PlanPlugins(const v1::HostConfig& config,
                       const Environment& environment, uint64_t seed,
                       const std::string& module) {
  PluginPlan plan;
  const v1::PluginsConfig& plugins = config.plugins();
  const std::vector<std::string> folders(plugins.folders().begin(),
                                         plugins.folders().end());
  PluginFolderContents contents =
      ReadPluginFolders(folders, PluginOwners(plugins, &plan.notices));
  plan.notices.insert(plan.notices.end(), contents.notices.begin(),
                      contents.notices.end());

  // By id: what is in the folders, and what the configuration names beside it.
  std::map<std::string, PluginSlotSpec> specs;
  for (PluginFile& file : contents.files) {
    const v1::PluginConfig& entry = PluginEntry(config, file.id);
    if (!plugins.autoload() && entry.id().empty() && file.module != module) {
      continue;
    }
    PluginSlotSpec& spec = specs[file.id];
    spec.id = file.id;
    spec.module = file.module;
    spec.path = file.path;
    spec.status = file.status;
  }
  for (const v1::PluginConfig& entry : plugins.plugins()) {
    const std::string named =
        entry.module().empty() ? ModuleOf(entry.id()) : entry.module();
    PluginSlotSpec& spec = specs[entry.id()];
    if (spec.module == named) continue;
    spec.id = entry.id();
    spec.module = named;
    const auto file = std::find_if(
        contents.files.begin(), contents.files.end(),
        [&](const PluginFile& known) { return known.module == named; });
    if (file != contents.files.end()) {
      spec.path = file->path;
      spec.status = file->status;
    } else if (!entry.disabled()) {
      spec.status = absl::NotFoundError(
          absl::StrCat(named, ": in none of the plugin folders (",
                       absl::StrJoin(folders, ", "), "); put it there"));
    }
  }
  for (auto& [id, spec] : specs) {
    if (spec.status.ok()) Configure(config, environment, seed, &spec);
    plan.specs.push_back(std::move(spec));
  }
  plan.contents = std::move(contents);
  return plan;
}

}  // namespace weir
