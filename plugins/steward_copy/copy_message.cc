#include "plugins/steward_copy/copy_message.h"

#include <cbor.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <iterator>
#include <limits>
#include <map>
#include <utility>
#include <variant>

namespace weir {
namespace {

constexpr uint64_t kMaxFields = 64;

class Writer {
 public:
  explicit Writer(size_t fields) {
    Head([&](unsigned char* to, size_t size) {
      return cbor_encode_map_start(fields, to, size);
    });
  }
  Writer& Text(std::string_view name, std::string_view text) {
    Name(name);
    String(text);
    return *this;
  }
  Writer& Number(std::string_view name, int64_t number) {
    Name(name);
    Head([&](unsigned char* to, size_t size) {
      return number >= 0
                 ? cbor_encode_uint(static_cast<uint64_t>(number), to, size)
                 : cbor_encode_negint(static_cast<uint64_t>(-1 - number), to,
                                      size);
    });
    return *this;
  }
  Writer& Bytes(std::string_view name,
                const std::optional<std::string>& bytes) {
    Name(name);
    if (!bytes.has_value()) {
      Head(cbor_encode_null);
      return *this;
    }
    Head([&](unsigned char* to, size_t size) {
      return cbor_encode_bytestring_start(bytes->size(), to, size);
    });
    cbor_ += *bytes;
    return *this;
  }
  std::string Take() { return std::move(cbor_); }

 private:
  void Name(std::string_view name) { String(name); }
  void String(std::string_view text) {
    Head([&](unsigned char* to, size_t size) {
      return cbor_encode_string_start(text.size(), to, size);
    });
    cbor_ += text;
  }
  template <typename Encode>
  void Head(Encode encode) {
    std::array<unsigned char, 16> head = {};
    const size_t size = encode(head.data(), head.size());
    cbor_.append(reinterpret_cast<const char*>(head.data()), size);
  }

  std::string cbor_;
};

struct Bytes {
  std::string bytes;
};
// A value; monostate is null.
using Value = std::variant<std::monostate, int64_t, std::string, Bytes>;

// Takes the items of a flat map one by one, as libcbor calls.
struct Reader {
  bool ok = true;
  std::optional<uint64_t> fields;  // Once the map has begun.
  std::optional<std::string> name;
  std::map<std::string, Value> values;

  static Reader& Of(void* reader) { return *static_cast<Reader*>(reader); }

  void Take(Value value) {
    if (!fields.has_value()) {
      ok = false;
    } else if (name.has_value()) {
      ok = ok &&
           values.emplace(*std::exchange(name, std::nullopt), std::move(value))
               .second;
    } else if (std::holds_alternative<std::string>(value)) {
      name = std::get<std::string>(std::move(value));
    } else {
      ok = false;
    }
  }
  void TakeNumber(uint64_t number, bool negative) {
    if (number > uint64_t{std::numeric_limits<int64_t>::max()}) {
      ok = false;
    } else {
      Take(negative ? -1 - static_cast<int64_t>(number)
                    : static_cast<int64_t>(number));
    }
  }
};

template <typename T, bool kNegative>
void OnNumber(void* reader, T number) {
  Reader::Of(reader).TakeNumber(number, kNegative);
}

void OnText(void* reader, cbor_data data, size_t size) {
  std::string text(reinterpret_cast<const char*>(data), size);
  Reader& self = Reader::Of(reader);
  self.ok = self.ok && IsUtf8(text);
  self.Take(std::move(text));
}
void OnBytes(void* reader, cbor_data data, size_t size) {
  Reader::Of(reader).Take(
      Bytes{std::string(reinterpret_cast<const char*>(data), size)});
}
void OnNull(void* reader) { Reader::Of(reader).Take(std::monostate()); }
void OnMap(void* reader, size_t fields) {
  Reader& self = Reader::Of(reader);
  self.ok = self.ok && !self.fields.has_value() && fields <= kMaxFields;
  self.fields = fields;
}
void Refuse(void* reader) { Reader::Of(reader).ok = false; }
template <typename T>
void RefuseValue(void* reader, T) {
  Reader::Of(reader).ok = false;
}

cbor_callbacks Callbacks() {
  cbor_callbacks callbacks = cbor_empty_callbacks;
  callbacks.uint8 = &OnNumber<uint8_t, false>;
  callbacks.uint16 = &OnNumber<uint16_t, false>;
  callbacks.uint32 = &OnNumber<uint32_t, false>;
  callbacks.uint64 = &OnNumber<uint64_t, false>;
  callbacks.negint8 = &OnNumber<uint8_t, true>;
  callbacks.negint16 = &OnNumber<uint16_t, true>;
  callbacks.negint32 = &OnNumber<uint32_t, true>;
  callbacks.negint64 = &OnNumber<uint64_t, true>;
  callbacks.string = &OnText;
  callbacks.byte_string = &OnBytes;
  callbacks.null = &OnNull;
  callbacks.undefined = &OnNull;
  callbacks.map_start = &OnMap;
  callbacks.byte_string_start = &Refuse;
  callbacks.string_start = &Refuse;
  callbacks.indef_array_start = &Refuse;
  callbacks.indef_map_start = &Refuse;
  callbacks.indef_break = &Refuse;
  callbacks.array_start = &RefuseValue<size_t>;
  callbacks.tag = &RefuseValue<uint64_t>;
  callbacks.float2 = &RefuseValue<float>;
  callbacks.float4 = &RefuseValue<float>;
  callbacks.float8 = &RefuseValue<double>;
  callbacks.boolean = &RefuseValue<bool>;
  return callbacks;
}

// The fields of a map, asked for by name and type.
class Fields {
 public:
  explicit Fields(std::string_view cbor) {
    static const cbor_callbacks kCallbacks = Callbacks();
    while (!cbor.empty() && reader_.ok) {
      const cbor_decoder_result result =
          cbor_stream_decode(reinterpret_cast<cbor_data>(cbor.data()),
                             cbor.size(), &kCallbacks, &reader_);
      if (result.status != CBOR_DECODER_FINISHED || result.read == 0) {
        reader_.ok = false;
        break;
      }
      cbor.remove_prefix(result.read);
    }
    reader_.ok = reader_.ok && !reader_.name.has_value() &&
                 reader_.fields == reader_.values.size();
  }

