#include "lib/steward/cbor_reader.h"

#include <cbor.h>

#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "simdjson.h"

namespace weir::steward {
namespace {

// "Self-described CBOR": says nothing but that CBOR follows.
constexpr uint64_t kSelfDescribed = 55799;

}  // namespace

struct CborReader::Item {
  enum Kind {
    kNone,  // Before the first, and at the end.
    kUint,
    kNegative,  // -1 - number
    kBytes,
    kBytesStart,
    kText,
    kTextStart,
    kArray,
    kArrayStart,
    kMap,
    kTag,
    kFloat,
    kBool,
    kNull,  // And undefined.
    kBreak,
  };
  Kind kind = kNone;
  uint64_t number = 0;
  absl::string_view string;
  size_t end = 0;

  absl::string_view name() const {
    switch (kind) {
      case kNone:
        return "the end";
      case kUint:
        return "an unsigned number";
      case kNegative:
        return "a negative number";
      case kBytes:
      case kBytesStart:
        return "a byte string";
      case kText:
      case kTextStart:
        return "a text";
      case kArray:
      case kArrayStart:
        return "an array";
      case kMap:
        return "a map";
      case kTag:
        return "a tag";
      case kFloat:
        return "a floating-point number";
      case kBool:
        return "a truth value";
      case kNull:
        return "null";
      case kBreak:
        return "a break";
    }
    return "";
  }

  template <Kind K, typename Number>
  static void Take(void* item, Number number) {
    auto* self = static_cast<Item*>(item);
    self->kind = K;
    self->number = static_cast<uint64_t>(number);
  }
  template <Kind K>
  static void TakeString(void* item, cbor_data data, size_t size) {
    auto* self = static_cast<Item*>(item);
    self->kind = K;
    self->string = absl::string_view(reinterpret_cast<const char*>(data), size);
  }
  template <Kind K>
  static void TakeSign(void* item) {
    static_cast<Item*>(item)->kind = K;
  }

