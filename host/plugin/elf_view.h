#ifndef WEIR_HOST_PLUGIN_ELF_VIEW_H_
#define WEIR_HOST_PLUGIN_ELF_VIEW_H_

#include <elf.h>

#include <cstdint>
#include <cstring>
#include <optional>
#include <type_traits>
#include <vector>

#include "absl/strings/string_view.h"

namespace weir {

// Bytes that claim to be a 64-bit ELF file, read without believing them: every
// read says whether it was possible. A view of `bytes`. Immutable.
class ElfView {
 public:
  explicit ElfView(absl::string_view bytes) : bytes_(bytes) {}

  size_t size() const { return bytes_.size(); }

  // The T at `offset`; nullopt if it is not inside.
  template <typename T>
  std::optional<T> At(uint64_t offset) const {
    static_assert(std::is_trivially_copyable_v<T>);
    if (!Inside(offset, sizeof(T))) return std::nullopt;
    T value;
    std::memcpy(&value, bytes_.data() + offset, sizeof(value));
    return value;
  }

  bool Inside(uint64_t offset, uint64_t length) const {
    return offset <= bytes_.size() && length <= bytes_.size() - offset;
  }

  // The `length` bytes at `offset`; empty if they are not inside.
  absl::string_view Slice(uint64_t offset, uint64_t length) const {
    if (!Inside(offset, length)) return {};
    return bytes_.substr(offset, length);
  }

  // The `count` T at `offset`; nullopt if not all are inside.
  template <typename T>
  std::optional<std::vector<T>> Array(uint64_t offset, uint64_t count) const {
    if (count > bytes_.size() / sizeof(T) ||
        !Inside(offset, count * sizeof(T))) {
      return std::nullopt;
    }
    std::vector<T> values(count);
    if (count > 0) {
      std::memcpy(values.data(), bytes_.data() + offset, count * sizeof(T));
    }
    return values;
  }

  // The text at `offset` of `table`, up to its NUL; nullopt if there is none.
  static std::optional<absl::string_view> Text(absl::string_view table,
                                               uint64_t offset) {
    if (offset >= table.size()) return std::nullopt;
    const absl::string_view rest = table.substr(offset);
    const size_t end = rest.find('\0');
    if (end == absl::string_view::npos) return std::nullopt;
    return rest.substr(0, end);
  }

  // Where in the file the loaded address `address` comes from; nullopt if from
  // nowhere.
  static std::optional<uint64_t> FileOffset(
      const std::vector<Elf64_Phdr>& segments, uint64_t address) {
    for (const Elf64_Phdr& segment : segments) {
      if (segment.p_type == PT_LOAD && address >= segment.p_vaddr &&
          address - segment.p_vaddr < segment.p_filesz) {
        return segment.p_offset + (address - segment.p_vaddr);
      }
    }
    return std::nullopt;
  }

 private:
  absl::string_view bytes_;
};

}  // namespace weir

#endif  // WEIR_HOST_PLUGIN_ELF_VIEW_H_
