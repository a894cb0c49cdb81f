#include "host/plugin/elf_check.h"

#include <elf.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "host/plugin/elf_view.h"

namespace weir {

namespace {

#if defined(__x86_64__)
constexpr uint16_t kMachine = EM_X86_64;
#elif defined(__aarch64__)
constexpr uint16_t kMachine = EM_AARCH64;
#else
#error "name this machine's e_machine"
#endif

constexpr absl::string_view kEntry = "weir_plugin_entry_v1";
constexpr absl::string_view kEntryOfAnyMajor = "weir_plugin_entry_v";
constexpr absl::string_view kUseOurRule =
    "build it with the weir_plugin rule, or with the flags that it sets";

// Marks that the linker sets itself, at the ends of sections.
bool IsOfTheLinker(absl::string_view name) {
  return name == "_edata" || name == "_end" || name == "__bss_start" ||
         name == "_init" || name == "_fini";
}

// Goes through one file, from the parts that the others need.
class Checker {
 public:
  explicit Checker(absl::string_view bytes) : elf_(bytes) {}

  ElfReport Run() {
    if (Header() && Segments() && Sections() && Dynamic()) {
      Exports();
      Note();
      Flags();
    }
    return std::move(report_);
  }

 private:
  void Add(PluginFinding::Level level, absl::string_view check,
           std::string message) {
    report_.findings.push_back({level, std::string(check), std::move(message)});
  }
  bool Error(absl::string_view check, std::string message) {
    Add(PluginFinding::Level::kError, check, std::move(message));
    return false;
  }

  bool Header() {
    if (elf_.size() == 0) {
      return Error("elf.header", "the file is empty; copy it again");
    }
    if (elf_.Slice(0, SELFMAG) != absl::string_view(ELFMAG, SELFMAG)) {
      return Error("elf.header",
                   "not an ELF file; a plugin is a compiled shared object");
    }
    const auto header = elf_.At<Elf64_Ehdr>(0);
    if (!header) return Cut("its header");
    if (header->e_ident[EI_CLASS] != ELFCLASS64 ||
        header->e_ident[EI_DATA] != ELFDATA2LSB) {
      return Error(
          "elf.header",
          "not a 64-bit little-endian file; build it for this machine");
    }
    if (header->e_machine != kMachine) {
      return Error("elf.header",
                   absl::StrCat("built for machine ", header->e_machine,
                                ", this one is ", kMachine,
                                "; build it for this machine"));
    }
    if (header->e_type != ET_DYN) {
      return Error("elf.type", absl::StrCat("ELF type ", header->e_type,
                                            ", not a shared object (", ET_DYN,
                                            "); link it with -shared"));
    }
    header_ = *header;
    return true;
  }

  bool Cut(absl::string_view what) {
    return Error("elf.bounds",
                 absl::StrCat(what, " reaches beyond the end of the file at ",
                              elf_.size(),
                              " bytes; it was cut short or "
                              "damaged: copy it again"));
  }

  bool Segments() {
    if (header_.e_phentsize != sizeof(Elf64_Phdr) || header_.e_phnum == 0) {
      return Error("elf.bounds",
                   absl::StrCat("has no segments of ", sizeof(Elf64_Phdr),
                                " bytes; copy it again"));
    }
    auto segments = elf_.Array<Elf64_Phdr>(header_.e_phoff, header_.e_phnum);
    if (!segments) return Cut("its segment table");
    segments_ = *std::move(segments);
    for (size_t i = 0; i < segments_.size(); ++i) {
      const Elf64_Phdr& segment = segments_[i];
      if (segment.p_type == PT_INTERP) {
        return Error("elf.type",
                     "a program, not a shared object; link it with "
                     "-shared");
      }
      if (!elf_.Inside(segment.p_offset, segment.p_filesz)) {
        return Cut(absl::StrCat("segment ", i));
      }
      if (segment.p_type == PT_LOAD && segment.p_filesz > segment.p_memsz) {
        return Error("elf.bounds",
                     absl::StrCat("segment ", i, " is larger in the file (",
                                  segment.p_filesz, ") than in memory (",
                                  segment.p_memsz, "); copy it again"));
      }
    }
    return true;
  }

  bool Sections() {
    if (header_.e_shnum == 0 || header_.e_shentsize != sizeof(Elf64_Shdr)) {
      return Error("elf.bounds",
                   "has no section table; strip it with strip, not sstrip");
    }
    auto sections = elf_.Array<Elf64_Shdr>(header_.e_shoff, header_.e_shnum);
    if (!sections) return Cut("its section table");
    sections_ = *std::move(sections);
    for (size_t i = 0; i < sections_.size(); ++i) {
      if (sections_[i].sh_type == SHT_NOBITS) continue;
      if (!elf_.Inside(sections_[i].sh_offset, sections_[i].sh_size)) {
        return Cut(absl::StrCat("section ", i));
      }
    }
    return true;
  }

