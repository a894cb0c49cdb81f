// A host as small as can be: starts the plugin at argv[1] in a child, writes
// the child's process number, and waits for its own end.
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <cstdio>

#include "host/sync/system_clock.h"
#include "tests/support/child_plugin.h"

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  const weir::SystemClock clock;
  weir::ChildPlugins plugins(clock, weir::SharedArena::kBlockBytes);
  const auto handler =
      plugins.Make({.module = argv[1], .config_json = "{\"seq\": 1}"});
  const absl::Status created = handler->Create();
  if (!created.ok()) return 1;
  std::printf("%d\n", static_cast<int>(handler->pid()));
  std::fflush(stdout);
  // The plugin is in the middle of a message when the end comes.
  const weir::TestRun run = plugins.Run(1, 1);
  std::atomic<uint32_t> done{0}, errors{0};
  handler->HandleMessages(run.messages, done, errors);
  pause();
  return 0;
}
