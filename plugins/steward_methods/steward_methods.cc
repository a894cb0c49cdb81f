// Does what every node of a steward or ctrl network does by itself: files,
// hello, error logs, the console, ping, its processes. README.md is for those
// who run it.
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "plugins/steward_methods/ansic_time.h"
#include "plugins/steward_methods/hello_watch.h"
#include "plugins/steward_methods/node_files.h"
#include "plugins/steward_methods/node_methods.h"
#include "plugins/support/json_text.h"
#include "plugins/support/settings.h"
#include "weir/sdk.h"
#include "weir/services.h"
#include "weir/steward.h"

namespace {

using weir::steward::View;

enum class Does {
  kFile,
  kAppend,
  kHello,
  kConsole,
  kPing,
  kPong,
  kProcessList,
  kProcessStart,
  kProcessStop,
  kPublicKey,
  kNothing
};

struct Method {
  std::string_view name;
  Does does;
};

constexpr Method kMethods[] = {{"file", Does::kFile},
                               {"REQToFile", Does::kFile},
                               {"REQToFileNACK", Does::kFile},
                               {"fileAppend", Does::kAppend},
                               {"REQToFileAppend", Does::kAppend},
                               {"errorLog", Does::kAppend},
                               {"REQErrorLog", Does::kAppend},
                               {"hello", Does::kHello},
                               {"REQHello", Does::kHello},
                               {"console", Does::kConsole},
                               {"REQToConsole", Does::kConsole},
                               {"ping", Does::kPing},
                               {"REQPing", Does::kPing},
                               {"pong", Does::kPong},
                               {"REQPong", Does::kPong},
                               {"opProcessList", Does::kProcessList},
                               {"REQOpProcessList", Does::kProcessList},
                               {"opProcessStart", Does::kProcessStart},
                               {"REQOpProcessStart", Does::kProcessStart},
                               {"opProcessStop", Does::kProcessStop},
                               {"REQOpProcessStop", Does::kProcessStop},
                               {"publicKey", Does::kPublicKey},
                               {"REQPublicKey", Does::kPublicKey},
                               {"none", Does::kNothing},
                               {"REQNone", Does::kNothing}};

// Nodes that are told apart; far more than one network has.
constexpr size_t kMaxNodes = 10'000;
constexpr size_t kKeyBytes = 32;

const Method* FindMethod(std::string_view name) {
  for (const Method& method : kMethods) {
    if (method.name == name) return &method;
  }
  return nullptr;
}

struct Options {
  std::string directory;
  std::vector<std::string> absolute_directories;
  std::vector<std::string> methods;
  uint64_t max_file_bytes = 0;
  std::chrono::seconds silent_after{0};
};

Options ReadOptions(std::string_view config, const weir::Host& host) {
  weir::Faults faults;
  weir::SettingsFile file(config, faults);
  weir::Settings& settings = file.root();
  Options options;
  options.directory =
      settings.Text("directory", weir::DataDirectory(host), 4000);
  if (!options.directory.empty() && options.directory.front() != '/') {
    settings.Refuse("directory", '"' + options.directory +
                                     "\"; must be an absolute path, which "
                                     "begins with /");
  }
  options.absolute_directories =
      settings.Texts("absolute_directories", 100, 4000);
  for (const std::string& directory : options.absolute_directories) {
    if (directory.empty() || directory.front() != '/') {
      settings.Refuse("absolute_directories",
                      '"' + directory + "\"; must begin with /");
    }
  }
  options.methods = settings.Texts("methods", std::size(kMethods), 64);
  for (const std::string& method : options.methods) {
    if (FindMethod(method) == nullptr) {
      settings.Refuse("methods", '"' + method +
                                     "\"; is none of this plugin's: see its "
                                     "README");
    }
  }
  options.max_file_bytes = static_cast<uint64_t>(settings.Integer(
      "max_file_bytes", int64_t{1} << 30, 1, int64_t{1} << 50));
  options.silent_after = std::chrono::seconds(
      settings.Integer("silent_after_seconds", 0, 0, 31'536'000));
  settings.RefuseOthers();
  faults.ThrowIfAny();
  return options;
}

std::string Hex(std::string_view bytes) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (const char c : bytes) {
    text += kDigits[static_cast<unsigned char>(c) >> 4];
    text += kDigits[static_cast<unsigned char>(c) & 15];
  }
  return text;
}

class StewardMethods {
 public:
  static constexpr std::string_view kEventTypes[] = {
      "steward.node.back", "steward.node.key_changed", "steward.node.new",
      "steward.node.silent", "steward.pong"};

