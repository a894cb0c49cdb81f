#ifndef WEIR_HOST_PLUGIN_PROCESS_WATCH_H_
#define WEIR_HOST_PLUGIN_PROCESS_WATCH_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "host/control/steward_node.h"
#include "host/plugin/node_call.h"
#include "host/plugin/plugin_host_services.h"
#include "weir/plugin_abi.h"

namespace weir {

// Tells one instance with weir.process/1 which processes of the nodes that its
// slot gets messages from begin and end: what is to be called, and when, is the
// same for a plugin in this process and for one in a child.
//
// What one knows is compared with what is when the nodes say that something has
// changed, by a number that costs nothing to read. A process that ended and
// began between two looks has not changed for the instance.
//
// All calls come from the worker of the instance.
class ProcessWatch {
 public:
  // From one Look to the next while no messages come.
  static constexpr absl::Duration kInterval = absl::Milliseconds(100);

  // Whether the plugin wants messages of a type.
  using Ask = std::function<bool(absl::string_view type)>;
  // Makes the call; nullopt: the instance has died of it, or before.
  using Tell = std::function<std::optional<weir_status>(const ProcessChange&)>;

  // `slot` must outlive it.
  explicit ProcessWatch(PluginHostServices& slot) : slot_(slot) {}

  ProcessWatch(const ProcessWatch&) = delete;
  ProcessWatch& operator=(const ProcessWatch&) = delete;

  // Whether `ask` says yes to `type`, to whom each type comes but once.
  bool Wants(absl::string_view type, const Ask& ask);

  // Tells what has changed since the last time, what ended first. Returns
  // whether the instance is still alive.
  bool Look(const Ask& ask, const Tell& tell);

  // Tells that all have ended that were told of, the last one first; Look
  // begins anew after it. Returns whether the instance is still alive.
  bool EndAll(const Tell& tell);

 private:
  struct Node {
    std::string source;  // "central"
    StewardNodeControl* control = nullptr;
    bool taken = false;  // The plugin gets its messages; as of the last look.
    uint64_t version = 0;
    bool looked = false;
  };

  void FindNodes();
  bool LookAt(Node& node, bool taken, const Ask& ask, const Tell& tell);
  bool Make(const ProcessChange& change, const Tell& tell);

  PluginHostServices& slot_;
  std::vector<Node> nodes_;
  std::map<std::string, bool, std::less<>> wants_;  // By type.
  std::vector<ProcessChange> told_;  // What began, in this order.
};

}  // namespace weir

#endif  // WEIR_HOST_PLUGIN_PROCESS_WATCH_H_
