#ifndef WEIR_HOST_DECODE_FIELD_WRITER_H_
#define WEIR_HOST_DECODE_FIELD_WRITER_H_

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "host/pipeline/message_writer.h"
#include "weir/message_fields.h"
#include "weir/plugin_abi.h"

namespace weir {

// Fills the room of one message with fields, as weir/message_fields.h lays them
// out. Text that stands in the payload as it is stays there, and its field
// points to it; everything else goes behind the payload.
//
// Checks nothing but by assert: the decoder asks Has first, and reserves what
// it may need. Not thread-safe.
class FieldWriter {
 public:
  // One for each key of BGP, which are 1 to 25, or of steward's 24.
  static constexpr size_t kMaxFields = WEIR_FIELD_BGP_NOTIFY_DATA;

  explicit FieldWriter(const MessageWriter::Room& room)
      : room_(room), base_(room.message->view.base) {}

  // Whether there is a field with `key` already.
  bool Has(unsigned key) const { return (present_ >> key & 1) != 0; }

  void Uint(unsigned key, uint64_t value) {
    Number(key, WEIR_KIND_UINT, value);
  }
  void Int(unsigned key, int64_t value) {
    Number(key, WEIR_KIND_INT, static_cast<uint64_t>(value));
  }

  // Points to `text` if it is part of the payload, copies it if it is not.
  // Empty text is no field.
  void String(unsigned key, absl::string_view text) {
    if (text.empty()) return;
    const auto* at = reinterpret_cast<const uint8_t*>(text.data());
    if (at < base_ || at >= base_ + room_.message->view.base_len) {
      Copy(key, WEIR_KIND_STRING, text);
      return;
    }
    Append(key, WEIR_KIND_STRING, static_cast<uint32_t>(at - base_),
           static_cast<uint32_t>(text.size()), 1);
  }

  // Copies `text`; empty text is no field.
  void Copy(unsigned key, uint8_t kind, absl::string_view text) {
    if (text.empty()) return;
    assert(used_ + text.size() <= room_.extra_bytes);
    std::memcpy(room_.extra + used_, text.data(), text.size());
    Append(key, kind, static_cast<uint32_t>(room_.extra + used_ - base_),
           static_cast<uint32_t>(text.size()), 1);
    used_ += text.size();
  }

  // Returns where an array of T begins, which the caller fills and then ends.
  // Until then, nothing else goes behind the payload.
  template <typename T>
  T* Begin() {
    used_ = (used_ + alignof(T) - 1) / alignof(T) * alignof(T);
    return reinterpret_cast<T*>(room_.extra + used_);
  }

  // Ends the array that Begin began last. No elements are no field.
  template <typename T>
  void End(unsigned key, uint8_t kind, size_t count) {
    if (count == 0) return;
    const size_t bytes = count * sizeof(T);
    assert(used_ + bytes <= room_.extra_bytes);
    Append(key, kind, static_cast<uint32_t>(room_.extra + used_ - base_),
           static_cast<uint32_t>(bytes), static_cast<uint32_t>(count));
    used_ += bytes;
  }

  // As WEIR_KIND_STRINGS has them; each takes four bytes more than it has, and
  // all together up to three for their alignment. None are no field.
  void Strings(unsigned key, const std::vector<std::string>& texts) {
    auto* const ends = Begin<uint32_t>();
    auto* const first = reinterpret_cast<char*>(ends + texts.size());
    uint32_t end = 0;
    for (size_t i = 0; i < texts.size(); ++i) {
      texts[i].copy(first + end, texts[i].size());
      end += static_cast<uint32_t>(texts[i].size());
      ends[i] = end;
    }
    if (texts.empty()) return;
    const size_t bytes = texts.size() * sizeof(uint32_t) + end;
    assert(used_ + bytes <= room_.extra_bytes);
    Append(key, WEIR_KIND_STRINGS,
           static_cast<uint32_t>(room_.extra + used_ - base_),
           static_cast<uint32_t>(bytes), static_cast<uint32_t>(texts.size()));
    used_ += bytes;
  }

  template <typename T>
  void Array(unsigned key, uint8_t kind, const T* values, size_t count) {
    if (count == 0) return;
    std::memcpy(Begin<T>(), values, count * sizeof(T));
    End<T>(key, kind, count);
  }

  Message& message() const { return *room_.message; }

  // What MessageWriter::Commit wants to know.
  size_t n_fields() const { return n_fields_; }
  size_t extra_used() const { return used_; }

 private:
  void Number(unsigned key, uint8_t kind, uint64_t value) {
    Append(key, kind, static_cast<uint32_t>(value),
           static_cast<uint32_t>(value >> 32), 1);
  }

  void Append(unsigned key, uint8_t kind, uint32_t off, uint32_t len,
              uint32_t count) {
    assert(!Has(key) && n_fields_ < kMaxFields);
    present_ |= uint64_t{1} << key;
    room_.fields[n_fields_++] = {.key = static_cast<uint16_t>(key),
                                 .kind = kind,
                                 .flags = 0,
                                 .off = off,
                                 .len = len,
                                 .count = count};
  }

  const MessageWriter::Room room_;
  const uint8_t* const base_;
  uint64_t present_ = 0;  // A bit for each key.
  size_t n_fields_ = 0;
  size_t used_ = 0;
};

}  // namespace weir

#endif  // WEIR_HOST_DECODE_FIELD_WRITER_H_
