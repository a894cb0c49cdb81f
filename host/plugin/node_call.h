#ifndef WEIR_HOST_PLUGIN_NODE_CALL_H_
#define WEIR_HOST_PLUGIN_NODE_CALL_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace weir {

// One call of weir.node/1 on its way from the plugin to the host, the same in
// both isolation modes; in a child it goes through the ring as text.
struct NodeCall {
  enum class Kind : uint32_t {
    kDescribe = 1,
    kSend,   // `text`: the messages.
    kList,   // `after`: the processes with a greater id.
    kStart,  // `text`: the method; `sender`.
    kStop,   // `text`: the method.
  };
  static constexpr size_t kMaxSource = 256;
  static constexpr size_t kMaxName = 1024;  // A method, a sender.
  static constexpr size_t kMaxMessages = size_t{1} << 20;

  Kind kind = Kind::kDescribe;
  uint64_t after = 0;
  std::string source, text, sender;
};

// What weir_node and weir_process say, of their own.
struct NodeDescription {
  std::string name, profile, public_key;
};
struct NodeProcess {
  uint64_t id = 0;
  int32_t state = 0;  // WEIR_PROCESS_*
  bool configured = false;
  std::string method, subject, name, why;
};

// What weir.process/1 tells: a process has begun, or ended.
struct ProcessChange {
  bool started = false;
  std::string source, node, method;
};

std::string EncodeProcessChange(const ProcessChange& change);
// Nullopt for what EncodeProcessChange does not write.
std::optional<ProcessChange> DecodeProcessChange(absl::string_view bytes);

std::string EncodeNodeCall(const NodeCall& call);
// Nullopt for what EncodeNodeCall does not write, and for what is longer than
// it may be.
std::optional<NodeCall> DecodeNodeCall(absl::string_view bytes);

std::string EncodeNode(const NodeDescription& node);
std::optional<NodeDescription> DecodeNode(absl::string_view bytes);

// As many of the first of `processes` as fit into `max_bytes`: all that an
// answer holds.
std::string EncodeProcesses(const std::vector<NodeProcess>& processes,
                            size_t max_bytes);
std::optional<std::vector<NodeProcess>> DecodeProcesses(
    absl::string_view bytes);

}  // namespace weir

#endif  // WEIR_HOST_PLUGIN_NODE_CALL_H_
