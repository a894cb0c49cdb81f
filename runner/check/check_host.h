#ifndef WEIR_RUNNER_CHECK_CHECK_HOST_H_
#define WEIR_RUNNER_CHECK_CHECK_HOST_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/string_view.h"
#include "host/sync/mutex.h"
#include "runner/check/subject.h"
#include "weir/plugin_abi.h"

namespace weir {

// The types of message that a plugin is asked about and given; the number of
// each is its place here.
inline constexpr absl::string_view kCheckTypes[] = {
    "UPDATE", "STATE", "OPEN", "NOTIFICATION", "KEEPALIVE", "RAW"};

// How a CheckHost treats the plugin.
struct CheckHostOptions {
  // What the n-th emit, counted from 0, returns; null: WEIR_OK.
  std::function<weir_status(uint64_t n)> answer_emit = nullptr;
  // What the n-th now_ns returns; null: a time that stands still.
  std::function<int64_t(uint64_t n)> clock = nullptr;
  bool has_extensions = true;  // false: a host that lends nothing.
  uint32_t extra_bytes = 0;    // A host of a later ABI: so much longer a table.
};

// The host that a plugin under check is lent: keeps what the plugin says, and
// treats it as badly as it is told to. Its answers depend on the calls alone,
// so that what one plugin does twice can be compared.
//
// Thread-safe. Must outlive the instance.
class CheckHost {
 public:
  explicit CheckHost(CheckHostOptions options = {});

  CheckHost(const CheckHost&) = delete;
  CheckHost& operator=(const CheckHost&) = delete;

  const weir_host* table() const {
    return reinterpret_cast<const weir_host*>(memory_.data());
  }

  // Holds the plugin to the kinds of event that it declares.
  void Declare(Subject& subject, void* self) ABSL_LOCKS_EXCLUDED(mu_);

  // The events, each as one line, in order; no more than kMaxKept.
  std::vector<std::string> said() const ABSL_LOCKS_EXCLUDED(mu_);
  // Why events were refused: "kind: must be ...", once each.
  std::vector<std::string> refused() const ABSL_LOCKS_EXCLUDED(mu_);
  uint64_t emits() const ABSL_LOCKS_EXCLUDED(mu_);

  static constexpr size_t kMaxKept = 10'000;

 private:
  static const void* GetExt(void* ctx, const char* id);
  static void Log(void* ctx, int32_t severity, const char* text, uint64_t len);
  static int64_t NowNs(void* ctx);
  static weir_status Emit(void* ctx, const weir_event* event);
  static weir_str TypeName(void* ctx, uint16_t id);
  static weir_str SourceName(void* ctx, uint32_t id);

  weir_status Take(const weir_event& event) ABSL_LOCKS_EXCLUDED(mu_);
  weir_status RefuseLocked(std::string why, weir_status status)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  const CheckHostOptions options_;
  std::vector<uint64_t> memory_;  // The weir_host, and what is behind it.
  mutable Mutex mu_;
  std::optional<std::vector<std::string>> kinds_ ABSL_GUARDED_BY(mu_);
  std::vector<std::string> said_ ABSL_GUARDED_BY(mu_);
  std::vector<std::string> refused_ ABSL_GUARDED_BY(mu_);
  uint64_t emits_ ABSL_GUARDED_BY(mu_) = 0;
  uint64_t clock_reads_ ABSL_GUARDED_BY(mu_) = 0;
};

}  // namespace weir

#endif  // WEIR_RUNNER_CHECK_CHECK_HOST_H_
