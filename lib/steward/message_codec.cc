#include "lib/steward/message_codec.h"

#include <cbor.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "lib/steward/cbor_reader.h"
#include "lib/steward/refusal.h"
#include "lib/steward/visit_fields.h"

namespace weir::steward {
namespace {

// The message is an array, and its lists lie one deeper.
constexpr size_t kMaxMessages = CborReader::kMaxDepth - 1;
// The longest head of a CBOR value: its type and eight bytes of length.
constexpr size_t kMaxHead = 9;

// Appends each field to `bytes`. No call fails.
class Writer {
 public:
  Writer(Layout layout, std::string* bytes) : layout_(layout), bytes_(*bytes) {}

  void Write(const Message& message) {
    Head(cbor_encode_array_start, ElementCount(layout_));
    VisitFields(layout_, message, *this);
  }

  bool Text(absl::string_view, const std::string& value) {
    Head(cbor_encode_string_start, value.size());
    bytes_ += value;
    return true;
  }
  bool Texts(absl::string_view, const std::optional<Message::Texts>& value) {
    if (!value.has_value()) return Null();
    Head(cbor_encode_array_start, value->size());
    for (const std::string& text : *value) Text("", text);
    return true;
  }
  bool Int(absl::string_view, int64_t value) {
    if (value >= 0) {
      Head(cbor_encode_uint, static_cast<uint64_t>(value));
    } else {
      Head(cbor_encode_negint, static_cast<uint64_t>(-1 - value));
    }
    return true;
  }
  bool Ints(absl::string_view,
            const std::optional<std::vector<int64_t>>& value) {
    if (!value.has_value()) return Null();
    Head(cbor_encode_array_start, value->size());
    for (const int64_t number : *value) Int("", number);
    return true;
  }
  bool Bool(absl::string_view, bool value) {
    Head(cbor_encode_bool, value);
    return true;
  }
  bool Bytes(absl::string_view, const std::optional<std::string>& value) {
    if (!value.has_value()) return Null();
    Head(cbor_encode_bytestring_start, value->size());
    bytes_ += *value;
    return true;
  }
  bool Data(absl::string_view name,
            const std::optional<Message::Texts>& value) {
    if (layout_ == Layout::kS0) return Texts(name, value);
    if (!value.has_value()) return Null();
    size_t size = 0;
    for (const std::string& part : *value) size += part.size();
    Head(cbor_encode_bytestring_start, size);
    for (const std::string& part : *value) bytes_ += part;
    return true;
  }
  bool Previous(absl::string_view,
                const std::shared_ptr<const Message>& value) {
    if (value == nullptr || ++written_ == kMaxMessages) return Null();
    Write(*value);
    return true;
  }

 private:
  template <typename Encode, typename Value>
  void Head(Encode encode, Value value) {
    std::array<unsigned char, kMaxHead> head;
    const size_t size = encode(value, head.data(), head.size());
    bytes_.append(reinterpret_cast<const char*>(head.data()), size);
  }
  bool Null() {
    std::array<unsigned char, kMaxHead> head;
    const size_t size = cbor_encode_null(head.data(), head.size());
    bytes_.append(reinterpret_cast<const char*>(head.data()), size);
    return true;
  }

  const Layout layout_;
  std::string& bytes_;
  size_t written_ = 0;
};

// Reads each field; stops at the first that fails.
class Reader {
 public:
  Reader(Layout layout, CborReader& cbor) : layout_(layout), cbor_(cbor) {}

  absl::Status Read(absl::string_view field, Message* message, bool* is_null) {
    CborReader::Array array;
    if (absl::Status status = cbor_.BeginArray(field, &array); !status.ok()) {
      return status;
    }
    *is_null = array.is_null;
    if (array.is_null) return absl::OkStatus();
    if (array.length.has_value() && *array.length != ElementCount(layout_)) {
      return cbor_.Fail(
          field, absl::StrCat("an array of ", *array.length,
                              " elements in place of ", ElementCount(layout_)));
    }
    if (!VisitFields(layout_, *message, *this)) return status_;
    if (!array.length.has_value() && !cbor_.AtBreak()) {
      return cbor_.Fail(field, absl::StrCat("more than ", ElementCount(layout_),
                                            " elements"));
    }
    cbor_.EndArray();
    return absl::OkStatus();
  }

