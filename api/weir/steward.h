#ifndef WEIR_STEWARD_H_
#define WEIR_STEWARD_H_

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "weir/message_fields.h"
#include "weir/plugin_services.h"
#include "weir/sdk.h"

// What nodes of a steward or ctrl network send each other, with types: for the
// plugin that handles a method. Header-only, like the rest of the SDK.
//
//   bool WantsMessage(std::string_view type) { return type == "REQHello"; }
//   void HandleMessage(weir::Message message) {
//     const weir::steward::View hello(message);
//     seen_[std::string(hello.from_node())] = message.received_ns();
//   }

namespace weir::steward {

// Several strings in a message. A view, as long valid as that.
class Strings {
 public:
  Strings() = default;
  // `at` is where a field of the kind WEIR_KIND_STRINGS lies.
  Strings(const uint8_t* at, size_t count) : at_(at), count_(count) {}

  size_t size() const { return count_; }
  bool empty() const { return count_ == 0; }

  // Of an `i` below size().
  std::string_view operator[](size_t i) const {
    const uint32_t begin = i == 0 ? 0 : End(i - 1);
    return {
        reinterpret_cast<const char*>(at_) + count_ * sizeof(uint32_t) + begin,
        End(i) - begin};
  }

 private:
  uint32_t End(size_t i) const {
    uint32_t end = 0;
    std::memcpy(&end, at_ + i * sizeof(end), sizeof(end));
    return end;
  }

  const uint8_t* at_ = nullptr;
  size_t count_ = 0;
};

// A message between nodes; its type is the method, of a sub-process without its
// ID. A view: valid until HandleMessage returns. What a message does not have
// is empty, or 0, so it may be laid over any message at all.
//
// Who sent it is what the message says, and nobody has proved it: signature()
// covers args() alone, and the host looks at it only where its configuration
// says so (docs/sources/nats.md).
class View {
 public:
  explicit View(sdk::Message message) : message_(message) {}

  // The sender's release as the layout tells it: "S0", "S1", "C2", "C3", "C4".
  std::string_view profile() const { return Text(WEIR_FIELD_STEWARD_PROFILE); }
  std::string_view to_node() const { return Text(WEIR_FIELD_STEWARD_TO_NODE); }
  std::string_view from_node() const {
    return Text(WEIR_FIELD_STEWARD_FROM_NODE);
  }
  // "REQCliCommand"; of a sub-process with its ID, "subCopySrc.ID", where the
  // type is "subCopySrc".
  std::string_view method() const { return Text(WEIR_FIELD_STEWARD_METHOD); }
  // The sender's count. It begins anew when the sender does, and what is sent
  // again has the same.
  int64_t id() const { return Int(WEIR_FIELD_STEWARD_ID); }

  std::string_view data() const { return Text(WEIR_FIELD_STEWARD_DATA); }
  Strings args() const { return List(WEIR_FIELD_STEWARD_ARGS); }
  std::string_view signature() const {
    return Text(WEIR_FIELD_STEWARD_SIGNATURE);
  }

  // What the answer, if one is wanted, is to be sent as.
  std::string_view reply_method() const {
    return Text(WEIR_FIELD_STEWARD_REPLY_METHOD);
  }
  Strings reply_args() const { return List(WEIR_FIELD_STEWARD_REPLY_ARGS); }
  bool is_reply() const {
    return message_.number(WEIR_FIELD_STEWARD_IS_REPLY) != 0;
  }

  // Seconds that the method may take; -1: as long as it likes.
  int64_t timeout() const { return Int(WEIR_FIELD_STEWARD_TIMEOUT); }
  // Seconds; an interval of 0: once. A host that is the node hands the message
  // out again at each, and one that only watches its network does not.
  int64_t interval() const { return Int(WEIR_FIELD_STEWARD_INTERVAL); }
  int64_t total_time() const { return Int(WEIR_FIELD_STEWARD_TOTAL_TIME); }

  // Relative, absolute, or anything that the sender likes: look before you
  // open.
  std::string_view directory() const {
    return Text(WEIR_FIELD_STEWARD_DIRECTORY);
  }
  std::string_view file_name() const {
    return Text(WEIR_FIELD_STEWARD_FILE_NAME);
  }
  bool use_shell() const {
    return message_.number(WEIR_FIELD_STEWARD_USE_SHELL) != 0;
  }
  Strings instructions() const { return List(WEIR_FIELD_STEWARD_INSTRUCTIONS); }

  // What a reply answers. Nodes write it to its request's directory and file,
  // in a folder named after its request's addressee.
  struct Request {
    int64_t id = 0;
    std::string_view to_node, method, directory, file_name;
    Strings args;
  };
  std::optional<Request> request() const {
    if (message_.field(WEIR_FIELD_STEWARD_REQUEST_ID) == nullptr) {
      return std::nullopt;
    }
    return Request{.id = Int(WEIR_FIELD_STEWARD_REQUEST_ID),
                   .to_node = Text(WEIR_FIELD_STEWARD_REQUEST_TO_NODE),
                   .method = Text(WEIR_FIELD_STEWARD_REQUEST_METHOD),
                   .directory = Text(WEIR_FIELD_STEWARD_REQUEST_DIRECTORY),
                   .file_name = Text(WEIR_FIELD_STEWARD_REQUEST_FILE_NAME),
                   .args = List(WEIR_FIELD_STEWARD_REQUEST_ARGS)};
  }