  static std::string_view ConfigSchema() {
    return R"json({
  "$schema": "http://json-schema.org/draft-07/schema#",
  "title": "steward-methods",
  "type": "object",
  "properties": {
    "directory": {
      "description": "Where files go; absolute. Default: the plugin's data directory.",
      "type": "string", "pattern": "^/", "maxLength": 4000
    },
    "absolute_directories": {
      "description": "Where a message whose directory begins with / may write.",
      "type": "array", "maxItems": 100,
      "items": {"type": "string", "pattern": "^/", "maxLength": 4000}
    },
    "methods": {
      "description": "Those that are done here; default: all.",
      "type": "array", "maxItems": 25,
      "items": {"type": "string", "maxLength": 64}
    },
    "max_file_bytes": {
      "description": "No file grows beyond it.",
      "type": "integer", "minimum": 1, "maximum": 1125899906842624,
      "default": 1073741824
    },
    "silent_after_seconds": {
      "description": "A node that has said hello is silent so long after its last one; 0: never.",
      "type": "integer", "minimum": 0, "maximum": 31536000, "default": 0
    }
  },
  "additionalProperties": false
})json";
  }

  StewardMethods(weir::Host host, std::string_view config)
      : host_(host),
        options_(ReadOptions(config, host)),
        files_(options_.directory, options_.absolute_directories,
               options_.max_file_bytes),
        replies_(host),
        node_methods_(host, replies_.max_bytes()),
        known_(host),
        written_(host, "files_written_total", "Files written or added to."),
        refused_(host, "refused_total", "Messages that were not done."),
        hellos_(host, "hellos_total", "Hellos received."),
        nodes_(host, "hello_nodes", "Nodes that said hello."),
        hello_watch_(host, options_.silent_after) {}

  bool WantsMessage(std::string_view type) const {
    if (FindMethod(type) == nullptr) return false;
    if (options_.methods.empty()) return true;
    for (const std::string& method : options_.methods) {
      if (method == type) return true;
    }
    return false;
  }
  int QueueCapacity() const { return 4096; }

  weir_status HandleMessage(weir::Message message) {
    const View view(message);
    const Method* const method = FindMethod(host_.type_name(message.type_id()));
    if (method == nullptr) return WEIR_OK;
    switch (method->does) {
      case Does::kFile:
        return End(*method, view, files_.Replace(PlaceOf(view), view.data()));
      case Does::kAppend:
        return End(*method, view, files_.Append(PlaceOf(view), view.data()));
      case Does::kHello:
        return Hello(*method, view, SourceOf(message));
      case Does::kConsole:
        return Show(view);
      case Does::kPing:
        return Answer(*method, view, message, {.done = true, .answer = ""});
      case Does::kPong:
        host_.emit({.kind = "steward.pong", .subject = view.from_node()});
        return WEIR_OK;
      case Does::kProcessList:
        return Answer(*method, view, message,
                      node_methods_.List(SourceOf(message)));
      case Does::kProcessStart:
        return Change(*method, view, message,
                      node_methods_.Start(SourceOf(message), view));
      case Does::kProcessStop:
        return Change(*method, view, message,
                      node_methods_.Stop(SourceOf(message), view));
      case Does::kPublicKey:
        return Answer(*method, view, message,
                      node_methods_.PublicKey(SourceOf(message)));
      case Does::kNothing:
        return WEIR_OK;
    }
    return WEIR_OK;
  }

  void ProcessStarted(std::string_view source, std::string_view,
                      std::string_view method) {
    if (IsHello(method)) hello_watch_.Begin(source, method);
  }
  void ProcessStopped(std::string_view source, std::string_view method) {
    if (IsHello(method)) hello_watch_.End(source, method);
  }

 private:
  static bool IsHello(std::string_view name) {
    const Method* const method = FindMethod(name);
    return method != nullptr && method->does == Does::kHello;
  }
  std::string_view SourceOf(weir::Message message) const {
    return host_.source_name(message.source_id());
  }

  // A reply is written where its request says, under the name of the node that
  // was asked; all else under that of its addressee.
  static weir::NodeFiles::Place PlaceOf(const View& view) {
    if (const auto request = view.request();
        request && !request->to_node.empty()) {
      return {request->directory, request->to_node, request->file_name};
    }
    return {view.directory(), view.to_node(), view.file_name()};
  }

  weir_status End(const Method& method, const View& view,
                  const std::string& fault) {
    if (fault.empty()) {
      written_.Add();
      return WEIR_OK;
    }
    refused_.Add();
    host_.log(WEIR_SEVERITY_WARNING, std::string(method.name) + " of node " +
                                         std::string(view.from_node()) + ": " +
                                         fault);
    return WEIR_ERR;
  }

  weir_status Hello(const Method& method, const View& view,
                    std::string_view source) {
    hellos_.Add();
    hello_watch_.Hear(source, view.from_node(), weir::HelloWatch::Clock::now());
    const std::string line = weir::AnsicTime(host_.now_ns()) +
                             ", Received hello from \"" +
                             std::string(view.from_node()) + "\"\n";
    const std::string fault = files_.Replace(
        {view.directory(), view.from_node(), view.file_name()}, line);
    if (fault.empty()) Know(view);
    return End(method, view, fault);
  }

  // Tells of a node that is new, or says another key than before.
  void Know(const View& view) {
    const std::string node(view.from_node());
    const std::string key =
        view.data().size() == kKeyBytes ? Hex(view.data()) : std::string();
    auto found = nodes_seen_.find(node);
    if (found == nodes_seen_.end()) {
      if (nodes_seen_.size() >= kMaxNodes) return;
      const auto before = known_.Get("node/" + node);
      if (!before) {
        known_.Put("node/" + node, key);
        Tell("steward.node.new", WEIR_SEVERITY_INFO, node, key);
      }
      found = nodes_seen_.emplace(node, before.value_or(key)).first;
      nodes_.Set(static_cast<int64_t>(nodes_seen_.size()));
    }
    if (key.empty() || found->second == key) return;
    const bool changed = !found->second.empty();
    found->second = key;
    known_.Put("node/" + node, key);
    if (changed) {
      Tell("steward.node.key_changed", WEIR_SEVERITY_WARNING, node, key);
    }
  }

  void Tell(std::string_view kind, int32_t severity, const std::string& node,
            const std::string& key) const {
    weir::JsonText json;
    json.Begin('{').Key("key").Text(key).End('}');
    host_.emit({.kind = kind,
                .subject = node,
                .json = json.text(),
                .severity = severity});
  }

  weir_status Show(const View& view) const {
    const std::string from = std::string(view.from_node()) + ": ";
    std::string_view left = view.data();
    while (!left.empty()) {
      const size_t end = left.find('\n');
      host_.log(WEIR_SEVERITY_INFO, from + std::string(left.substr(0, end)));
      left.remove_prefix(end == std::string_view::npos ? left.size() : end + 1);
    }
    return WEIR_OK;
  }

  // Whoever runs the node is told who has changed what.
  weir_status Change(const Method& method, const View& view,
                     weir::Message message,
                     const weir::NodeMethods::Outcome& outcome) {
    std::string_view said = outcome.answer;
    said.remove_suffix(1);  // The line's end.
    host_.log(outcome.done ? WEIR_SEVERITY_INFO : WEIR_SEVERITY_WARNING,
              std::string(method.name) + " of node " +
                  std::string(view.from_node()) + ": " + std::string(said));
    return Answer(method, view, message, outcome);
  }

  // What was not done is answered, too; and then it has failed.
  weir_status Answer(const Method& method, const View& view,
                     weir::Message message,
                     const weir::NodeMethods::Outcome& outcome) {
    if (!outcome.done) refused_.Add();
    const weir_status sent = replies_.Send(message, outcome.answer);
    if (sent == WEIR_OK || sent == WEIR_NOT_FOUND) {
      return outcome.done ? WEIR_OK : WEIR_ERR;
    }
    if (outcome.done) refused_.Add();
    host_.log(WEIR_SEVERITY_WARNING, std::string(method.name) + " of node " +
                                         std::string(view.from_node()) +
                                         ": no answer can be sent (" +
                                         std::to_string(sent) + ")");
    return WEIR_ERR;
  }

  const weir::Host host_;
  const Options options_;
  const weir::NodeFiles files_;
  const weir::Replies replies_;
  const weir::NodeMethods node_methods_;
  const weir::KeyValues known_;
  const weir::Counter written_;
  const weir::Counter refused_;
  const weir::Counter hellos_;
  const weir::Gauge nodes_;
  std::map<std::string, std::string> nodes_seen_;  // And the key, in hex.
  weir::HelloWatch hello_watch_;
};

}  // namespace

WEIR_PLUGIN(StewardMethods, "steward-methods", "1.0.0");
