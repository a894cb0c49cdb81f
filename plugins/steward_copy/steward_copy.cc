// Copies files between nodes of a steward or ctrl network, at both ends.
// README.md is for those who run it.
#include <sys/random.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "plugins/steward_copy/copy_ends.h"
#include "plugins/steward_copy/copy_files.h"
#include "plugins/steward_copy/copy_message.h"
#include "plugins/steward_copy/copy_sender.h"
#include "plugins/support/json_text.h"
#include "plugins/support/settings.h"
#include "weir/sdk.h"
#include "weir/services.h"
#include "weir/steward.h"

namespace {

using weir::steward::View;

constexpr int64_t kSecond = 1'000'000'000;

enum class Does { kCopySrc, kCopyDst, kSubSrc, kSubDst };

struct Method {
  std::string_view name;
  Does does;
};

constexpr Method kMethods[] = {
    {"copySrc", Does::kCopySrc},   {"REQCopySrc", Does::kCopySrc},
    {"copyDst", Does::kCopyDst},   {"REQCopyDst", Does::kCopyDst},
    {"subCopySrc", Does::kSubSrc}, {"REQSUBCopySrc", Does::kSubSrc},
    {"subCopyDst", Does::kSubDst}, {"REQSUBCopyDst", Does::kSubDst}};

const Method* FindMethod(std::string_view name) {
  for (const Method& method : kMethods) {
    if (method.name == name) return &method;
  }
  return nullptr;
}

// "subCopySrc." for a copySrc, "REQSUBCopySrc." for a REQCopySrc.
std::string SubMethod(bool steward, std::string_view end,
                      std::string_view uuid) {
  return std::string(steward ? "REQSUBCopy" : "subCopy") + std::string(end) +
         "." + std::string(uuid);
}

bool IsWord(std::string_view text) {
  return !text.empty() && text.size() <= 64 &&
         std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                  (c >= '0' && c <= '9') || c == '-' || c == '_';
         });
}

// No longer one is a path for Linux; and who reads the events can read it.
bool IsPath(std::string_view text) {
  return text.size() <= 4096 && weir::IsUtf8(text);
}

// Of 122 random bits, as RFC 4122 writes them; empty if there are none.
std::string NewUuid() {
  unsigned char bytes[16];
  if (getrandom(bytes, sizeof(bytes), 0) != sizeof(bytes)) return "";
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  constexpr char kDigits[] = "0123456789abcdef";
  std::string uuid;
  for (size_t i = 0; i < sizeof(bytes); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) uuid += '-';
    uuid += kDigits[bytes[i] >> 4];
    uuid += kDigits[bytes[i] & 15];
  }
  return uuid;
}

// A whole number in [least, most]; nullopt for what is none.
std::optional<int64_t> Number(std::string_view text, int base, int64_t least,
                              int64_t most) {
  int64_t number = 0;
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), number, base);
  if (error != std::errc() || end != text.data() + text.size() ||
      number < least || number > most) {
    return std::nullopt;
  }
  return number;
}

constexpr char kNoPath[] = "a path of more than 4096 bytes, or no UTF-8";

struct Options {
  std::vector<std::string> source_directories;
  std::string destination_directory;
  uint64_t max_file_bytes = 0;
  size_t max_copies = 0;
  int64_t max_chunk_bytes = 0;
  int64_t max_seconds = 0;
  int64_t ack_timeout = 0;
  int64_t retries = 0;
};