  bool Dynamic() {
    const auto segment = std::find_if(
        segments_.begin(), segments_.end(),
        [](const Elf64_Phdr& s) { return s.p_type == PT_DYNAMIC; });
    if (segment == segments_.end()) {
      return Error("elf.dynamic",
                   "has no dynamic section; link it with -shared");
    }
    const auto entries = elf_.Array<Elf64_Dyn>(
        segment->p_offset, segment->p_filesz / sizeof(Elf64_Dyn));
    if (!entries) return Cut("its dynamic section");
    for (const Elf64_Dyn& entry : *entries) {
      if (entry.d_tag == DT_NULL) break;
      dynamic_.push_back(entry);
    }
    const auto strings = Value(DT_STRTAB);
    const auto offset =
        strings ? ElfView::FileOffset(segments_, *strings) : std::nullopt;
    const uint64_t size = Value(DT_STRSZ).value_or(0);
    if (!offset || !elf_.Inside(*offset, size)) {
      return Error("elf.dynamic",
                   "its string table is not in the file; copy "
                   "it again");
    }
    strings_ = elf_.Slice(*offset, size);
    return true;
  }

  // The first value of that tag.
  std::optional<uint64_t> Value(int64_t tag) const {
    for (const Elf64_Dyn& entry : dynamic_) {
      if (entry.d_tag == tag) return entry.d_un.d_val;
    }
    return std::nullopt;
  }

  void Exports() {
    const auto section = std::find_if(
        sections_.begin(), sections_.end(),
        [](const Elf64_Shdr& s) { return s.sh_type == SHT_DYNSYM; });
    const auto loaded = Value(DT_SYMTAB);
    const auto symbols =
        section == sections_.end()
            ? std::nullopt
            : elf_.Array<Elf64_Sym>(section->sh_offset,
                                    section->sh_size / sizeof(Elf64_Sym));
    // What we read must be what the loader will.
    if (!symbols || !loaded || *loaded != section->sh_addr) {
      Error("elf.dynamic",
            "its symbol table is not where its section table "
            "says; copy it again");
      return;
    }
    std::vector<std::string> others;
    bool entry = false;
    for (const Elf64_Sym& symbol : *symbols) {
      const int bind = ELF64_ST_BIND(symbol.st_info);
      if (symbol.st_shndx == SHN_UNDEF || bind == STB_LOCAL) continue;
      if (bind == STB_GNU_UNIQUE) {
        ++report_.unique_symbols;
        continue;
      }
      const auto name = ElfView::Text(strings_, symbol.st_name);
      if (!name) {
        Error("elf.dynamic", "a symbol has no name; copy it again");
        return;
      }
      if (*name == kEntry) {
        entry = true;
      } else if (!IsOfTheLinker(*name)) {
        others.emplace_back(*name);
      }
    }
    JudgeExports(entry, std::move(others));
    if (report_.unique_symbols > 0) {
      Add(PluginFinding::Level::kWarning, "elf.unique",
          absl::StrCat("has ", report_.unique_symbols,
                       " unique symbols, so it stays in memory after it is "
                       "unloaded; compile it with -fno-gnu-unique"));
    }
  }

  void JudgeExports(bool entry, std::vector<std::string> others) {
    std::sort(others.begin(), others.end());
    if (!entry) {
      for (const std::string& other : others) {
        if (!absl::StartsWith(other, kEntryOfAnyMajor)) continue;
        Error("elf.exports",
              absl::StrCat("exports ", other, ", this host speaks v",
                           WEIR_ABI_MAJOR, "; build it with this host's SDK"));
        return;
      }
      Error("elf.exports",
            absl::StrCat("does not export ", kEntry,
                         "; say WEIR_PLUGIN once, and ", kUseOurRule));
      return;
    }
    if (others.empty()) return;
    const size_t count = others.size();
    if (count > 3) others.resize(3);
    Error("elf.exports",
          absl::StrCat("exports ", count, " symbols beside ", kEntry, " (",
                       absl::StrJoin(others, ", "), count > 3 ? ", ..." : "",
                       "), which the host's own may replace; ", kUseOurRule));
  }

  void Note() {
    for (const Elf64_Phdr& segment : segments_) {
      if (segment.p_type != PT_NOTE) continue;
      uint64_t at = segment.p_offset;
      const uint64_t end = segment.p_offset + segment.p_filesz;
      while (at < end && end - at >= sizeof(Elf64_Nhdr)) {
        const auto note = *elf_.At<Elf64_Nhdr>(at);
        const uint64_t name = at + sizeof(Elf64_Nhdr);
        const uint64_t text = name + (uint64_t{note.n_namesz} + 3) / 4 * 4;
        const uint64_t next = text + (uint64_t{note.n_descsz} + 3) / 4 * 4;
        if (elf_.Slice(name, 5) == absl::string_view("WEIR\0", 5)) {
          JudgeNote(at, next, end);
          return;
        }
        at = next;
      }
    }
    Error("elf.note",
          "has no weir note; say WEIR_PLUGIN once, or, in C, put a "
          "weir_note into the section .note.weir");
  }

