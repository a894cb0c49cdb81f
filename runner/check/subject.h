#ifndef WEIR_RUNNER_CHECK_SUBJECT_H_
#define WEIR_RUNNER_CHECK_SUBJECT_H_

#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "runner/check/board.h"
#include "weir/plugin_abi.h"
#include "weir/plugin_services.h"

namespace weir {

// The plugin that a check looks at: each call that is made of it is written on
// the board first, so that a crash or a hang can be put down to it, and no C++
// exception gets out.
//
// Not thread-safe.
class Subject {
 public:
  static constexpr uint64_t kMaxStateBytes = uint64_t{64} << 20;  // As a host.

  // `path` is what to load, `bytes` what is in it, `config` one JSON object.
  // All but `config` must outlive it.
  Subject(std::string path, absl::string_view bytes, std::string config,
          CheckBoard& board)
      : path_(std::move(path)),
        bytes_(bytes),
        config_(std::move(config)),
        board_(board) {}

  Subject(const Subject&) = delete;
  Subject& operator=(const Subject&) = delete;

  const std::string& path() const { return path_; }
  absl::string_view bytes() const { return bytes_; }
  const std::string& config() const { return config_; }
  // The file of messages that the caller has named; empty: none.
  const std::string& replay() const { return replay_; }
  void set_replay(std::string path) { replay_ = std::move(path); }
  CheckBoard& board() { return board_; }

  // Writes down what comes next.
  void Doing(absl::string_view what);

  // Opens the library and asks its entry for the table. Returns
  // InvalidArgument "load.dlopen: ..." or what EnterPlugin says.
  absl::Status Load();
  void Unload();  // dlclose.
  bool loaded() const { return library_ != nullptr; }
  void* library() const { return library_; }

  // The calls of weir_plugin. After Load. What throws comes to
  // WEIR_EXCEPTION. Create returns FailedPrecondition with what the plugin
  // said, which is empty if it said nothing.
  absl::Status Create(const weir_host* host, absl::string_view config,
                      void** self);
  void Destroy(void* self);
  int64_t QueueCapacity(void* self);
  int32_t WantsMessage(void* self, absl::string_view type);
  // `what` says which message it is.
  weir_status Handle(void* self, const weir_msg* message,
                     absl::string_view what);
  weir_status HandleBatch(const weir_ext_batch& batch, void* self,
                          const weir_msg* const* messages, uint32_t n,
                          uint32_t* done);
  const void* GetExt(void* self, const char* id);
  // Null if it has no usable one.
  const weir_ext_batch* Batch(void* self);

  // The same of weir.state/1. `write` takes `room` bytes and returns
  // WEIR_AGAIN then. Both return FailedPrecondition with what the plugin said.
  const weir_ext_state* State(void* self);
  absl::StatusOr<std::string> SaveState(const weir_ext_state& state, void* self,
                                        uint64_t room = kMaxStateBytes);
  absl::Status LoadState(const weir_ext_state& state, void* self,
                         absl::string_view bytes);

  // Has the `n`-th allocation fail that the plugin makes in its calls from now
  // on, but for those of destroy; 0: none. See AllocationFaults.
  void FailAllocation(uint64_t n);

  const weir_plugin& table() const { return table_; }

  // The first exception that crossed the boundary, with the call; empty: none.
  const std::string& crossed() const { return crossed_; }

 private:
  template <typename T, typename Call>
  T Guarded(const char* function, T otherwise, Call call);

  const std::string path_;
  const absl::string_view bytes_;
  const std::string config_;
  std::string replay_;
  CheckBoard& board_;
  void* library_ = nullptr;
  weir_plugin table_ = {};
  std::string crossed_;
  uint64_t failing_ = 0;
};

// Runs `work` on a thread of its own, as a plugin's worker is one, and waits
// for it.
void OnWorker(const std::function<void()>& work);

}  // namespace weir

#endif  // WEIR_RUNNER_CHECK_SUBJECT_H_