Options ReadOptions(std::string_view config, const weir::Host& host) {
  weir::Faults faults;
  weir::SettingsFile file(config, faults);
  weir::Settings& settings = file.root();
  Options options;
  options.source_directories = settings.Texts("source_directories", 100, 4000);
  for (const std::string& directory : options.source_directories) {
    if (directory.empty() || directory.front() != '/') {
      settings.Refuse("source_directories",
                      '"' + directory + "\"; must begin with /");
    }
  }
  options.destination_directory =
      settings.Text("destination_directory", weir::DataDirectory(host), 4000);
  if (!options.destination_directory.empty() &&
      options.destination_directory.front() != '/') {
    settings.Refuse("destination_directory",
                    '"' + options.destination_directory +
                        "\"; must be an absolute path, which begins with /");
  }
  options.max_file_bytes = static_cast<uint64_t>(settings.Integer(
      "max_file_bytes", int64_t{1} << 30, 1, int64_t{1} << 50));
  options.max_copies =
      static_cast<size_t>(settings.Integer("max_copies", 10, 1, 100));
  options.max_chunk_bytes =
      settings.Integer("max_chunk_bytes", 500'000, 1, 600'000);
  options.max_seconds = settings.Integer("max_seconds", 3600, 1, 604'800);
  options.ack_timeout = settings.Integer("ack_timeout_seconds", 10, 1, 3600);
  options.retries = settings.Integer("retries", 3, 0, 100);
  settings.RefuseOthers();
  faults.ThrowIfAny();
  return options;
}

class StewardCopy {
 public:
  static constexpr std::string_view kEventTypes[] = {"steward.copy.done",
                                                     "steward.copy.failed"};

  static std::string_view ConfigSchema() {
    return R"json({
  "$schema": "http://json-schema.org/draft-07/schema#",
  "title": "steward-copy",
  "type": "object",
  "properties": {
    "source_directories": {
      "description": "Below these lie files that others may have; absolute. Default: none.",
      "type": "array", "maxItems": 100,
      "items": {"type": "string", "pattern": "^/", "maxLength": 4000}
    },
    "destination_directory": {
      "description": "Below it lies what is copied to this node; absolute. Default: the plugin's data directory.",
      "type": "string", "pattern": "^/", "maxLength": 4000
    },
    "max_file_bytes": {
      "description": "No longer file is copied.",
      "type": "integer", "minimum": 1, "maximum": 1125899906842624,
      "default": 1073741824
    },
    "max_copies": {
      "description": "So many at once, at both ends together.",
      "type": "integer", "minimum": 1, "maximum": 100, "default": 10
    },
    "max_chunk_bytes": {
      "description": "No longer chunk is said or taken.",
      "type": "integer", "minimum": 1, "maximum": 600000, "default": 500000
    },
    "max_seconds": {
      "description": "No copy takes longer.",
      "type": "integer", "minimum": 1, "maximum": 604800, "default": 3600
    },
    "ack_timeout_seconds": {
      "description": "How long the other end may take to acknowledge a chunk.",
      "type": "integer", "minimum": 1, "maximum": 3600, "default": 10
    },
    "retries": {
      "description": "How often a chunk is sent again that is not acknowledged.",
      "type": "integer", "minimum": 0, "maximum": 100, "default": 3
    }
  },
  "additionalProperties": false
})json";
  }

  StewardCopy(weir::Host host, std::string_view config)
      : host_(host),
        options_(ReadOptions(config, host)),
        sender_(host, options_.ack_timeout, options_.retries),
        replies_(host),
        done_(host, "copies_done_total", "Copies that came to their end."),
        failed_(host, "copies_failed_total", "Copies that did not."),
        refused_(host, "copies_refused_total", "Copies that were not begun."),
        bytes_(host, "received_bytes_total", "Bytes of files that came."),
        running_(host, "copies", "Copies that are under way.") {}

  bool WantsMessage(std::string_view type) const {
    return FindMethod(type) != nullptr;
  }
  int QueueCapacity() const { return 1024; }

  weir_status HandleMessage(weir::Message message) {
    const View view(message);
    const std::string source(host_.source_name(message.source_id()));
    const Method* const method = FindMethod(host_.type_name(message.type_id()));
    if (method == nullptr) return WEIR_OK;
    switch (method->does) {
      case Does::kCopySrc:
        return Reply(message, view, BeginSource(source, view));
      case Does::kCopyDst:
        return Reply(message, view, BeginTarget(source, view));
      case Does::kSubSrc:
      case Does::kSubDst:
        return GoOn(source, view);
    }
    return WEIR_OK;
  }

  std::chrono::nanoseconds TickInterval() const {
    return std::chrono::seconds(1);
  }
  // Ends what takes too long.
  void Tick() {
    const int64_t now_ns = host_.now_ns();
    std::vector<Key> late;
    for (const auto& [key, copy] : copies_) {
      if (now_ns >= copy.end_ns) late.push_back(key);
    }
    for (const Key& key : late) Fail(key, "takes longer than it may");
  }

 private:
  using Key = std::pair<std::string, std::string>;  // Source, own sub-process.

  struct CopyState {
    std::unique_ptr<weir::SourceCopy> as_source;
    std::unique_ptr<weir::TargetCopy> as_target;  // Or this one.
    weir::CopyRequester requester;
    weir::CopyOrder order;
    int64_t end_ns = 0;
    std::optional<int64_t> last_id;  // Of the other end's messages.
  };

  // What is said to who asked for a copy; a fault begins with "error: ".
  struct Begun {
    std::string answer;
    bool ok = false;
    std::string why;  // If not.
  };
  static Begun Refuse(const std::string& why) {
    return {"error: " + why + "\n", false, why};
  }

  weir_status Reply(weir::Message message, const View& view,
                    const Begun& begun) {
    if (!begun.ok) {
      refused_.Add();
      host_.log(WEIR_SEVERITY_WARNING,
                std::string(view.method()) + " of node " +
                    std::string(view.from_node()) + ": " + begun.why);
    }
    if (!begun.answer.empty()) {
      const weir_status sent =
          replies_.Send(message, begun.answer, begun.ok ? "" : ".copyerror");
      if (sent != WEIR_OK && sent != WEIR_NOT_FOUND) {
        host_.log(WEIR_SEVERITY_WARNING,
                  "no answer can be sent (" + std::to_string(sent) + ")");
      }
    }
    return begun.ok ? WEIR_OK : WEIR_ERR;
  }

  // A copySrc: args are the file, the node that gets it, its path there, and
  // what may be left out: bytes of a chunk, seconds, permissions of folders.
  Begun BeginSource(const std::string& source, const View& view) {
    const auto args = view.args();
    if (args.size() < 3) {
      return Refuse("got " + std::to_string(args.size()) +
                    " methodArgs, want: srcFilePath,dstNode,dstFilePath");
    }
    const auto node = sender_.nodes().Describe(source);
    if (!node) return Refuse("the source " + source + " is no node");
    const auto arg = [&](size_t i) {
      return i < args.size() ? args[i] : std::string_view();
    };
    const auto chunk_bytes =
        arg(3).empty() ? std::min<int64_t>(100'000, options_.max_chunk_bytes)
                       : Number(arg(3), 10, 1, options_.max_chunk_bytes);
    const int64_t seconds_asked = view.timeout();
    const auto seconds =
        !arg(4).empty() ? Number(arg(4), 10, 1, options_.max_seconds)
                        : (seconds_asked >= 1
                               ? std::min(seconds_asked, options_.max_seconds)
                               : options_.max_seconds);
    const auto permission = arg(5).empty() ? 0755 : Number(arg(5), 8, 0, 0777);
    if (!chunk_bytes || !seconds || !permission) {
      return Refuse("the bytes of a chunk must be 1 to " +
                    std::to_string(options_.max_chunk_bytes) +
                    ", the seconds 1 to " +
                    std::to_string(options_.max_seconds) +
                    ", and the permissions of folders octal, up to 777");
    }
    const std::string_view target = args[2];
    const size_t slash = target.rfind('/');
    weir::CopyOrder order;
    order.uuid = NewUuid();
    order.src_node = node->name;
    order.dst_node = std::string(args[1]);
    order.src_file_path = std::string(args[0]);
    order.dst_dir = slash == std::string_view::npos ? "."
                    : slash == 0                    ? "/"
                                 : std::string(target.substr(0, slash));
    order.dst_file = std::string(
        slash == std::string_view::npos ? target : target.substr(slash + 1));
    if (order.dst_node.empty() || order.dst_file.empty()) {
      return Refuse("the node or the file that gets it has no name");
    }
    if (!IsPath(order.dst_node) || !IsPath(order.src_file_path) ||
        !IsPath(target)) {
      return Refuse(kNoPath);
    }
    std::string why;
    auto file =
        weir::SourceFile::Open(order.src_file_path, options_.source_directories,
                               options_.max_file_bytes, &why);
    if (file == nullptr) return Refuse(why);
    const bool steward = view.method().starts_with("REQ");
    order.src_method = SubMethod(steward, "Src", order.uuid);
    order.dst_method = SubMethod(steward, "Dst", order.uuid);
    order.chunk_bytes = *chunk_bytes;
    order.max_seconds = *seconds;
    order.file_mode = file->mode();
    order.folder_permission = *permission;
    const Key key(source, order.src_method);
    CopyState copy;
    copy.as_source = std::make_unique<weir::SourceCopy>(
        std::move(file), static_cast<size_t>(*chunk_bytes));
    if (why = Begin(key, order.dst_node, order, view, node->name,
                    std::move(copy));
        !why.empty()) {
      return Refuse(why);
    }
    why = sender_.Send(source, order.dst_node,
                       steward ? "REQCopyDst" : "copyDst", EncodeOrder(order));
    if (!why.empty()) {
      End(key);
      return Refuse("the destination cannot be asked: " + why);
    }
    return {"info: succesfully initiated copy source process: procName=" +
                order.src_method + ", srcNode=" + order.src_node +
                ", srcPath=" + order.src_file_path + ", dstNode=" +
                order.dst_node + ", dstPath=" + std::string(target) +
                ", starting sub process=" + order.src_method +
                " for the actual copying\n",
            true, ""};
  }

  // A copyDst: its data is the order of a source.
  Begun BeginTarget(const std::string& source, const View& view) {
    const auto node = sender_.nodes().Describe(source);
    if (!node) return Refuse("the source " + source + " is no node");
    const std::optional<weir::CopyOrder> order = weir::DecodeOrder(view.data());
    if (!order) return Refuse("its data are no order of a copy");
    const bool steward = view.method().starts_with("REQ");
    if (!IsWord(order->uuid) ||
        order->src_method != SubMethod(steward, "Src", order->uuid) ||
        order->dst_method != SubMethod(steward, "Dst", order->uuid)) {
      return Refuse("its UUID or the methods of its sub-processes are none");
    }
    if (!IsPath(order->src_file_path) || !IsPath(order->dst_dir) ||
        !IsPath(order->dst_file)) {
      return Refuse(kNoPath);
    }
    // The one that orders is the one that sends, and nobody else.
    if (order->src_node != view.from_node() || order->dst_node != node->name) {
      return Refuse("it names other nodes than its sender and this one");
    }
    if (order->chunk_bytes < 1 ||
        order->chunk_bytes > options_.max_chunk_bytes ||
        order->max_seconds < 1) {
      return Refuse("a chunk of " + std::to_string(order->chunk_bytes) +
                    " bytes or a time of " +
                    std::to_string(order->max_seconds) + " s may not be");
    }
    const Key key(source, order->dst_method);
    // It came twice: now, or when its copy has ended.
    if (copies_.count(key) > 0 || Knows(key)) return {"", true, ""};
    std::string why;
    auto file = weir::TargetFile::Create(
        options_.destination_directory,
        {.directory = order->dst_dir == "." ? std::string_view()
                                            : std::string_view(order->dst_dir),
         .name = order->dst_file,
         .folder_mode = static_cast<mode_t>(order->folder_permission & 0777)},
        order->uuid, options_.max_file_bytes, &why);
    if (file == nullptr) return Refuse(why);
    CopyState copy;
    copy.as_target = std::make_unique<weir::TargetCopy>(
        std::move(file), static_cast<mode_t>(order->file_mode & 0777),
        static_cast<size_t>(order->chunk_bytes));
    if (why = Begin(key, order->src_node, *order, view, node->name,
                    std::move(copy));
        !why.empty()) {
      return Refuse(why);
    }
    why = sender_.Send(source, order->src_node, order->src_method,
                       EncodePart(weir::TargetCopy::Ready()));
    if (!why.empty()) {
      End(key);
      return Refuse("the source cannot be told: " + why);
    }
    return {"info: succesfully initiated copy source process: procName=" +
                order->dst_method + ", srcNode=" + order->src_node +
                ", dstPath=" + order->dst_dir + "/" + order->dst_file +
                ", starting sub process=" + order->dst_method +
                " for the actual copying\n",
            true, ""};
  }

  // Whether it was one of the last copies. Both ends may be nodes of this host.
  bool Knows(const Key& key) const {
    return std::find(last_.begin(), last_.end(), key) != last_.end();
  }

  // Returns why not, or nothing.
  std::string Begin(const Key& key, const std::string& peer,
                    const weir::CopyOrder& order, const View& view,
                    const std::string& node, CopyState copy) {
    if (order.uuid.empty()) return "there are no random numbers";
    if (copies_.size() >= options_.max_copies) {
      return "max_copies are under way";
    }
    const auto started =
        sender_.nodes().StartProcess(key.first, key.second, peer);
    if (!started.ok()) return started.why;
    copy.requester = weir::CopyRequester(view, node);
    copy.order = order;
    copy.end_ns = host_.now_ns() +
                  kSecond * std::min(order.max_seconds, options_.max_seconds);
    copies_.emplace(key, std::move(copy));
    last_[next_++ % last_.size()] = key;
    running_.Set(static_cast<int64_t>(copies_.size()));
    return "";
  }

  // A message of a sub-process.
  weir_status GoOn(const std::string& source, const View& view) {
    const Key key(source, view.method());
    const auto found = copies_.find(key);
    if (found == copies_.end()) return WEIR_OK;  // Its copy has ended.
    CopyState& copy = found->second;
    const bool is_source = copy.as_source != nullptr;
    const std::string& peer =
        is_source ? copy.order.dst_node : copy.order.src_node;
    if (view.from_node() != peer) {
      host_.log(WEIR_SEVERITY_WARNING,
                key.second + ": what " + std::string(view.from_node()) +
                    " says is not looked at; it is a copy with " + peer);
      return WEIR_ERR;
    }
    // What was not acknowledged in time comes again, as the same.
    if (copy.last_id == view.id()) return WEIR_OK;
    copy.last_id = view.id();
    const std::optional<weir::CopyPart> said = weir::DecodePart(view.data());
    if (!said) return Fail(key, "what the other end says is no part of a copy");
    const uint64_t before = is_source ? 0 : copy.as_target->bytes();
    weir::CopyStep step =
        is_source ? copy.as_source->Take(*said) : copy.as_target->Take(*said);
    if (!is_source) bytes_.Add(copy.as_target->bytes() - before);
    if (step.fault.empty() && step.part.has_value()) {
      step.fault = sender_.Send(
          source, peer,
          is_source ? copy.order.dst_method : copy.order.src_method,
          EncodePart(*step.part));
    }
    if (!step.fault.empty()) return Fail(key, step.fault);
    if (step.done) Finish(key);
    return WEIR_OK;
  }

  void Finish(const Key& key) {
    const CopyState& copy = copies_.at(key);
    done_.Add();
    Tell("steward.copy.done", WEIR_SEVERITY_INFO, copy, "");
    if (copy.as_source != nullptr) {
      Answer(key, ".copyreply",
             "copyDstDone," + copy.order.src_file_path + "," +
                 copy.order.dst_dir + "/" + copy.order.dst_file);
    }
    End(key);
  }

  weir_status Fail(const Key& key, const std::string& why) {
    const CopyState& copy = copies_.at(key);
    failed_.Add();
    host_.log(WEIR_SEVERITY_WARNING, key.second + ": " + why);
    Tell("steward.copy.failed", WEIR_SEVERITY_WARNING, copy, why);
    if (copy.as_source != nullptr) {
      Answer(key, ".copyerror", "error: " + key.second + ": " + why);
    }
    End(key);
    return WEIR_ERR;
  }

  void Answer(const Key& key, std::string_view suffix,
              const std::string& text) {
    const std::string why =
        sender_.Answer(key.first, copies_.at(key).requester, suffix, text);
    if (!why.empty()) {
      host_.log(WEIR_SEVERITY_WARNING,
                key.second + ": no answer can be sent: " + why);
    }
  }

  void End(const Key& key) {
    copies_.erase(key);
    running_.Set(static_cast<int64_t>(copies_.size()));
    sender_.nodes().StopProcess(key.first, key.second);
  }

  void Tell(std::string_view kind, int32_t severity, const CopyState& copy,
            std::string_view why) const {
    const weir::CopyOrder& order = copy.order;
    weir::JsonText json;
    json.Begin('{').Key("uuid").Text(order.uuid);
    json.Key("source_node").Text(order.src_node);
    json.Key("source_path").Text(order.src_file_path);
    json.Key("destination_node").Text(order.dst_node);
    json.Key("destination_path").Text(order.dst_dir + "/" + order.dst_file);
    if (!why.empty()) json.Key("reason").Text(why);
    json.End('}');
    host_.emit({.kind = kind,
                .subject = order.uuid,
                .json = json.text(),
                .severity = severity});
  }

  const weir::Host host_;
  const Options options_;
  const weir::CopySender sender_;
  const weir::Replies replies_;
  const weir::Counter done_;
  const weir::Counter failed_;
  const weir::Counter refused_;
  const weir::Counter bytes_;
  const weir::Gauge running_;
  std::map<Key, CopyState> copies_;
  std::array<Key, 1000> last_;
  size_t next_ = 0;
};

}  // namespace

WEIR_PLUGIN(StewardCopy, "steward-copy", "1.0.0");
