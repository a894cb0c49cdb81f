#include "host/plugin/process_watch.h"

#include <algorithm>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace weir {
namespace {

// The messages of a sub-process have the type before its ID.
absl::string_view TypeOf(absl::string_view method) {
  return method.substr(0, method.find('.'));
}

bool Runs(const StewardProcessStatus& process) {
  return process.state == StewardProcessStatus::State::kStarting ||
         process.state == StewardProcessStatus::State::kRunning;
}

}  // namespace

bool ProcessWatch::Wants(absl::string_view type, const Ask& ask) {
  const auto found = wants_.find(type);
  if (found != wants_.end()) return found->second;
  const bool wanted = ask(type);
  wants_.emplace(std::string(type), wanted);
  return wanted;
}

// Nodes are there once the host has made its sources, and stay.
void ProcessWatch::FindNodes() {
  const std::vector<std::string> sources = slot_.nodes()->sources();
  for (size_t i = nodes_.size(); i < sources.size(); ++i) {
    Node node;
    node.source = std::string(absl::StripPrefix(sources[i], "sources/"));
    node.control = slot_.nodes()->Find(sources[i]);
    nodes_.push_back(std::move(node));
  }
}

bool ProcessWatch::Look(const Ask& ask, const Tell& tell) {
  if (slot_.nodes() == nullptr) return true;
  FindNodes();
  for (Node& node : nodes_) {
    if (node.control == nullptr) continue;
    const bool taken = slot_.TakesFrom(node.source);
    // Before the processes are read: what changes meanwhile is seen next time.
    const uint64_t version = node.control->version();
    if (node.looked && version == node.version && taken == node.taken) continue;
    node.version = version;
    node.taken = taken;
    node.looked = true;
    if (!LookAt(node, taken, ask, tell)) return false;
  }
  return true;
}

bool ProcessWatch::LookAt(Node& node, bool taken, const Ask& ask,
                          const Tell& tell) {
  std::vector<std::string> running;
  if (taken) {
    for (StewardProcessStatus& process : node.control->Processes()) {
      if (Runs(process)) running.push_back(std::move(process.method));
    }
  }
  const std::set<absl::string_view> now(running.begin(), running.end());
  std::vector<ProcessChange> ended;
  std::set<std::string> known;
  for (const ProcessChange& told : told_) {
    if (told.source != node.source) continue;
    known.insert(told.method);
    if (now.count(told.method) == 0) ended.push_back(told);
  }
  for (ProcessChange& change : ended) {
    change.started = false;
    if (!Make(change, tell)) return false;
  }
  for (const std::string& method : running) {
    if (known.count(method) > 0 || !Wants(TypeOf(method), ask)) continue;
    if (!Make({.started = true,
               .source = node.source,
               .node = node.control->node(),
               .method = method},
              tell)) {
      return false;
    }
  }
  return true;
}

// Written down before the call: one that fails is told of the end all the same.
bool ProcessWatch::Make(const ProcessChange& change, const Tell& tell) {
  if (change.started) {
    told_.push_back(change);
  } else {
    told_.erase(std::remove_if(told_.begin(), told_.end(),
                               [&change](const ProcessChange& told) {
                                 return told.source == change.source &&
                                        told.method == change.method;
                               }),
                told_.end());
  }
  const std::optional<weir_status> status = tell(change);
  if (!status.has_value()) return false;
  if (*status != WEIR_OK) {
    const weir_host* const host = slot_.table();
    const std::string line = absl::StrCat(
        "when it was told that the process ", change.method, " of ",
        change.source, change.started ? " began" : " ended",
        " the plugin failed with status ", *status);
    host->log(host->ctx, WEIR_SEVERITY_WARNING, line.data(), line.size());
  }
  return true;
}

bool ProcessWatch::EndAll(const Tell& tell) {
  for (Node& node : nodes_) node.looked = false;
  while (!told_.empty()) {
    ProcessChange change = told_.back();
    change.started = false;
    if (!Make(change, tell)) {
      told_.clear();
      return false;
    }
  }
  return true;
}

}  // namespace weir
