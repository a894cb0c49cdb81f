#ifndef WEIR_HOST_PLUGIN_INSTANCE_NODES_H_
#define WEIR_HOST_PLUGIN_INSTANCE_NODES_H_

#include <cstddef>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "host/control/steward_node.h"
#include "host/control/steward_outbox.h"
#include "host/plugin/node_call.h"
#include "host/plugin/plugin_host_services.h"
#include "host/sync/mutex.h"
#include "weir/plugin_abi.h"

namespace weir {

// weir.node/1 for one instance: does what it asks of the nodes that its slot
// gets messages from, within what a plugin may. Keeps in mind which processes
// the instance has started, and stops them with it.
//
// A plugin does what messages of others tell it, so it may start what the
// operator configured, as he did, and beside that only sub-processes of one
// sender, whose methods no handler of ours takes for its own.
//
// Thread-safe.
class InstanceNodes {
 public:
  // WEIR_OK and the answer that node_call.h encodes, or an error and a sentence
  // that says why. Called once for each call, from any thread, where it must
  // not block.
  using Done = std::function<void(weir_status, absl::string_view)>;

  // Of one instance, at a time.
  static constexpr size_t kMaxStarted = 100;
  // Of one instance, ever: how what is before the dot may be named. It is the
  // type of what comes, of which a host knows some thousand, for ever.
  static constexpr size_t kMaxKinds = 32;
  // Of one kSend: as listed, and with one for each of `toNodes`.
  static constexpr size_t kMaxMessages = 1000;
  static constexpr size_t kMaxExpanded = 10'000;
  // Of these together, so that a short text does not become a long log.
  static constexpr size_t kMaxExpandedBytes = size_t{64} << 20;

  explicit InstanceNodes(std::shared_ptr<PluginHostServices> slot)
      : slot_(std::move(slot)) {}
  ~InstanceNodes() { End(); }

  InstanceNodes(const InstanceNodes&) = delete;
  InstanceNodes& operator=(const InstanceNodes&) = delete;

  // Does what `call` says, which nobody has looked at; `done` before it
  // returns, but for kSend, whose answer comes when the disk has it. Never
  // blocks for disk or network.
  void Make(const NodeCall& call, Done done) ABSL_LOCKS_EXCLUDED(mu_);

  // Stops what the instance has started, and starts nothing more for it.
  void End() ABSL_LOCKS_EXCLUDED(mu_);

 private:
  using Key = std::pair<std::string, std::string>;  // Source and method.

  void Send(StewardOutbox* outbox, const std::string& json, Done done) const;
  absl::Status Start(const NodeCall& call, StewardNodeControl& node)
      ABSL_LOCKS_EXCLUDED(mu_);
  absl::Status Stop(const NodeCall& call, StewardNodeControl& node)
      ABSL_LOCKS_EXCLUDED(mu_);

  const std::shared_ptr<PluginHostServices> slot_;
  Mutex mu_;
  std::set<Key> started_ ABSL_GUARDED_BY(mu_);
  std::set<std::string> kinds_ ABSL_GUARDED_BY(mu_);  // "subCopySrc"
  bool ended_ ABSL_GUARDED_BY(mu_) = false;
};

}  // namespace weir

#endif  // WEIR_HOST_PLUGIN_INSTANCE_NODES_H_