  bool ok() const { return reader_.ok; }

  std::string Text(const char* name) {
    return Get<std::string>(name, std::string());
  }
  int64_t Number(const char* name) { return Get<int64_t>(name, 0); }
  std::optional<std::string> Data(const char* name) {
    const auto found = reader_.values.find(name);
    if (found == reader_.values.end() ||
        std::holds_alternative<std::monostate>(found->second)) {
      return std::nullopt;
    }
    return Get<Bytes>(name, Bytes()).bytes;
  }

 private:
  template <typename T>
  T Get(const char* name, T otherwise) {
    const auto found = reader_.values.find(name);
    if (found == reader_.values.end() ||
        std::holds_alternative<std::monostate>(found->second)) {
      return otherwise;
    }
    T* const value = std::get_if<T>(&found->second);
    if (value == nullptr) reader_.ok = false;
    return value == nullptr ? otherwise : std::move(*value);
  }

  Reader reader_;
};

}  // namespace

bool IsUtf8(std::string_view text) {
  // How many bytes follow the first one, and what the number must be at least.
  struct Head {
    unsigned mask, bits, least;
    size_t more;
  };
  constexpr Head kHeads[] = {{0x80, 0x00, 0, 0},
                             {0xe0, 0xc0, 0x80, 1},
                             {0xf0, 0xe0, 0x800, 2},
                             {0xf8, 0xf0, 0x10000, 3}};
  while (!text.empty()) {
    const auto first = static_cast<unsigned char>(text.front());
    const auto* const head =
        std::find_if(std::begin(kHeads), std::end(kHeads),
                     [&](const Head& h) { return (first & h.mask) == h.bits; });
    if (head == std::end(kHeads) || text.size() <= head->more) return false;
    unsigned number = first & ~head->mask;
    for (size_t i = 1; i <= head->more; ++i) {
      const auto next = static_cast<unsigned char>(text[i]);
      if ((next & 0xc0) != 0x80) return false;
      number = number << 6 | (next & 0x3f);
    }
    if (number < head->least || number > 0x10ffff ||
        (number >= 0xd800 && number <= 0xdfff)) {
      return false;
    }
    text.remove_prefix(1 + head->more);
  }
  return true;
}

std::string EncodeOrder(const CopyOrder& order) {
  return Writer(12)
      .Text("UUID", order.uuid)
      .Text("SrcMethod", order.src_method)
      .Text("SrcNode", order.src_node)
      .Text("DstMethod", order.dst_method)
      .Text("DstNode", order.dst_node)
      .Text("SrcFilePath", order.src_file_path)
      .Text("DstDir", order.dst_dir)
      .Text("DstFile", order.dst_file)
      .Number("SplitChunkSize", order.chunk_bytes)
      .Number("MaxTotalCopyTime", order.max_seconds)
      .Number("FileMode", order.file_mode)
      .Number("FolderPermission", order.folder_permission)
      .Take();
}

std::optional<CopyOrder> DecodeOrder(std::string_view cbor) {
  Fields fields(cbor);
  if (!fields.ok()) return std::nullopt;
  CopyOrder order;
  order.uuid = fields.Text("UUID");
  order.src_method = fields.Text("SrcMethod");
  order.src_node = fields.Text("SrcNode");
  order.dst_method = fields.Text("DstMethod");
  order.dst_node = fields.Text("DstNode");
  order.src_file_path = fields.Text("SrcFilePath");
  order.dst_dir = fields.Text("DstDir");
  order.dst_file = fields.Text("DstFile");
  order.chunk_bytes = fields.Number("SplitChunkSize");
  order.max_seconds = fields.Number("MaxTotalCopyTime");
  order.file_mode = fields.Number("FileMode");
  order.folder_permission = fields.Number("FolderPermission");
  if (!fields.ok()) return std::nullopt;
  return order;
}

std::string EncodePart(const CopyPart& part) {
  return Writer(4)
      .Number("CopyStatus", part.status)
      .Bytes("CopyData", part.data)
      .Number("ChunkNumber", part.number)
      .Bytes("Hash", part.hash)
      .Take();
}

std::optional<CopyPart> DecodePart(std::string_view cbor) {
  Fields fields(cbor);
  if (!fields.ok()) return std::nullopt;
  CopyPart part;
  part.status = fields.Number("CopyStatus");
  part.data = fields.Data("CopyData");
  part.number = fields.Number("ChunkNumber");
  part.hash = fields.Data("Hash").value_or(std::string(32, '\0'));
  if (!fields.ok() || part.hash.size() != 32) return std::nullopt;
  return part;
}

}  // namespace weir
