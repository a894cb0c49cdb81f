#ifndef WEIR_TESTS_FAKES_FAKE_INSTANCE_MAKER_H_
#define WEIR_TESTS_FAKES_FAKE_INSTANCE_MAKER_H_

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "host/pipeline/handler.h"
#include "host/pipeline/message_copy.h"
#include "host/pipeline/name_table.h"
#include "host/plugin/config_change.h"
#include "host/plugin/config_schema.h"
#include "host/plugin/instance_health.h"
#include "host/plugin/instance_maker.h"
#include "host/plugin/plugin_host_services.h"
#include "host/plugin/plugin_slot.h"
#include "host/sync/mutex.h"
#include "tests/fakes/fake_handler.h"

namespace weir {

// Makes FakeHandlers, of what a test says is in the file. Thread-safe.
class FakeInstanceMaker final : public InstanceMaker {
 public:
  absl::StatusOr<MadeInstance> Make(
      const PluginSlotSpec& spec, uint64_t generation, absl::string_view sha256,
      std::shared_ptr<PluginHostServices>) override {
    MutexLock lock(&mu_);
    asked_.push_back(absl::StrCat(generation, " ", sha256));
    const std::string digest(sha256.empty() ? in_folder_ : sha256);
    if (!file_.ok()) return file_;
    if (digest == spec.denied_sha256) {
      return absl::FailedPreconditionError("x.so: file.sha256: quarantined");
    }
    const ConfigSchema schema = ConfigSchema::Parse(schema_).value();
    const ConfigSchema::Checked checked = schema.Check(spec.config_json);
    if (!checked.faults.empty()) {
      return ConfigInvalid(absl::StatusCode::kFailedPrecondition, spec.id,
                           checked.faults);
    }
    configs_.push_back(checked.json);
    MadeInstance made;
    made.sha256 = digest;
    made.config_schema = schema_;
    made.schema = schema;
    made.config_json = checked.json;
    made.version = absl::StrCat("v", digest);
    made.abi_version = 1;
    made.handler = std::make_shared<FakeHandler>(record_, script_);
    made.health = [this] { return health_.Get(); };
    made.isolation = std::count(spec.demoted_sha256.begin(),
                                spec.demoted_sha256.end(), digest) > 0
                         ? PluginStatus::Isolation::kChild
                         : spec.options.isolation;
    if (in_child_) {
      made.isolation = PluginStatus::Isolation::kChild;
      made.pid = [] { return 4711; };
      made.cpu_seconds = [this, generation] {
        MutexLock lock(&mu_);
        return usage_[generation].first;
      };
      made.rss_bytes = [this, generation] {
        MutexLock lock(&mu_);
        return usage_[generation].second;
      };
      made.death = [this, generation]() -> std::optional<InstanceDeath> {
        MutexLock lock(&mu_);
        if (generation != dead_) return std::nullopt;
        if (death_.has_value()) return death_;
        MessageCopy message;
        message.type_id = death_type_;
        message.seq = 7;
        message.payload_bytes = 100;
        return InstanceDeath{
            "SIGSEGV", std::move(message), {"x.so+0x1 Act+0x1"}, "Act"};
      };
    }
    return made;
  }

  // There is nothing here that could be tried in a child.
  absl::StatusOr<std::shared_ptr<Trial>> MakeTrial(const PluginSlotSpec&,
                                                   absl::string_view) override {
    return absl::UnimplementedError("MakeTrial");
  }

  absl::StatusOr<ModuleFacts> Look(const PluginSlotSpec&,
                                   absl::string_view sha256) override {
    MutexLock lock(&mu_);
    if (!file_.ok()) return file_;
    const std::string digest(sha256.empty() ? in_folder_ : sha256);
    return ModuleFacts{.sha256 = digest,
                       .version = absl::StrCat("v", digest),
                       .abi_version = 1,
                       .config_schema = schema_,
                       .schema = ConfigSchema::Parse(schema_).value()};
  }

  // The schema of the plugin, which must be one.
  void set_schema(std::string schema) {
    MutexLock lock(&mu_);
    schema_ = std::move(schema);
  }
  // What each instance was made with, and what was given to one that lived.
  std::vector<std::string> configs() const {
    MutexLock lock(&mu_);
    return configs_;
  }
  std::vector<std::string> reconfigured() const {
    return record_->reconfigured();
  }

  // What lies in the folder, by digest.
  void PutFile(std::string digest) {
    MutexLock lock(&mu_);
    in_folder_ = std::move(digest);
  }
  // What is wrong with the file.
  void set_file(absl::Status file) {
    MutexLock lock(&mu_);
    file_ = std::move(file);
  }
  void set_script(FakeHandlerScript script) {
    MutexLock lock(&mu_);
    script_ = std::move(script);
  }
  void set_in_child(bool in_child) {
    MutexLock lock(&mu_);
    in_child_ = in_child;
  }
  // What all instances say of how they do.
  InstanceHealth& health() { return health_; }
  FakeHandlerRecord& record() { return *record_; }
  // The child of `generation` has died.
  void set_dead(uint64_t generation) {
    MutexLock lock(&mu_);
    dead_ = generation;
  }
  // What the child of `generation` costs.
  void set_child_usage(uint64_t generation, double cpu_seconds,
                       uint64_t rss_bytes) {
    MutexLock lock(&mu_);
    usage_[generation] = {cpu_seconds, rss_bytes};
  }
  // How it dies, instead of as it does.
  void set_death(InstanceDeath death) {
    MutexLock lock(&mu_);
    death_ = std::move(death);
  }
  // The type of the message that one dies of.
  void set_death_type(uint16_t type) {
    MutexLock lock(&mu_);
    death_type_ = type;
  }
  // "<generation> <digest or nothing>" of each that was asked for.
  std::vector<std::string> asked() const {
    MutexLock lock(&mu_);
    return asked_;
  }

 private:
  mutable Mutex mu_;
  std::string in_folder_ ABSL_GUARDED_BY(mu_) = "aa";
  absl::Status file_ ABSL_GUARDED_BY(mu_);
  FakeHandlerScript script_ ABSL_GUARDED_BY(mu_);
  std::string schema_ ABSL_GUARDED_BY(mu_);
  std::vector<std::string> configs_ ABSL_GUARDED_BY(mu_);
  bool in_child_ ABSL_GUARDED_BY(mu_) = false;
  uint64_t dead_ ABSL_GUARDED_BY(mu_) = 0;
  std::optional<InstanceDeath> death_ ABSL_GUARDED_BY(mu_);
  std::map<uint64_t, std::pair<double, uint64_t>> usage_ ABSL_GUARDED_BY(mu_);
  uint16_t death_type_ ABSL_GUARDED_BY(mu_) = kTypeUpdate;
  std::vector<std::string> asked_ ABSL_GUARDED_BY(mu_);
  InstanceHealth health_;
  const std::shared_ptr<FakeHandlerRecord> record_ =
      std::make_shared<FakeHandlerRecord>();
};

}  // namespace weir

#endif  // WEIR_TESTS_FAKES_FAKE_INSTANCE_MAKER_H_
