#ifndef WEIR_PLUGINS_STEWARD_METHODS_HELLO_WATCH_H_
#define WEIR_PLUGINS_STEWARD_METHODS_HELLO_WATCH_H_

#include <chrono>
#include <cstddef>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>

#include "weir/companion.h"
#include "weir/sdk.h"
#include "weir/services.h"

namespace weir {

// Notices that nodes which said hello do so no more. It looks while the process
// that hears their hellos runs, as its companion: nobody is silent to one who
// does not listen, and when that begins to listen again, all have their time
// anew.
//
// Thread-safe.
class HelloWatch {
 public:
  using Clock = std::chrono::steady_clock;

  // A node is silent `silent_after` after its last hello; 0: never, and nothing
  // runs. `host` must outlive it.
  HelloWatch(const Host& host, std::chrono::seconds silent_after);

  // The process `method` that hears hellos by `source` runs, or does so no
  // more. Begin throws std::system_error if there is no thread to be had.
  void Begin(std::string_view source, std::string_view method);
  void End(std::string_view source, std::string_view method);

  // `node` said hello. Of those after kMaxNodes nothing is known.
  void Hear(std::string_view source, std::string_view node,
            Clock::time_point now);

  // Tells of those of `source` that have become silent. The loops do.
  void Look(std::string_view source, Clock::time_point now);

 private:
  static constexpr size_t kMaxNodes = 10'000;
  using Key = std::pair<std::string, std::string>;  // Source and node, method.
  struct Node {
    Clock::time_point last;
    bool silent = false;
  };

  void Tell(std::string_view kind, int32_t severity, const std::string& node,
            std::chrono::seconds for_how_long) const;

  const Host host_;
  const std::chrono::seconds silent_after_;
  const Gauge silent_;

  std::mutex mu_;
  std::map<Key, Node> nodes_;  // Under mu_.
  // By source and method; of the plugin's worker. The last one: they use the
  // rest.
  std::map<Key, std::unique_ptr<Companion>> loops_;
};

}  // namespace weir

#endif  // WEIR_PLUGINS_STEWARD_METHODS_HELLO_WATCH_H_
