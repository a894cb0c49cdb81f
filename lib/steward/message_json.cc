#include "lib/steward/message_json.h"

#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "lib/steward/layout.h"
#include "lib/steward/visit_fields.h"
#include "nlohmann/json.hpp"

namespace weir::steward {
namespace {

// Keeps the order in which fields are written.
using Json = nlohmann::ordered_json;

// As many as CBOR's depth allows.
constexpr size_t kMaxMessages = 31;

class Writer {
 public:
  explicit Writer(size_t messages) : messages_(messages) {}

  Json Write(const Message& message) {
    VisitFields(Layout::kC4, message, *this);
    return std::move(json_);
  }

  bool Text(const char* name, const std::string& value) {
    json_[name] = value;
    return true;
  }
  bool Int(const char* name, int64_t value) {
    json_[name] = value;
    return true;
  }
  bool Bool(const char* name, bool value) {
    json_[name] = value;
    return true;
  }
  template <typename List>
  bool Texts(const char* name, const std::optional<List>& value) {
    json_[name] = value.has_value() ? Json(*value) : Json(nullptr);
    return true;
  }
  template <typename List>
  bool Ints(const char* name, const std::optional<List>& value) {
    return Texts(name, value);
  }
  bool Bytes(const char* name, const std::optional<std::string>& value) {
    json_[name] =
        value.has_value() ? Json(absl::Base64Escape(*value)) : Json(nullptr);
    return true;
  }
  bool Data(const char* name, const std::optional<Message::Texts>& value) {
    std::optional<std::string> bytes;
    if (value.has_value()) {
      bytes.emplace();
      for (const std::string& part : *value) *bytes += part;
    }
    return Bytes(name, bytes);
  }
  bool Previous(const char* name, const std::shared_ptr<const Message>& value) {
    json_[name] = value == nullptr || messages_ == kMaxMessages
                      ? Json(nullptr)
                      : Writer(messages_ + 1).Write(*value);
    return true;
  }

 private:
  const size_t messages_;
  Json json_ = Json::object();
};

class Reader {
 public:
  // `path` is that of `json` with a dot behind it, for errors.
  // `texts_too`: `data` may be a list of texts.
  Reader(const Json& json, std::string path, size_t messages, bool texts_too)
      : json_(json),
        path_(std::move(path)),
        messages_(messages),
        texts_too_(texts_too) {}

  absl::Status Read(Message* message) {
    VisitFields(Layout::kC4, *message, *this);
    return status_;
  }

  bool Text(const char* name, std::string& value) {
    const Json* found = Find(name);
    if (found == nullptr) return true;
    if (!found->is_string()) return Wrong(name, "a text", *found);
    value = found->get_ref<const std::string&>();
    return true;
  }
  bool Int(const char* name, int64_t& value) {
    const Json* found = Find(name);
    return found == nullptr || ReadInt(name, *found, &value);
  }
  bool Bool(const char* name, bool& value) {
    const Json* found = Find(name);
    if (found == nullptr) return true;
    if (!found->is_boolean()) return Wrong(name, "true or false", *found);
    value = found->get<bool>();
    return true;
  }
  bool Texts(const char* name, std::optional<Message::Texts>& value) {
    const Json* found = Find(name);
    if (found == nullptr) return true;
    if (!found->is_array()) return Wrong(name, "a list of texts", *found);
    value.emplace();
    for (const Json& text : *found) {
      if (text.is_null()) {
        value->emplace_back();
        continue;
      }
      if (!text.is_string()) return Wrong(name, "a text", text);
      value->push_back(text.get_ref<const std::string&>());
    }
    return true;
  }
  bool Ints(const char* name, std::optional<std::vector<int64_t>>& value) {
    const Json* found = Find(name);
    if (found == nullptr) return true;
    if (!found->is_array()) return Wrong(name, "a list of numbers", *found);
    value.emplace();
    for (const Json& number : *found) {
      if (!ReadInt(name, number, &value->emplace_back())) return false;
    }
    return true;
  }
  bool Bytes(const char* name, std::optional<std::string>& value) {
    const Json* found = Find(name);
    if (found == nullptr) return true;
    if (!found->is_string()) return Wrong(name, "a text in base64", *found);
    value.emplace();
    if (absl::Base64Unescape(found->get_ref<const std::string&>(), &*value)) {
      return true;
    }
    return Fail(name, "its text is no base64");
  }
  bool Data(const char* name, std::optional<Message::Texts>& value) {
    const Json* found = texts_too_ ? Find(name) : nullptr;
    if (found != nullptr && found->is_array()) return Texts(name, value);
    std::optional<std::string> bytes;
    if (!Bytes(name, bytes)) return false;
    if (bytes.has_value()) value.emplace(1, *std::move(bytes));
    return true;
  }
  bool Previous(const char* name, std::shared_ptr<const Message>& value) {
    const Json* found = Find(name);
    if (found == nullptr) return true;
    if (!found->is_object()) return Wrong(name, "an object", *found);
    if (messages_ == kMaxMessages) {
      return Fail(name, absl::StrCat("more than ", kMaxMessages,
                                     " messages within each other"));
    }
    auto previous = std::make_shared<Message>();
    status_ = Reader(*found, absl::StrCat(path_, name, "."), messages_ + 1,
                     texts_too_)
                  .Read(previous.get());
    value = std::move(previous);
    return status_.ok();
  }

