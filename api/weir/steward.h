#ifndef WEIR_STEWARD_H_
#define WEIR_STEWARD_H_

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string_view>

#include "weir/message_fields.h"
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
  // Seconds; an interval of 0: once. The host does not repeat anything.
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

}  // namespace weir::steward

#endif  // WEIR_STEWARD_H_
