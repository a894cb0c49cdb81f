#ifndef WEIR_RUNNER_RUNNER_SERVICES_H_
#define WEIR_RUNNER_RUNNER_SERVICES_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "host/plugin/child_channel.h"
#include "host/plugin/child_ring.h"
#include "host/plugin/instance_services.h"
#include "host/plugin/node_call.h"
#include "host/sync/mutex.h"
#include "host/sync/system_clock.h"
#include "host/sync/token_bucket.h"
#include "weir/plugin_abi.h"

namespace weir {

// What a plugin in a child is lent, as InProcessServices is for one in the
// host. What the plugin says goes into the ring of the channel, and the host
// checks it again there; it is checked here, too, so that the plugin gets the
// same answers. The one difference: that `json` is no JSON is found by the host
// alone, and is counted there.
//
// Thread-safe.
class RunnerServices final : public InstanceServices {
 public:
  // `channel` must outlive it. `notify_fd` is an eventfd.
  RunnerServices(ChildChannel& channel, int notify_fd);

  virtual ~RunnerServices() = default;

  RunnerServices(const RunnerServices&) = delete;
  RunnerServices& operator=(const RunnerServices&) = delete;

  const weir_host* table() const { return &table_; }

  // Refuses all kinds but these, if there are any, from now on.
  void Declare(const std::optional<std::vector<std::string>>& kinds)
      ABSL_LOCKS_EXCLUDED(mu_);

  // [worker] The plugin gets `views`, and may answer them; none: it has
  // returned.
  void HandOver(absl::Span<const weir_msg* const> views) { SetRun(views); }

  // Whether the host waits for us, and so looks into the ring by itself.
  void SetBusy(bool busy) { busy_.store(busy); }

 private:
  static const void* GetExt(void* ctx, const char* id);
  static void Log(void* ctx, int32_t severity, const char* text, uint64_t len);
  static int64_t NowNs(void* ctx);
  static weir_status Emit(void* ctx, const weir_event* event);
  static weir_str TypeName(void* ctx, uint16_t id);
  static weir_str SourceName(void* ctx, uint32_t id);

  weir_status TakeEvent(const weir_event& event) ABSL_LOCKS_EXCLUDED(mu_);
  weir_status Reject(size_t reason, weir_status status);
  bool IsDeclared(const std::string& kind) const ABSL_LOCKS_EXCLUDED(mu_);
  bool TakeToken() ABSL_LOCKS_EXCLUDED(mu_);
  bool Push(ChildRecord kind, const std::string& body);
  bool PushPatiently(ChildRecord kind, const std::string& body);
  weir_status Ask(ChildQuestion::Kind kind, absl::string_view key, void* to,
                  uint64_t cap, uint64_t* len, std::string* value = nullptr)
      ABSL_LOCKS_EXCLUDED(question_mu_);

  weir_status KvGet(absl::string_view key, void* to, uint64_t cap,
                    uint64_t* len) override;
  weir_status KvPut(absl::string_view key,
                    std::optional<absl::string_view> value) override;
  weir_status KvFlush() override;
  weir_status ReportHealth(int32_t health, absl::string_view text) override;
  weir_status SendReply(size_t index, absl::string_view data,
                        absl::string_view file_suffix) override;
  weir_status CallNode(const NodeCall& call, std::string* answer) override
      ABSL_LOCKS_EXCLUDED(node_mu_);

  static const SystemClock& Clock();

  ChildChannel& channel_;
  const int notify_fd_;
  const weir_host table_;
  ChildRingWriter ring_;
  std::atomic<bool> busy_{true};
  std::atomic<bool> put_refused_{false};  // Since the last flush.
  Mutex node_mu_;                         // One call, and its question.
  Mutex question_mu_;                     // One question at a time.
  mutable Mutex mu_;
  TokenBucket emit_bucket_ ABSL_GUARDED_BY(mu_);
  std::optional<std::vector<std::string>> kinds_ ABSL_GUARDED_BY(mu_);
};

}  // namespace weir

#endif  // WEIR_RUNNER_RUNNER_SERVICES_H_
