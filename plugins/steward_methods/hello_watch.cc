#include "plugins/steward_methods/hello_watch.h"

#include <algorithm>
#include <vector>

#include "plugins/support/json_text.h"

namespace weir {

HelloWatch::HelloWatch(const Host& host, std::chrono::seconds silent_after)
    : host_(host),
      silent_after_(silent_after),
      silent_(host, "hello_silent_nodes",
              "Nodes that said hello and do so no more.") {}

void HelloWatch::Begin(std::string_view source, std::string_view method) {
  if (silent_after_.count() == 0) return;
  {
    const std::lock_guard<std::mutex> lock(mu_);
    const Clock::time_point now = Clock::now();
    for (auto& [key, node] : nodes_) {
      // One that is silent was heard last when it was.
      if (key.first == source && !node.silent) node.last = now;
    }
  }
  // Often enough that what is told is late by a tenth at most.
  const std::chrono::milliseconds every = std::clamp(
      std::chrono::duration_cast<std::chrono::milliseconds>(silent_after_) / 10,
      std::chrono::milliseconds(100), std::chrono::milliseconds(10'000));
  loops_[Key(source, method)] = std::make_unique<Companion>(
      [this, every, name = std::string(source)](const Companion::Stop& stop) {
        while (!stop.Wait(every)) Look(name, Clock::now());
      });
}

void HelloWatch::End(std::string_view source, std::string_view method) {
  loops_.erase(Key(source, method));
}

void HelloWatch::Hear(std::string_view source, std::string_view node,
                      Clock::time_point now) {
  if (silent_after_.count() == 0) return;
  std::chrono::seconds silence{0};
  {
    const std::lock_guard<std::mutex> lock(mu_);
    const auto found = nodes_.find(Key(source, node));
    if (found == nodes_.end()) {
      if (nodes_.size() < kMaxNodes) {
        nodes_.emplace(Key(source, node), Node{.last = now});
      }
      return;
    }
    if (found->second.silent) {
      silence = std::chrono::duration_cast<std::chrono::seconds>(
          now - found->second.last);
      silent_.Add(-1);
    }
    const bool back = found->second.silent;
    found->second = {.last = now};
    if (!back) return;
  }
  Tell("steward.node.back", WEIR_SEVERITY_INFO, std::string(node), silence);
}

void HelloWatch::Look(std::string_view source, Clock::time_point now) {
  std::vector<std::pair<std::string, std::chrono::seconds>> silent;
  {
    const std::lock_guard<std::mutex> lock(mu_);
    for (auto& [key, node] : nodes_) {
      if (key.first != source || node.silent ||
          now - node.last <= silent_after_) {
        continue;
      }
      node.silent = true;
      silent_.Add(1);
      silent.emplace_back(
          key.second,
          std::chrono::duration_cast<std::chrono::seconds>(now - node.last));
    }
  }
  for (const auto& [node, silence] : silent) {
    Tell("steward.node.silent", WEIR_SEVERITY_WARNING, node, silence);
  }
}

void HelloWatch::Tell(std::string_view kind, int32_t severity,
                      const std::string& node,
                      std::chrono::seconds for_how_long) const {
  JsonText json;
  json.Begin('{').Key("seconds").Number(for_how_long.count()).End('}');
  host_.emit({.kind = kind,
              .subject = node,
              .json = json.text(),
              .severity = severity});
}

}  // namespace weir
