#ifndef WEIR_RUNNER_WORKER_H_
#define WEIR_RUNNER_WORKER_H_

#include <array>
#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "host/plugin/child_channel.h"
#include "host/plugin/plugin_instance.h"
#include "runner/runner_services.h"
#include "runner/sandbox.h"
#include "weir/plugin_abi.h"

namespace weir {

// Does in a child what the host asks for, one thing after the other, all on the
// one thread that calls Run: so the plugin sees its instance made, used and
// ended by one thread, in both isolation modes.
class Worker {
 public:
  // Will load `module`. `arena` is where the arena lies in this process.
  // `channel`, the arena and `sandbox` must outlive the worker.
  Worker(ChildChannel& channel, const uint8_t* arena, std::string module,
         const Sandbox& sandbox);

  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  // Serves until the instance is destroyed.
  void Run();

  // Unloads the library. After Run, and after its thread ended: destructors of
  // that thread's own variables lie in it.
  void Unload();

 private:
  uint32_t AwaitTurn(uint32_t last);
  void Answer(uint32_t turn);
  void Execute(ChildCommand command, uint32_t count);

  void Create(absl::string_view config_json);
  absl::Status Load();
  void Fail(const absl::Status& status);
  void Describe();
  void HandleRun(uint32_t count);
  void SaveState();
  void ReadState(uint32_t piece);
  void LoadState();
  void Reconfigure(absl::string_view config_json);

  ChildChannel& channel_;
  const uint8_t* const arena_;
  const std::string module_;
  const Sandbox& sandbox_;
  RunnerServices services_;
  void* library_ = nullptr;
  std::optional<PluginInstance> instance_;
  std::string state_;  // Saved, or to be loaded.
  // Of the run in hand, with pointers that are good here.
  std::array<weir_msg, ChildChannel::kMaxRun> messages_;
  std::array<const weir_msg*, ChildChannel::kMaxRun> views_;
};

}  // namespace weir

#endif  // WEIR_RUNNER_WORKER_H_