  void JudgeNote(uint64_t at, uint64_t next, uint64_t end) {
    const auto note = elf_.At<weir_note>(at);
    if (!note || next > end || end - at < sizeof(weir_note) ||
        note->descsz < sizeof(weir_note) - 20 || note->namesz != 5) {
      Error("elf.note", absl::StrCat("its weir note is shorter than the ",
                                     sizeof(weir_note),
                                     " bytes of a weir_note; build it again"));
      return;
    }
    const auto ends = [](const auto& text) {
      return std::memchr(text, '\0', sizeof(text)) != nullptr;
    };
    if (!ends(note->name) || !ends(note->version) || !ends(note->author) ||
        !ends(note->toolchain) || note->name[0] == '\0') {
      Error("elf.note",
            "a text of its weir note does not end, or its name is "
            "empty; a name has 1 to 63 bytes, a version 31");
      return;
    }
    report_.note = *note;
    if (note->abi_major != WEIR_ABI_MAJOR) {
      Error("elf.note", absl::StrCat("built for ABI ", note->abi_major,
                                     ", this host speaks ", WEIR_ABI_MAJOR,
                                     "; build it with this host's SDK"));
    } else if (note->min_host_minor > WEIR_ABI_MINOR) {
      Error("elf.note",
            absl::StrCat("needs a host of ABI ", note->abi_major, ".",
                         note->min_host_minor, ", this one is ", WEIR_ABI_MAJOR,
                         ".", WEIR_ABI_MINOR, "; use a newer weir"));
    }
  }

  void Flags() {
    const uint64_t flags = Value(DT_FLAGS).value_or(0);
    if (Value(DT_TEXTREL) || (flags & DF_TEXTREL) != 0) {
      Error("elf.textrel",
            "has relocations in its code; compile all of it "
            "with -fPIC");
    }
    if ((flags & DF_STATIC_TLS) != 0) {
      Error("elf.tls",
            "has initial-exec thread-local storage; compile it "
            "without -ftls-model=initial-exec");
    }
    if ((Value(DT_FLAGS_1).value_or(0) & DF_1_PIE) != 0) {
      Error("elf.type", "a program, not a shared object; link it with -shared");
    }
    if ((Value(DT_FLAGS_1).value_or(0) & DF_1_NODELETE) != 0) {
      report_.nodelete = true;
      Add(PluginFinding::Level::kWarning, "elf.nodelete",
          "is linked with -z nodelete, so it stays in memory after it is "
          "unloaded; link it without");
    }
    const auto stack = std::find_if(
        segments_.begin(), segments_.end(),
        [](const Elf64_Phdr& s) { return s.p_type == PT_GNU_STACK; });
    // Without one, the loader makes every stack of the process executable.
    if (stack == segments_.end() || (stack->p_flags & PF_X) != 0) {
      Error("elf.stack",
            "wants an executable stack; link it with "
            "-Wl,-z,noexecstack");
    }
    for (const Elf64_Dyn& entry : dynamic_) {
      if (entry.d_tag != DT_NEEDED) continue;
      const auto name = ElfView::Text(strings_, entry.d_un.d_val);
      if (!name) {
        Error("elf.dynamic",
              "a library that it needs has no name; copy it "
              "again");
      } else if (absl::StartsWith(*name, "libprotobuf") ||
                 absl::StartsWith(*name, "libgrpc")) {
        report_.only_in_child = std::string(*name);
        Add(PluginFinding::Level::kWarning, "elf.needed",
            absl::StrCat("links ", *name,
                         ", which ends the process when it meets the host's "
                         "own; so it runs in a child only"));
      }
    }
  }

  const ElfView elf_;
  ElfReport report_;
  Elf64_Ehdr header_ = {};
  std::vector<Elf64_Phdr> segments_;
  std::vector<Elf64_Shdr> sections_;
  std::vector<Elf64_Dyn> dynamic_;
  absl::string_view strings_;
};

}  // namespace

bool ElfReport::loadable() const {
  return std::none_of(findings.begin(), findings.end(),
                      [](const PluginFinding& finding) {
                        return finding.level == PluginFinding::Level::kError;
                      });
}

absl::Status ElfReport::ToStatus(absl::string_view file) const {
  for (const PluginFinding& finding : findings) {
    if (finding.level != PluginFinding::Level::kError) continue;
    return absl::InvalidArgumentError(
        absl::StrCat(file, ": ", finding.check, ": ", finding.message));
  }
  return absl::OkStatus();
}

ElfReport CheckElf(absl::string_view bytes) { return Checker(bytes).Run(); }

}  // namespace weir