  static const cbor_callbacks& Callbacks() {
    static const cbor_callbacks kCallbacks = {
        .uint8 = Take<kUint, uint8_t>,
        .uint16 = Take<kUint, uint16_t>,
        .uint32 = Take<kUint, uint32_t>,
        .uint64 = Take<kUint, uint64_t>,
        .negint64 = Take<kNegative, uint64_t>,
        .negint32 = Take<kNegative, uint32_t>,
        .negint16 = Take<kNegative, uint16_t>,
        .negint8 = Take<kNegative, uint8_t>,
        .byte_string_start = TakeSign<kBytesStart>,
        .byte_string = TakeString<kBytes>,
        .string = TakeString<kText>,
        .string_start = TakeSign<kTextStart>,
        .indef_array_start = TakeSign<kArrayStart>,
        .array_start = Take<kArray, size_t>,
        .indef_map_start = TakeSign<kMap>,
        .map_start = Take<kMap, size_t>,
        .tag = Take<kTag, uint64_t>,
        .float2 = Take<kFloat, float>,
        .float4 = Take<kFloat, float>,
        .float8 = Take<kFloat, double>,
        .undefined = TakeSign<kNull>,
        .null = TakeSign<kNull>,
        .boolean = Take<kBool, bool>,
        .indef_break = TakeSign<kBreak>,
    };
    return kCallbacks;
  }
};

absl::Status CborReader::Fail(absl::string_view field, absl::string_view what) {
  if (error_.ok()) {
    error_ = absl::InvalidArgumentError(
        absl::StrCat(field, ": ", what, " at byte ", offset_));
  }
  return error_;
}

absl::Status CborReader::Wrong(absl::string_view field,
                               absl::string_view wanted, const Item& found) {
  return Fail(field, absl::StrCat(found.name(), " in place of ", wanted));
}

absl::Status CborReader::Peek(absl::string_view field, Item* item) {
  if (!error_.ok()) return error_;
  size_t at = offset_;
  do {
    *item = Item();
    const cbor_decoder_result result =
        cbor_stream_decode(reinterpret_cast<cbor_data>(bytes_.data()) + at,
                           bytes_.size() - at, &Item::Callbacks(), item);
    switch (result.status) {
      case CBOR_DECODER_FINISHED:
        break;
      case CBOR_DECODER_NEDATA:
        return Fail(field, "the message ends within a value");
      case CBOR_DECODER_ERROR:
        return Fail(field, "no CBOR");
    }
    at += result.read;
  } while (item->kind == Item::kTag && item->number == kSelfDescribed);
  item->end = at;
  return absl::OkStatus();
}

bool CborReader::AtBreak() {
  Item item;
  const absl::Status kept = error_;
  const bool is = Peek("", &item).ok() && item.kind == Item::kBreak;
  error_ = kept;
  if (is) offset_ = item.end;
  return is;
}

absl::Status CborReader::BeginArray(absl::string_view field, Array* array) {
  Item item;
  if (absl::Status status = Peek(field, &item); !status.ok()) return status;
  *array = Array();
  if (item.kind == Item::kNull) {
    array->is_null = true;
  } else if (item.kind == Item::kArray || item.kind == Item::kArrayStart) {
    if (depth_ == kMaxDepth) {
      return Fail(field, absl::StrCat("arrays nested deeper than ", kMaxDepth));
    }
    ++depth_;
    if (item.kind == Item::kArray) array->length = item.number;
  } else {
    return Wrong(field, "an array", item);
  }
  offset_ = item.end;
  return absl::OkStatus();
}

absl::Status CborReader::CheckUtf8(absl::string_view field,
                                   const std::string& value) {
  if (simdjson::validate_utf8(value)) return absl::OkStatus();
  return Fail(field, "a text that is not UTF-8 ends");
}

absl::Status CborReader::Chunks(absl::string_view field, bool text,
                                std::string* value) {
  const Item::Kind wanted = text ? Item::kText : Item::kBytes;
  for (;;) {
    Item item;
    if (absl::Status status = Peek(field, &item); !status.ok()) return status;
    if (item.kind != Item::kBreak && item.kind != wanted) {
      return Wrong(field, "a part of a string", item);
    }
    offset_ = item.end;
    if (item.kind == Item::kBreak) return absl::OkStatus();
    value->append(item.string.data(), item.string.size());
  }
}

absl::Status CborReader::Text(absl::string_view field, std::string* value) {
  Item item;
  if (absl::Status status = Peek(field, &item); !status.ok()) return status;
  value->clear();
  switch (item.kind) {
    case Item::kNull:
      offset_ = item.end;
      return absl::OkStatus();
    case Item::kText:
      offset_ = item.end;
      value->assign(item.string.data(), item.string.size());
      return CheckUtf8(field, *value);
    case Item::kTextStart:
      offset_ = item.end;
      if (absl::Status status = Chunks(field, true, value); !status.ok()) {
        return status;
      }
      return CheckUtf8(field, *value);
    default:
      return Wrong(field, "a text", item);
  }
}

absl::Status CborReader::Int(absl::string_view field, int64_t* value) {
  Item item;
  if (absl::Status status = Peek(field, &item); !status.ok()) return status;
  *value = 0;
  if (item.kind != Item::kUint && item.kind != Item::kNegative &&
      item.kind != Item::kNull) {
    return Wrong(field, "a whole number", item);
  }
  if (item.kind != Item::kNull) {
    if (item.number > uint64_t{std::numeric_limits<int64_t>::max()}) {
      return Fail(field, "a number outside of 64 signed bits");
    }
    const auto number = static_cast<int64_t>(item.number);
    *value = item.kind == Item::kUint ? number : -1 - number;
  }
  offset_ = item.end;
  return absl::OkStatus();
}

absl::Status CborReader::Bool(absl::string_view field, bool* value) {
  Item item;
  if (absl::Status status = Peek(field, &item); !status.ok()) return status;
  if (item.kind != Item::kBool && item.kind != Item::kNull) {
    return Wrong(field, "a truth value", item);
  }
  *value = item.kind == Item::kBool && item.number != 0;
  offset_ = item.end;
  return absl::OkStatus();
}

template <typename Element>
absl::Status CborReader::List(absl::string_view field, bool* is_null,
                              const Element& element) {
  Array array;
  if (absl::Status status = BeginArray(field, &array); !status.ok()) {
    return status;
  }
  *is_null = array.is_null;
  if (array.is_null) return absl::OkStatus();
  for (uint64_t i = 0; !array.length.has_value() || i < *array.length; ++i) {
    if (!array.length.has_value() && AtBreak()) break;
    if (++elements_ > kMaxElements) {
      return Fail(field, absl::StrCat("more than ", kMaxElements,
                                      " elements of lists"));
    }
    if (absl::Status status = element(); !status.ok()) return status;
  }
  EndArray();
  return absl::OkStatus();
}

absl::Status CborReader::Bytes(absl::string_view field,
                               std::optional<std::string>* value) {
  Item item;
  if (absl::Status status = Peek(field, &item); !status.ok()) return status;
  value->emplace();
  switch (item.kind) {
    case Item::kNull:
      offset_ = item.end;
      value->reset();
      return absl::OkStatus();
    case Item::kBytes:
      offset_ = item.end;
      (*value)->assign(item.string.data(), item.string.size());
      return absl::OkStatus();
    case Item::kBytesStart:
      offset_ = item.end;
      return Chunks(field, false, &**value);
    case Item::kArray:
    case Item::kArrayStart: {
      bool is_null = false;
      return List(field, &is_null, [&] {
        int64_t byte = 0;
        absl::Status status = Int(field, &byte);
        if (status.ok() && (byte < 0 || byte > 255)) {
          return Fail(field, absl::StrCat("byte ", byte, ", not 0 to 255,"));
        }
        (*value)->push_back(static_cast<char>(byte));
        return status;
      });
    }
    default:
      return Wrong(field, "a byte string", item);
  }
}

absl::Status CborReader::Texts(absl::string_view field,
                               std::optional<std::vector<std::string>>* value) {
  value->emplace();
  bool is_null = false;
  absl::Status status = List(
      field, &is_null, [&] { return Text(field, &(*value)->emplace_back()); });
  if (is_null) value->reset();
  return status;
}

absl::Status CborReader::Ints(absl::string_view field,
                              std::optional<std::vector<int64_t>>* value) {
  value->emplace();
  bool is_null = false;
  absl::Status status = List(
      field, &is_null, [&] { return Int(field, &(*value)->emplace_back()); });
  if (is_null) value->reset();
  return status;
}

absl::Status CborReader::End() {
  if (!error_.ok()) return error_;
  if (offset_ == bytes_.size()) return absl::OkStatus();
  return Fail("message", absl::StrCat(bytes_.size() - offset_,
                                      " bytes behind the message"));
}

}  // namespace weir::steward
