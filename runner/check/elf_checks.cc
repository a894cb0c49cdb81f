#include <elf.h>

#include <algorithm>
#include <cstdint>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "host/plugin/elf_check.h"
#include "host/plugin/elf_view.h"
#include "runner/check/check.h"

namespace weir {
namespace {

constexpr absl::string_view kUseFlags =
    "link with $(pkg-config --libs weir-plugin)";

// What CheckElf says under that name.
Verdict FromReport(const Subject& subject, const std::string& id) {
  const ElfReport report = CheckElf(subject.bytes());
  for (const PluginFinding& finding : report.findings) {
    if (finding.check != id) continue;
    return finding.level == PluginFinding::Level::kError
               ? Fail(finding.message)
               : Warn(finding.message);
  }
  if (id != "elf.note") return Pass();
  const weir_note& note = report.note;
  return Pass(absl::StrCat(note.name, " ", note.version, ", ABI ",
                           note.abi_major, ".", note.abi_minor,
                           note.toolchain[0] == '\0' ? "" : ", made by ",
                           note.toolchain));
}

// The parts of the file that CheckElf keeps to itself, once it has found them
// to be inside of it.
struct Parts {
  std::vector<Elf64_Phdr> segments;
  std::vector<Elf64_Dyn> dynamic;
};

Parts PartsOf(absl::string_view bytes) {
  const ElfView elf(bytes);
  Parts parts;
  const auto header = elf.At<Elf64_Ehdr>(0);
  if (!header) return parts;
  parts.segments = elf.Array<Elf64_Phdr>(header->e_phoff, header->e_phnum)
                       .value_or(std::vector<Elf64_Phdr>());
  for (const Elf64_Phdr& segment : parts.segments) {
    if (segment.p_type != PT_DYNAMIC) continue;
    const auto entries = elf.Array<Elf64_Dyn>(
        segment.p_offset, segment.p_filesz / sizeof(Elf64_Dyn));
    for (const Elf64_Dyn& entry : entries.value_or(std::vector<Elf64_Dyn>())) {
      if (entry.d_tag == DT_NULL) break;
      parts.dynamic.push_back(entry);
    }
  }
  return parts;
}

uint64_t ValueOf(const Parts& parts, int64_t tag) {
  for (const Elf64_Dyn& entry : parts.dynamic) {
    if (entry.d_tag == tag) return entry.d_un.d_val;
  }
  return 0;
}

bool HasTag(const Parts& parts, int64_t tag) {
  return std::any_of(parts.dynamic.begin(), parts.dynamic.end(),
                     [&](const Elf64_Dyn& e) { return e.d_tag == tag; });
}

Verdict Relro(Subject& subject) {
  const Parts parts = PartsOf(subject.bytes());
  const bool relro =
      std::any_of(parts.segments.begin(), parts.segments.end(),
                  [](const Elf64_Phdr& s) { return s.p_type == PT_GNU_RELRO; });
  const bool now = HasTag(parts, DT_BIND_NOW) ||
                   (ValueOf(parts, DT_FLAGS) & DF_BIND_NOW) != 0 ||
                   (ValueOf(parts, DT_FLAGS_1) & DF_1_NOW) != 0;
  if (relro && now) return Pass();
  return Warn(absl::StrCat(relro ? "" : "its relocations stay writable",
                           relro || now ? "" : ", and ",
                           now ? "" : "its symbols are bound late", "; ",
                           kUseFlags));
}

Verdict BuildId(Subject& subject) {
  const ElfView elf(subject.bytes());
  for (const Elf64_Phdr& segment : PartsOf(subject.bytes()).segments) {
    if (segment.p_type != PT_NOTE) continue;
    uint64_t at = segment.p_offset;
    const uint64_t end = segment.p_offset + segment.p_filesz;
    while (at < end && end - at >= sizeof(Elf64_Nhdr)) {
      const auto note = elf.At<Elf64_Nhdr>(at);
      if (!note) break;
      if (note->n_type == NT_GNU_BUILD_ID &&
          elf.Slice(at + sizeof(Elf64_Nhdr), 4) ==
              absl::string_view("GNU\0", 4)) {
        return Pass();
      }
      at += sizeof(Elf64_Nhdr) + (uint64_t{note->n_namesz} + 3) / 4 * 4 +
            (uint64_t{note->n_descsz} + 3) / 4 * 4;
    }
  }
  return Warn("has no build ID; link with -Wl,--build-id");
}

Verdict Runpath(Subject& subject) {
  const Parts parts = PartsOf(subject.bytes());
  if (!HasTag(parts, DT_RPATH) && !HasTag(parts, DT_RUNPATH)) return Pass();
  const ElfView elf(subject.bytes());
  const auto table =
      ElfView::FileOffset(parts.segments, ValueOf(parts, DT_STRTAB));
  const absl::string_view strings =
      table ? elf.Slice(*table, ValueOf(parts, DT_STRSZ)) : "";
  const auto path = ElfView::Text(
      strings,
      ValueOf(parts, HasTag(parts, DT_RUNPATH) ? DT_RUNPATH : DT_RPATH));
  if (!path || !absl::StrContains(*path, "$ORIGIN")) return Pass();
  return Warn(
      absl::StrCat("looks for libraries in ", *path,
                   ", and the host loads a copy of it from elsewhere; install "
                   "them where the system looks, or link them statically"));
}

Check Of(const std::string& id, std::string hint, bool refuses = true) {
  Check check = {.id = id, .hint = std::move(hint), .refuses = refuses};
  check.needs = {"file.type", "file.size"};
  if (id != "elf.header") check.needs.push_back("elf.header");
  check.run = [id](Subject& subject) { return FromReport(subject, id); };
  return check;
}

// For what can be said only of a file that is whole.
Check OfWhole(const std::string& id, std::string hint, bool refuses = true) {
  Check check = Of(id, std::move(hint), refuses);
  check.needs.insert(check.needs.end(),
                     {"elf.type", "elf.bounds", "elf.dynamic"});
  return check;
}

Check Own(const std::string& id, std::string hint, Verdict (*run)(Subject&)) {
  Check check = OfWhole(id, std::move(hint), /*refuses=*/false);
  check.run = run;
  return check;
}

}  // namespace

std::vector<Check> ElfChecks() {
  return {
      Of("elf.header",
         "Compile it for the machine that the host runs on, and copy the "
         "whole file."),
      Of("elf.type", "Link it with -shared; a program cannot be loaded."),
      Of("elf.bounds",
         "What is cut short kills the process that loads it. Copy it again, "
         "under another name, and rename it when it is whole."),
      Of("elf.dynamic",
         "The tables that the loader reads are not where they should be. "
         "Build it again with an ordinary linker."),
      OfWhole("elf.exports",
              "The loader may replace any symbol that a plugin exports by the "
              "host's of that name, and the other way round. The version "
              "script of the SDK, which $(pkg-config --libs weir-plugin) "
              "names, leaves the one that is needed."),
      OfWhole("elf.note",
              "WEIR_PLUGIN writes the note from which the host reads name, "
              "version and ABI before it runs any code. In C, put a weir_note "
              "into the section .note.weir, as weir plugin new --language c "
              "does."),
      OfWhole("elf.textrel",
              "Code that is not position-independent must be made writable "
              "to be loaded. Compile every object with -fPIC, those of static "
              "libraries too."),
      OfWhole("elf.stack",
              "Assembly without a .note.GNU-stack section, or a nested "
              "function of GCC's, makes all stacks executable. Add the "
              "section, or link with -Wl,-z,noexecstack."),
      OfWhole("elf.tls",
              "Initial-exec thread-local storage comes from a small reserve "
              "that is not given back; a few loads use it up."),
      OfWhole("elf.needed",
              "gRPC and protobuf keep one registry for each process and end "
              "it when something is registered twice. In a child that is of "
              "no account; with isolation: in_process the host refuses it.",
              /*refuses=*/false),
      OfWhole("elf.unique",
              "A unique symbol keeps the library mapped for ever, so that a "
              "reloaded plugin goes on with its old static variables. Clang "
              "makes none; GCC none with -fno-gnu-unique.",
              /*refuses=*/false),
      OfWhole("elf.nodelete",
              "A library that is linked with -z nodelete stays mapped for "
              "ever, so that a reloaded plugin goes on with its old static "
              "variables.",
              /*refuses=*/false),
      Own("elf.relro",
          "With -Wl,-z,relro,-z,now every symbol is resolved when it is "
          "loaded, not at the first message that needs it, and the table of "
          "addresses cannot be overwritten.",
          &Relro),
      Own("elf.build-id",
          "A build ID leads from a crash report to the debug symbols of "
          "exactly this build.",
          &BuildId),
      Own("elf.runpath",
          "The host loads its own copy of a plugin, so $ORIGIN is not the "
          "folder where you put it.",
          &Runpath)};
}

}  // namespace weir
