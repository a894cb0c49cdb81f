#ifndef WEIR_HOST_PLUGIN_PLUGIN_HOST_SERVICES_H_
#define WEIR_HOST_PLUGIN_PLUGIN_HOST_SERVICES_H_

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "host/control/steward_nodes.h"
#include "host/control/steward_outboxes.h"
#include "host/pipeline/event.h"
#include "host/pipeline/event_sink.h"
#include "host/pipeline/name_table.h"
#include "host/pipeline/reply_sink.h"
#include "host/plugin/key_value_store.h"
#include "host/plugin/plugin_metrics.h"
#include "host/sync/clock.h"
#include "host/sync/mutex.h"
#include "host/sync/token_bucket.h"
#include "weir/plugin_abi.h"

namespace weir {

// What is the same for all plugins, and how much one may say.
struct PluginHostOptions {
  std::string name;                         // Of the slot: "plugins/counts".
  uint32_t emit_limit_per_second = 20'000;  // Burst: a second of it. 0: none.
  uint32_t log_limit_per_second = 100;      // Burst: ten seconds of it.
  // Where its log lines go.
  std::function<void(Severity, absl::string_view area, absl::string_view text)>
      write_log;
  KeyValueStore* key_values = nullptr;  // Must outlive all. Null: none.
  ReplySink* replies = nullptr;         // The same.
  StewardNodes* nodes = nullptr;        // The same.
  StewardOutboxes* outboxes = nullptr;  // The same.
};

// What the host lends one plugin: a weir_host with weir.emit/1 and
// weir.names/1. Believes nothing that it is given: every bound of weir_event is
// checked on a copy, and what a plugin may say in a second is limited, so that
// none can flood the log of events or that of the host.
//
// Thread-safe, since a plugin may have threads of its own. Must outlive the
// plugin's instance.
class PluginHostServices {
 public:
  // Why an event was refused, as PluginStats::events_rejected names it.
  enum class Rejection { kFull, kRate, kUndeclaredType, kTooLarge, kInvalid };

  // All but `options` must outlive it.
  PluginHostServices(PluginHostOptions options, EventSink& sink,
                     const NameTable& types, const NameTable& sources,
                     const Clock& clock);

  PluginHostServices(const PluginHostServices&) = delete;
  PluginHostServices& operator=(const PluginHostServices&) = delete;

  // What an instance is lent of it.
  const weir_host* table() const { return &table_; }

  const Clock& clock() const { return clock_; }

  // The slot's id, "counts": under it things are kept.
  const std::string& id() const { return id_; }
  KeyValueStore* key_values() const { return options_.key_values; }
  ReplySink* replies() const { return options_.replies; }
  StewardNodes* nodes() const { return options_.nodes; }
  StewardOutboxes* outboxes() const { return options_.outboxes; }
  PluginMetrics& metrics() { return metrics_; }

  // An instance has ended: what it kept is to be on the disk before the next
  // one begins. Waits for at most 5 s.
  void FlushKeyValues();

  // Counts a tick that was made, and whether it returned an error.
  void CountTick(bool ok) ABSL_LOCKS_EXCLUDED(mu_);

  // Refuses all kinds but these, from now on.
  void Declare(std::vector<std::string> kinds) ABSL_LOCKS_EXCLUDED(mu_);

  // From now on; see PluginHostOptions. What changes begins with its whole
  // burst.
  void SetLimits(uint32_t emit_limit_per_second, uint32_t log_limit_per_second)
      ABSL_LOCKS_EXCLUDED(mu_);

  // From now on only messages of these sources, "central", come to the plugin;
  // empty: those of all.
  void SetSources(std::vector<std::string> sources) ABSL_LOCKS_EXCLUDED(mu_);
  bool TakesFrom(absl::string_view source) const ABSL_LOCKS_EXCLUDED(mu_);

  // What was declared; empty if nothing was.
  std::vector<std::string> declared() const ABSL_LOCKS_EXCLUDED(mu_);

  // Counts what was refused before it came here: events and log lines of a
  // plugin in a child, for which there was no room on the way.
  void CountRejected(Rejection why, uint64_t n) ABSL_LOCKS_EXCLUDED(mu_);
  void CountSuppressed(uint64_t n) ABSL_LOCKS_EXCLUDED(mu_);

  struct Counts {
    uint64_t emitted = 0;
    std::map<std::string, uint64_t> rejected;  // By reason; all five.
    int64_t last_rejection_ns = 0;             // Monotonic; 0: there was none.
    uint64_t log_lines = 0;
    uint64_t log_lines_suppressed = 0;
    uint64_t ticks = 0;
    uint64_t tick_errors = 0;  // Of these.
  };
  Counts counts() const ABSL_LOCKS_EXCLUDED(mu_);

 private:
  static const void* GetExt(void* ctx, const char* id);
  static void Log(void* ctx, int32_t severity, const char* text, uint64_t len);
  static int64_t NowNs(void* ctx);
  static weir_status Emit(void* ctx, const weir_event* event);
  static weir_str TypeName(void* ctx, uint16_t id);
  static weir_str SourceName(void* ctx, uint32_t id);

  weir_status TakeEvent(const weir_event& event) ABSL_LOCKS_EXCLUDED(mu_);
  weir_status Reject(Rejection why) ABSL_LOCKS_EXCLUDED(mu_);
  bool IsDeclared(const std::string& kind) const ABSL_LOCKS_EXCLUDED(mu_);
  bool TakeEmitToken() ABSL_LOCKS_EXCLUDED(mu_);
  void TakeLine(int32_t severity, absl::string_view text)
      ABSL_LOCKS_EXCLUDED(mu_);

  const PluginHostOptions options_;
  const std::string id_;
  EventSink& sink_;
  const NameTable& types_;
  const NameTable& sources_;
  const Clock& clock_;
  const weir_host table_;
  PluginMetrics metrics_;

  mutable Mutex mu_;
  uint32_t emit_limit_ ABSL_GUARDED_BY(mu_);
  uint32_t log_limit_ ABSL_GUARDED_BY(mu_);
  TokenBucket emit_bucket_ ABSL_GUARDED_BY(mu_);
  TokenBucket log_bucket_ ABSL_GUARDED_BY(mu_);
  std::vector<std::string> only_sources_ ABSL_GUARDED_BY(mu_);
  bool declares_ ABSL_GUARDED_BY(mu_) = false;
  std::vector<std::string> kinds_ ABSL_GUARDED_BY(mu_);
  uint64_t emitted_ ABSL_GUARDED_BY(mu_) = 0;
  std::array<uint64_t, 5> rejected_ ABSL_GUARDED_BY(mu_) = {};
  int64_t last_rejection_ns_ ABSL_GUARDED_BY(mu_) = 0;
  uint64_t log_lines_ ABSL_GUARDED_BY(mu_) = 0;
  uint64_t suppressed_ ABSL_GUARDED_BY(mu_) = 0;
  uint64_t ticks_ ABSL_GUARDED_BY(mu_) = 0;
  uint64_t tick_errors_ ABSL_GUARDED_BY(mu_) = 0;
  // Of those, since the last line that was written.
  uint64_t suppressed_since_ ABSL_GUARDED_BY(mu_) = 0;
};

}  // namespace weir

#endif  // WEIR_HOST_PLUGIN_PLUGIN_HOST_SERVICES_H_
