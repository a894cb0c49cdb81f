#include "host/plugin/elf_check.h"

#include <elf.h>

#include <cstddef>
#include <cstring>
#include <fstream>
#include <functional>
#include <iterator>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace weir {
namespace {

using testing::AllOf;
using testing::HasSubstr;

std::string Read(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::string Good() { return Read("tests/fixtures/ok_c.so"); }

template <typename T>
T* At(std::string& bytes, size_t offset) {
  return reinterpret_cast<T*>(&bytes.at(offset));
}

Elf64_Ehdr* Header(std::string& bytes) { return At<Elf64_Ehdr>(bytes, 0); }

Elf64_Phdr* Segment(std::string& bytes, uint32_t type) {
  for (int i = 0; i < Header(bytes)->e_phnum; ++i) {
    auto* const segment =
        At<Elf64_Phdr>(bytes, Header(bytes)->e_phoff + i * sizeof(Elf64_Phdr));
    if (segment->p_type == type) return segment;
  }
  return nullptr;
}

Elf64_Dyn* Dynamic(std::string& bytes, int64_t tag) {
  auto* entry = At<Elf64_Dyn>(bytes, Segment(bytes, PT_DYNAMIC)->p_offset);
  while (entry->d_tag != tag) ++entry;
  return entry;
}

// Found by its name, because a linker may put other notes before it.
weir_note* Note(std::string& bytes) {
  const std::string name("WEIR\0", 5);
  return At<weir_note>(bytes, bytes.find(name) - offsetof(weir_note, owner));
}

TEST(ElfCheckTest, TakesAGoodPluginAndReadsItsNote) {
  const ElfReport report = CheckElf(Good());
  EXPECT_TRUE(report.loadable()) << report.ToStatus("ok_c.so");
  EXPECT_STREQ(report.note.name, "fixture");
  EXPECT_STREQ(report.note.version, "1.0.0");
  EXPECT_EQ(report.unique_symbols, 0u);
}

TEST(ElfCheckTest, RefusesWhatIsWrongNamingTheCheckAndTheCure) {
  struct Case {
    const char* why;
    std::string bytes;
    const char* check;
    const char* want;
  };
  for (const Case& c : std::vector<Case>{
           {"nothing", "", "elf.header", "empty; copy it again"},
           {"a text", "#!/bin/sh\necho this is no plugin\n", "elf.header",
            "not an ELF file"},
           {"a program", Read("tests/fixtures/program.so"), "elf.type",
            "link it with -shared"},
           {"the next ABI", Read("tests/fixtures/wrong_major.so"),
            "elf.exports", "exports weir_plugin_entry_v2, this host speaks v1"},
           {"no entry", Read("tests/fixtures/missing_entry.so"), "elf.exports",
            "does not export weir_plugin_entry_v1; say WEIR_PLUGIN"},
           {"more than the entry", Read("tests/fixtures/extra_exports.so"),
            "elf.exports", "leaked_helper"},
           {"no note", Read("tests/fixtures/no_note.so"), "elf.note",
            "say WEIR_PLUGIN once"},
       }) {
    const ElfReport report = CheckElf(c.bytes);
    EXPECT_FALSE(report.loadable()) << c.why;
    EXPECT_THAT(report.ToStatus("x.so"),
                StatusIs(absl::StatusCode::kInvalidArgument,
                         AllOf(HasSubstr("x.so: "), HasSubstr(c.check),
                               HasSubstr(c.want))))
        << c.why;
  }
}

TEST(ElfCheckTest, FindsEachDefectThatIsMadeInAGoodPlugin) {
  struct Case {
    const char* why;
    std::function<void(std::string&)> spoil;
    const char* want;
  };
  for (const Case& c : std::vector<Case>{
           {"32 bits",
            [](auto& b) { Header(b)->e_ident[EI_CLASS] = ELFCLASS32; },
            "elf.header: not a 64-bit"},
           {"big-endian",
            [](auto& b) { Header(b)->e_ident[EI_DATA] = ELFDATA2MSB; },
            "elf.header: not a 64-bit little-endian"},
           {"another machine", [](auto& b) { Header(b)->e_machine = EM_RISCV; },
            "elf.header: built for machine 243"},
           {"an object file", [](auto& b) { Header(b)->e_type = ET_REL; },
            "elf.type: ELF type 1"},
           {"segments beyond the end",
            [](auto& b) { Header(b)->e_phoff = UINT64_MAX - 7; },
            "elf.bounds: its segment table"},
           {"a segment that wraps",
            [](auto& b) { Segment(b, PT_LOAD)->p_filesz = UINT64_MAX; },
            "elf.bounds: segment"},
           {"sections beyond the end",
            [](auto& b) { Header(b)->e_shoff = b.size() - 8; },
            "elf.bounds: its section table"},
           {"no sections", [](auto& b) { Header(b)->e_shnum = 0; },
            "elf.bounds: has no section table"},
           {"no dynamic section",
            [](auto& b) { Segment(b, PT_DYNAMIC)->p_type = PT_NULL; },
            "elf.dynamic: has no dynamic section"},
           {"strings from nowhere",
            [](auto& b) { Dynamic(b, DT_STRTAB)->d_un.d_val = 1ull << 60; },
            "elf.dynamic: its string table"},
           {"other symbols for the loader than for us",
            [](auto& b) { Dynamic(b, DT_SYMTAB)->d_un.d_val += 24; },
            "elf.dynamic: its symbol table"},
           {"relocations in the code",
            [](auto& b) { Dynamic(b, DT_FLAGS)->d_un.d_val |= DF_TEXTREL; },
            "elf.textrel: "},
           {"initial-exec storage",
            [](auto& b) { Dynamic(b, DT_FLAGS)->d_un.d_val |= DF_STATIC_TLS; },
            "elf.tls: "},
           {"an executable stack",
            [](auto& b) { Segment(b, PT_GNU_STACK)->p_flags |= PF_X; },
            "elf.stack: "},
           {"a stack of which nothing is said",
            [](auto& b) { Segment(b, PT_GNU_STACK)->p_type = PT_NULL; },
            "elf.stack: "},
           {"a note that is cut", [](auto& b) { Note(b)->descsz = 8; },
            "elf.note: its weir note is shorter"},
           {"a name without an end",
            [](auto& b) { std::memset(Note(b)->name, 'x', 64); },
            "elf.note: a text of its weir note does not end"},
           {"another ABI in the note", [](auto& b) { Note(b)->abi_major = 3; },
            "elf.note: built for ABI 3, this host speaks 1"},
           {"a newer host", [](auto& b) { Note(b)->min_host_minor = 9; },
            "elf.note: needs a host of ABI 1.9, this one is 1.0"},
       }) {
    std::string bytes = Good();
    c.spoil(bytes);
    const ElfReport report = CheckElf(bytes);
    EXPECT_FALSE(report.loadable()) << c.why;
    EXPECT_THAT(std::string(report.ToStatus("x.so").message()),
                HasSubstr(c.want))
        << c.why;
  }
}

TEST(ElfCheckTest, RefusesAPluginThatIsCutAnywhere) {
  const std::string good = Good();
  for (size_t length = 0; length < good.size(); ++length) {
    // A copy of its own, so that a sanitizer sees a read beyond it.
    const std::string cut(good, 0, length);
    EXPECT_FALSE(CheckElf(cut).loadable()) << length;
  }
}

TEST(ElfCheckTest, OnlyWarnsOfUniqueSymbols) {
  std::string bytes = Good();
  const ElfReport before = CheckElf(bytes);
  ASSERT_TRUE(before.loadable());
  // The entry's own symbol would be missed, so the file is no longer loadable:
  // what counts here is that the symbol is seen for what it is.
  for (int i = 0; i < Header(bytes)->e_shnum; ++i) {
    auto* const section =
        At<Elf64_Shdr>(bytes, Header(bytes)->e_shoff + i * sizeof(Elf64_Shdr));
    if (section->sh_type != SHT_DYNSYM) continue;
    for (size_t at = 0; at < section->sh_size; at += sizeof(Elf64_Sym)) {
      auto* const symbol = At<Elf64_Sym>(bytes, section->sh_offset + at);
      if (symbol->st_shndx == SHN_UNDEF) continue;
      symbol->st_info =
          ELF64_ST_INFO(STB_GNU_UNIQUE, ELF64_ST_TYPE(symbol->st_info));
    }
  }
  const ElfReport report = CheckElf(bytes);
  EXPECT_EQ(report.unique_symbols, 1u);
  EXPECT_EQ(report.findings.back().check, "elf.unique");
  EXPECT_EQ(report.findings.back().level, PluginFinding::Level::kWarning);
}

TEST(ElfCheckTest, WarnsOfWhatIsLinkedToStay) {
  EXPECT_FALSE(CheckElf(Good()).nodelete);
  const ElfReport report = CheckElf(Read("tests/fixtures/never_unloads.so"));
  EXPECT_TRUE(report.loadable());
  EXPECT_TRUE(report.nodelete);
  ASSERT_THAT(report.findings, testing::SizeIs(1));
  EXPECT_EQ(report.findings[0].check, "elf.nodelete");
  EXPECT_EQ(report.findings[0].level, PluginFinding::Level::kWarning);
}

TEST(ElfCheckTest, LetsWhatLinksGrpcOrProtobufRunInAChildOnly) {
  std::string bytes = Good();
  EXPECT_EQ(CheckElf(bytes).only_in_child, "");
  bytes.replace(bytes.find("libc.so.6"), 9, "libgrpc++");
  const ElfReport report = CheckElf(bytes);
  EXPECT_TRUE(report.loadable());
  EXPECT_EQ(report.only_in_child, "libgrpc++");
  ASSERT_THAT(report.findings, testing::SizeIs(1));
  EXPECT_EQ(report.findings[0].check, "elf.needed");
}

}  // namespace
}  // namespace weir