 private:
  const Json* Find(const char* name) const {
    const auto found = json_.find(name);
    return found == json_.end() || found->is_null() ? nullptr : &*found;
  }
  bool ReadInt(const char* name, const Json& json, int64_t* value) {
    if (json.is_null()) {
      *value = 0;
      return true;
    }
    if (!json.is_number_integer()) return Wrong(name, "a whole number", json);
    if (json.is_number_unsigned() &&
        json.get<uint64_t>() > uint64_t{std::numeric_limits<int64_t>::max()}) {
      return Fail(name, "its number does not fit in 64 signed bits");
    }
    *value = json.get<int64_t>();
    return true;
  }
  bool Wrong(const char* name, absl::string_view wanted, const Json& found) {
    return Fail(name, absl::StrCat("it is of type ", found.type_name(),
                                   " in place of ", wanted));
  }
  bool Fail(const char* name, absl::string_view what) {
    status_ = absl::InvalidArgumentError(absl::StrCat(path_, name, ": ", what));
    return false;
  }

  const Json& json_;
  const std::string path_;
  const size_t messages_;
  const bool texts_too_;
  absl::Status status_;
};

// Stops at what nests deeper than any message does, as nlohmann's destructor
// and our reading go down by recursion.
constexpr int kMaxJsonDepth = 2 * static_cast<int>(kMaxMessages);

absl::StatusOr<Json> Parse(absl::string_view json, int max_depth) {
  bool too_deep = false;
  const auto check_depth = [&](int depth, Json::parse_event_t, Json&) {
    too_deep = too_deep || depth > max_depth;
    return !too_deep;
  };
  Json parsed = Json::parse(json.begin(), json.end(), check_depth,
                            /*allow_exceptions=*/false);
  if (too_deep) {
    return absl::InvalidArgumentError(
        absl::StrCat("message: JSON nested deeper than ", max_depth));
  }
  if (parsed.is_discarded()) {
    return absl::InvalidArgumentError("message: it is no JSON");
  }
  return parsed;
}

// `name` is what it is called in errors; empty: none of many.
absl::StatusOr<Message> ReadMessage(const Json& json, std::string name,
                                    bool texts_too) {
  if (!json.is_object()) {
    return absl::InvalidArgumentError(
        absl::StrCat(name.empty() ? "message" : name, ": it is of type ",
                     json.type_name(), " in place of an object"));
  }
  if (!name.empty()) name += ".";
  Message message;
  if (absl::Status status =
          Reader(json, std::move(name), 1, texts_too).Read(&message);
      !status.ok()) {
    return status;
  }
  return message;
}

}  // namespace

std::string MessageToJson(const Message& message) {
  return Writer(1).Write(message).dump(-1, ' ', false,
                                       Json::error_handler_t::replace);
}

absl::StatusOr<Message> MessageFromJson(absl::string_view json) {
  const absl::StatusOr<Json> parsed = Parse(json, kMaxJsonDepth);
  if (!parsed.ok()) return parsed.status();
  return ReadMessage(*parsed, "", /*texts_too=*/false);
}

absl::StatusOr<std::vector<Message>> MessagesFromJson(absl::string_view json,
                                                      size_t max) {
  const absl::StatusOr<Json> parsed = Parse(json, kMaxJsonDepth + 1);
  if (!parsed.ok()) return parsed.status();
  const bool many = parsed->is_array();
  const size_t count = many ? parsed->size() : 1;
  if (count == 0 || count > max) {
    return absl::InvalidArgumentError(
        absl::StrCat("messages: there are ", count, "; must be 1 to ", max));
  }
  std::vector<Message> messages;
  messages.reserve(count);
  for (size_t i = 0; i < count; ++i) {
    absl::StatusOr<Message> message =
        ReadMessage(many ? (*parsed)[i] : *parsed,
                    absl::StrCat("messages[", i, "]"), /*texts_too=*/true);
    if (!message.ok()) return message.status();
    messages.push_back(*std::move(message));
  }
  return messages;
}

}  // namespace weir::steward
