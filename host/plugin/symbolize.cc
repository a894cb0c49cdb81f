#include "host/plugin/symbolize.h"

#include <elf.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <optional>
#include <utility>

#include "absl/debugging/internal/demangle.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "host/plugin/child_channel.h"
#include "host/plugin/elf_view.h"
#include "host/plugin/file_descriptor.h"

namespace weir {
namespace {

// Longer names are cut.
constexpr size_t kMaxName = 256;

// A file's bytes, for as long as it lives; empty if it cannot be read. The file
// is a private copy that nobody cuts.
class MappedFile {
 public:
  explicit MappedFile(const std::string& path) {
    const FileDescriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
    struct stat info = {};
    if (!file.ok() || fstat(file.get(), &info) != 0 || info.st_size <= 0) {
      return;
    }
    size_ = static_cast<size_t>(info.st_size);
    at_ = mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, file.get(), 0);
  }
  ~MappedFile() {
    if (at_ != MAP_FAILED) munmap(at_, size_);
  }
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  absl::string_view bytes() const {
    if (at_ == MAP_FAILED) return {};
    return {static_cast<const char*>(at_), size_};
  }

 private:
  void* at_ = MAP_FAILED;
  size_t size_ = 0;
};

struct Symbol {
  absl::string_view name;
  uint64_t address = 0;
};

// The function in whose bytes `address` lies.
std::optional<Symbol> FindFunction(const ElfView& elf, uint64_t address) {
  const auto header = elf.At<Elf64_Ehdr>(0);
  if (!header.has_value() || header->e_shentsize != sizeof(Elf64_Shdr)) {
    return std::nullopt;
  }
  const auto sections = elf.Array<Elf64_Shdr>(header->e_shoff, header->e_shnum);
  if (!sections.has_value()) return std::nullopt;
  std::optional<Symbol> found;
  // The full table, and the one that stripping leaves.
  for (const Elf64_Word type : {SHT_SYMTAB, SHT_DYNSYM}) {
    for (const Elf64_Shdr& section : *sections) {
      if (section.sh_type != type || section.sh_link >= sections->size()) {
        continue;
      }
      const Elf64_Shdr& names = (*sections)[section.sh_link];
      const absl::string_view text = elf.Slice(names.sh_offset, names.sh_size);
      const uint64_t count = section.sh_size / sizeof(Elf64_Sym);
      for (uint64_t i = 0; i < count; ++i) {
        const auto symbol =
            elf.At<Elf64_Sym>(section.sh_offset + i * sizeof(Elf64_Sym));
        if (!symbol.has_value()) break;
        if (ELF64_ST_TYPE(symbol->st_info) != STT_FUNC ||
            address < symbol->st_value ||
            address - symbol->st_value >= symbol->st_size) {
          continue;
        }
        const auto name = ElfView::Text(text, symbol->st_name);
        if (name.has_value() && !name->empty()) {
          found = {*name, symbol->st_value};
        }
      }
    }
    if (found.has_value()) return found;
  }
  return std::nullopt;
}

// As people write it, printable. Abseil's demangler is bounded in what it reads
// and writes; that of the C++ library is not, and the name is a stranger's.
std::string Readable(absl::string_view name) {
  const std::string mangled(name.substr(0, kMaxName));
  std::array<char, 2 * kMaxName> out = {};
  std::string text =
      absl::debugging_internal::Demangle(mangled.c_str(), out.data(),
                                         static_cast<int>(out.size()))
          ? std::string(out.data())
          : mangled;
  for (char& c : text) {
    if (c < 0x20 || c > 0x7e) c = '?';
  }
  return text;
}

// A report has room for the end of a long name only.
bool IsOwn(absl::string_view named, absl::string_view module) {
  constexpr size_t kRoom = sizeof(ChildCrash::Frame::module) - 1;
  return named == module ||
         (named.size() == kRoom && absl::EndsWith(module, named));
}

}  // namespace

SymbolizedStack Symbolize(const std::string& path,
                          std::vector<std::string> frames, std::string module) {
  SymbolizedStack stack = {.frames = std::move(frames), .own_frame = ""};
  if (module.empty()) module = path.substr(path.rfind('/') + 1);
  const MappedFile file(path);
  for (std::string& frame : stack.frames) {
    uint64_t offset = 0;
    const size_t plus = frame.rfind("+0x");
    if (plus == std::string::npos ||
        !IsOwn(absl::string_view(frame).substr(0, plus), module) ||
        !absl::SimpleHexAtoi(absl::string_view(frame).substr(plus + 1),
                             &offset)) {
      continue;
    }
    std::string place = frame.substr(plus + 1);
    // Where a call comes back to, which may be behind its function: the last
    // one of abort never does. The innermost frame is where it stood.
    const bool returns = &frame != &stack.frames.front();
    const std::optional<Symbol> function = FindFunction(
        ElfView(file.bytes()), returns && offset > 0 ? offset - 1 : offset);
    if (function.has_value()) {
      place = Readable(function->name);
      absl::StrAppend(&frame, " ", place, "+0x",
                      absl::Hex(offset - function->address));
    }
    if (stack.own_frame.empty()) stack.own_frame = std::move(place);
  }
  return stack;
}

}  // namespace weir
