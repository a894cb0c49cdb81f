#include "plugins/steward_methods/node_methods.h"

#include <optional>
#include <vector>

#include "plugins/steward_methods/ansic_time.h"

namespace weir {
namespace {

using Process = steward::Nodes::Process;

bool Runs(const Process& process) {
  return process.state == WEIR_PROCESS_STARTING ||
         process.state == WEIR_PROCESS_RUNNING;
}

// Null if none of that method runs.
const Process* FindRunning(const std::vector<Process>& processes,
                           std::string_view method) {
  for (const Process& process : processes) {
    if (process.method == method && Runs(process)) return &process;
  }
  return nullptr;
}

// As the originals write a subject: "{central httpGet}".
std::string Subject(std::string_view node, std::string_view method) {
  return "{" + std::string(node) + " " + std::string(method) + "}";
}

NodeMethods::Outcome Failed(std::string_view what, const std::string& why) {
  return {false, "error: " + std::string(what) + ": " + why + "\n"};
}

std::string NoNode(std::string_view source) {
  return "the source " + std::string(source) + " is no node";
}

}  // namespace

NodeMethods::Outcome NodeMethods::List(std::string_view source) const {
  const auto processes = nodes_.Processes(source);
  if (!processes) return Failed("OpProcessList", NoNode(source));
  const std::string now = AnsicTime(host_.now_ns());
  Outcome outcome{true, ""};
  for (const Process& process : *processes) {
    if (!Runs(process)) continue;
    const std::string line = now + ", id: " + std::to_string(process.id) +
                             ", name: " + process.name + "\n";
    if (outcome.answer.size() + line.size() > max_bytes_) break;
    outcome.answer += line;
  }
  return outcome;
}

NodeMethods::Outcome NodeMethods::Start(std::string_view source,
                                        const steward::View& view) const {
  constexpr std::string_view kWhat = "OpProcessStart";
  const steward::Strings args = view.args();
  if (args.size() != 1 || args[0].empty()) {
    return Failed(kWhat, "got " + std::to_string(args.size()) +
                             " methodArgs, want: method");
  }
  const std::string_view method = args[0];
  const auto started = nodes_.StartProcess(source, method);
  if (started.status == WEIR_NOT_FOUND) {
    return Failed(kWhat, "no process of the method " + std::string(method) +
                             " is configured on " +
                             std::string(view.to_node()));
  }
  if (!started.ok()) return Failed(kWhat, started.why);
  const auto node = nodes_.Describe(source);
  const auto processes = nodes_.Processes(source);
  if (!node || !processes) return Failed(kWhat, NoNode(source));
  const Process* const found = FindRunning(*processes, method);
  if (found == nullptr) {
    return Failed(kWhat, "the process of the method " + std::string(method) +
                             " has ended again");
  }
  return {true,
          "info: OpProcessStart: started id: " + std::to_string(found->id) +
              ", subject: " + Subject(node->name, method) +
              ": node: " + std::string(view.to_node()) + "\n"};
}

NodeMethods::Outcome NodeMethods::Stop(std::string_view source,
                                       const steward::View& view) const {
  constexpr std::string_view kWhat = "OpProcessStop";
  const steward::Strings args = view.args();
  if (args.size() != 3) {
    return Failed(kWhat, "got " + std::to_string(args.size()) +
                             " methodArgs, want: method,node,kind");
  }
  const std::string_view method = args[0];
  const std::string_view node_name = args[1];
  const std::string_view kind = args[2];
  const auto node = nodes_.Describe(source);
  const auto processes = nodes_.Processes(source);
  if (!node || !processes) return Failed(kWhat, NoNode(source));
  const bool has_kinds = node->profile == "S0" || node->profile == "S1";
  const bool ours =
      node_name == node->name && (!has_kinds || kind == "subscriber");
  const Process* const found = ours ? FindRunning(*processes, method) : nullptr;
  if (found == nullptr) {
    return Failed(
        kWhat, "did not find process to stop: " + Subject(node_name, method) +
                   " on " + std::string(view.to_node()));
  }
  const auto stopped = nodes_.StopProcess(source, method);
  if (!stopped.ok()) return Failed(kWhat, stopped.why);
  return {true, "info: OpProcessStop: process stopped id: " +
                    std::to_string(found->id) +
                    ", method: " + Subject(node->name, method) +
                    " on: " + std::string(view.to_node()) + "\n"};
}

NodeMethods::Outcome NodeMethods::PublicKey(std::string_view source) const {
  const auto node = nodes_.Describe(source);
  if (!node) return Failed("PublicKey", NoNode(source));
  if (node->public_key.empty()) {
    return Failed("PublicKey",
                  "the node " + node->name + " has no signing key");
  }
  return {true, node->public_key};
}

}  // namespace weir