  bool Text(absl::string_view name, std::string& value) {
    return Keep(cbor_.Text(name, &value));
  }
  bool Texts(absl::string_view name, std::optional<Message::Texts>& value) {
    return Keep(cbor_.Texts(name, &value));
  }
  bool Int(absl::string_view name, int64_t& value) {
    return Keep(cbor_.Int(name, &value));
  }
  bool Ints(absl::string_view name,
            std::optional<std::vector<int64_t>>& value) {
    return Keep(cbor_.Ints(name, &value));
  }
  bool Bool(absl::string_view name, bool& value) {
    return Keep(cbor_.Bool(name, &value));
  }
  bool Bytes(absl::string_view name, std::optional<std::string>& value) {
    return Keep(cbor_.Bytes(name, &value));
  }
  bool Data(absl::string_view name, std::optional<Message::Texts>& value) {
    if (layout_ == Layout::kS0) return Texts(name, value);
    std::optional<std::string> bytes;
    if (!Bytes(name, bytes)) return false;
    if (bytes.has_value()) value.emplace(1, *std::move(bytes));
    return true;
  }
  bool Previous(absl::string_view name, std::shared_ptr<const Message>& value) {
    auto previous = std::make_shared<Message>();
    bool is_null = false;
    if (!Keep(Read(name, previous.get(), &is_null))) return false;
    if (!is_null) value = std::move(previous);
    return true;
  }

 private:
  bool Keep(absl::Status status) {
    status_ = std::move(status);
    return status_.ok();
  }

  const Layout layout_;
  CborReader& cbor_;
  absl::Status status_;
};

absl::StatusOr<DecodedMessage> DecodeAs(Layout layout, CborReader& cbor) {
  DecodedMessage decoded;
  decoded.layout = layout;
  Reader reader(layout, cbor);
  bool is_null = false;
  if (absl::Status status = reader.Read("message", &decoded.message, &is_null);
      !status.ok()) {
    return status;
  }
  if (is_null) return cbor.Fail("message", "null in place of an array ends");
  if (absl::Status status = cbor.End(); !status.ok()) return status;
  return decoded;
}

}  // namespace

std::string EncodeMessage(const Message& message, Layout layout) {
  std::string bytes;
  Writer(layout, &bytes).Write(message);
  return bytes;
}

absl::StatusOr<DecodedMessage> DecodeMessage(absl::string_view bytes) {
  CborReader start(bytes);
  CborReader::Array array;
  if (absl::Status status = start.BeginArray("message", &array); !status.ok()) {
    return status;
  }
  // A message of one layout is none of another, unless it is all null: one that
  // fits is the one. Of several that do not, the one that was read furthest
  // tells most.
  absl::Status error;
  size_t furthest = 0;
  for (const Layout layout :
       {Layout::kS1, Layout::kC4, Layout::kS0, Layout::kC3, Layout::kC2}) {
    if (array.length.has_value() && *array.length != ElementCount(layout)) {
      continue;
    }
    CborReader cbor(bytes);
    absl::StatusOr<DecodedMessage> decoded = DecodeAs(layout, cbor);
    if (decoded.ok()) return decoded;
    if (cbor.offset() <= furthest) continue;
    furthest = cbor.offset();
    error = decoded.status();
  }
  if (!error.ok()) return error;
  if (array.is_null) return start.Fail("message", "null in place of an array");
  return Refuse(
      start.Fail(
          "message",
          absl::StrCat("an array of ", *array.length,
                       " elements: not 23 (S1, C1), 24 (C2), 25 (S0, "
                       "C3) or 27 (C4) as steward and ctrl write them,")),
      Refusal::kLayout);
}

}  // namespace weir::steward
