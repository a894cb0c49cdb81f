// What a PluginMachine tells of itself, from any thread.

#include <utility>

#include "absl/strings/str_cat.h"
#include "host/plugin/plugin_machine.h"

namespace weir {

using State = PluginStatus::State;
using Condition = PluginStatus::Condition;

PluginStatus PluginMachine::status() const {
  const HandlerStats stats = slot_->Stats();
  PluginStatus status;
  InstanceHealth::Report health;
  {
    MutexLock lock(&mu_);
    status = status_;
    if (pid_) status.pid = pid_();
    if (health_) health = health_();
  }
  status.health = health.text;
  if (health.degraded) status.conditions.push_back(Condition::kDegraded);
  status.wanted_message_types = stats.wanted_types;
  status.etag =
      absl::StrCat(status.generation, "-", static_cast<int>(status.state), "-",
                   status.config_revision);
  AddConditions(stats, status);
  return status;
}

void PluginMachine::AddConditions(const HandlerStats& stats,
                                  PluginStatus& status) const {
  const absl::Time now = around_.clock.Now();
  const bool running = status.state == State::kRunning;
  if (running && stats.busy_for > status.soft_deadline) {
    status.conditions.push_back(Condition::kHung);
  }
  if (running && now - stats.last_drop < kRecent) {
    status.conditions.push_back(Condition::kOverloaded);
  }
  if (running && stats.blocking) {
    status.conditions.push_back(Condition::kBlockingSource);
  }
  const int64_t last_ns = services_->counts().last_rejection_ns;
  if (last_ns != 0 &&
      absl::Nanoseconds(around_.clock.MonotonicNs() - last_ns) < kRecent) {
    status.conditions.push_back(Condition::kEmitLimited);
  }
  if (running && status.conditions.empty()) {
    status.conditions.push_back(Condition::kHealthy);
  }
  // These say something of the code, not of how it does.
  MutexLock lock(&mu_);
  if (!status.demotion.empty()) {
    status.conditions.push_back(Condition::kDemoted);
  }
  if (!why_pinned_.empty()) {
    status.conditions.push_back(Condition::kPinnedLibrary);
  }
  if (on_probation_) status.conditions.push_back(Condition::kOnProbation);
  if (rolled_back_) status.conditions.push_back(Condition::kRolledBack);
  if (file_changed_ || config_refused_) {
    status.conditions.push_back(Condition::kFileChanged);
  }
  if (file_missing_) status.conditions.push_back(Condition::kFileMissing);
}

PluginStats PluginMachine::stats() const {
  PluginStats stats;
  stats.handler = slot_->Stats();
  {
    MutexLock lock(&mu_);
    stats.name = status_.name;
    stats.generation = status_.generation;
    stats.child_cpu_seconds = ended_cpu_seconds_;
    if (cpu_seconds_) stats.child_cpu_seconds += cpu_seconds_();
    if (previous_cpu_seconds_) {
      stats.child_cpu_seconds += previous_cpu_seconds_();
    }
    stats.handler.cpu_seconds += stats.child_cpu_seconds;
    if (rss_bytes_) stats.memory_bytes = rss_bytes_();
    if (previous_rss_bytes_) stats.memory_bytes += previous_rss_bytes_();
    stats.restarts = status_.restart_count;
    stats.crashes = crashes_;
    stats.hangs = hangs_;
    stats.reset_time = reset_time_;
  }
  PluginHostServices::Counts counts = services_->counts();
  stats.events_emitted = counts.emitted;
  stats.events_rejected = std::move(counts.rejected);
  stats.log_lines = counts.log_lines;
  stats.log_lines_suppressed = counts.log_lines_suppressed;
  stats.ticks = counts.ticks;
  stats.tick_errors = counts.tick_errors;
  stats.metrics = services_->metrics().Read();
  stats.metrics_refused = services_->metrics().refused();
  if (const KeyValueStore* const store = services_->key_values();
      store != nullptr) {
    const KeyValueStore::Counts kept = store->counts(services_->id());
    stats.kv_bytes = kept.bytes;
    stats.kv_gets = kept.gets;
    stats.kv_changes = kept.changes;
    stats.kv_refused = kept.refused;
    stats.kv_errors = kept.errors;
    stats.kv_last_error = kept.last_error;
  }
  return stats;
}

}  // namespace weir