 private:
  std::string_view Text(uint16_t key) const { return message_.text(key); }
  int64_t Int(uint16_t key) const {
    const weir_field* const field = message_.field(key);
    if (field == nullptr || field->kind != WEIR_KIND_INT) return 0;
    return static_cast<int64_t>(uint64_t{field->off} | uint64_t{field->len}
                                                           << 32);
  }
  Strings List(uint16_t key) const {
    const weir_field* const field = message_.field(key);
    if (field == nullptr || field->kind != WEIR_KIND_STRINGS) return {};
    return {message_.raw()->base + field->off, field->count};
  }

  sdk::Message message_;
};

// The nodes that this host is in such networks, one for each of its sources of
// that kind, which the plugin gets messages from: what it can ask of them. Made
// of a Host in the plugin's constructor and kept as a member; may be used from
// any thread. `source` is what Host::source_name says of a message.
//
//   const auto sent = nodes_.Send(source, R"({"toNode": "ship1", ...})");
//   if (!sent.ok()) host_.log(WEIR_SEVERITY_WARNING, sent.why);
//
// With a host that has no nodes, every answer is WEIR_UNSUPPORTED.
class Nodes {
 public:
  explicit Nodes(const sdk::Host& host)
      : ctx_(host.table()->ctx),
        ext_(host.Find<weir_ext_node>(WEIR_EXT_NODE)) {}

  // What became of a call; see weir_ext_node.
  struct Answer {
    weir_status status = WEIR_UNSUPPORTED;
    std::string why;  // For people, if it is not ok.
    bool ok() const { return status == WEIR_OK; }
  };

  struct Node {
    std::string name, profile;
    std::string public_key;  // 32 bytes; empty: it signs nothing.
  };
  // Nullopt: it is no node that the plugin has to do with.
  std::optional<Node> Describe(std::string_view source) const {
    std::optional<Node> node;
    if (ext_ != nullptr) {
      ext_->describe(ctx_, sdk::ToStr(source), &TakeNode, &node);
    }
    return node;
  }

  // Sends messages in its name; ok: they are on the disk. Waits for that, up to
  // 5 s. `messages` is JSON, one or a list of them.
  Answer Send(std::string_view source, std::string_view messages) const {
    return Ask([&](weir_err* err) {
      return ext_->send(ctx_, sdk::ToStr(source), sdk::ToStr(messages), err);
    });
  }

  struct Process {
    uint64_t id = 0;
    int32_t state = 0;  // WEIR_PROCESS_*
    bool configured = false;
    std::string method, subject, name, why;
  };
  // By id. Nullopt as of Describe.
  std::optional<std::vector<Process>> Processes(std::string_view source) const {
    std::vector<Process> processes;
    if (ext_ == nullptr ||
        ext_->list_processes(ctx_, sdk::ToStr(source), &TakeProcess,
                             &processes) != WEIR_OK) {
      return std::nullopt;
    }
    return processes;
  }

  // Without `only_sender` one of the configuration; with it, a sub-process,
  // "subNAME.WORD", which ends with the plugin at the latest.
  Answer StartProcess(std::string_view source, std::string_view method,
                      std::string_view only_sender = {}) const {
    return Ask([&](weir_err* err) {
      return ext_->start_process(ctx_, sdk::ToStr(source), sdk::ToStr(method),
                                 sdk::ToStr(only_sender), err);
    });
  }
  Answer StopProcess(std::string_view source, std::string_view method) const {
    return Ask([&](weir_err* err) {
      return ext_->stop_process(ctx_, sdk::ToStr(source), sdk::ToStr(method),
                                err);
    });
  }

 private:
  template <typename Call>
  Answer Ask(Call call) const {
    if (ext_ == nullptr) return {WEIR_UNSUPPORTED, "the host has no nodes"};
    char text[1024] = {};
    weir_err err = {sizeof(weir_err), sizeof(text), text, 0};
    Answer answer;
    answer.status = call(&err);
    if (!answer.ok()) {
      answer.why.assign(text, err.len < sizeof(text) ? err.len : sizeof(text));
    }
    return answer;
  }

  static std::string Copy(weir_str text) { return {text.data, text.len}; }
  static weir_status TakeNode(void* to, const weir_node* node) {
    *static_cast<std::optional<Node>*>(to) =
        Node{Copy(node->name), Copy(node->profile), Copy(node->public_key)};
    return WEIR_OK;
  }
  static weir_status TakeProcess(void* to, const weir_process* process) {
    static_cast<std::vector<Process>*>(to)->push_back(
        {.id = process->id,
         .state = process->state,
         .configured = process->configured != 0,
         .method = Copy(process->method),
         .subject = Copy(process->subject),
         .name = Copy(process->name),
         .why = Copy(process->why)});
    return WEIR_OK;
  }

  void* ctx_;
  const weir_ext_node* ext_;
};

}  // namespace weir::steward

#endif  // WEIR_STEWARD_H_
