#ifndef WEIR_HOST_PLUGIN_ELF_CHECK_H_
#define WEIR_HOST_PLUGIN_ELF_CHECK_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "weir/plugin_abi.h"

namespace weir {

// One thing that a check found, good for a person and for a program. A value.
struct PluginFinding {
  enum class Level { kWarning, kError };  // kError: it would not be loaded.
  Level level;
  std::string check;    // Stable: "elf.textrel".
  std::string message;  // What is wrong, and the cure.
};

// What a look at a plugin's bytes found. A value.
struct ElfReport {
  std::vector<PluginFinding> findings;
  weir_note note = {};  // All zero if there is none.
  // Symbols that make the loader keep the library until the process ends.
  size_t unique_symbols = 0;
  // The same for the whole of it, by a flag.
  bool nodelete = false;
  // A library that it links and that must not meet the host's own, so that it
  // can run in a child only; empty: none. The finding is a warning.
  std::string only_in_child;

  bool loadable() const;

  // OK if loadable; else InvalidArgument with the first error, after the name
  // of `file`: "x.so: elf.textrel: ..."
  absl::Status ToStatus(absl::string_view file) const;
};

// Looks at the bytes of a shared object before the loader does, because the
// loader trusts them: of a file cut short, dlopen kills its caller with SIGBUS
// at most of the places where it can be cut, and a constructor runs before any
// later check can say no.
//
//   elf.header   is an ELF file of this machine's class, order and processor
//   elf.type     is a shared object, not a program
//   elf.bounds   every segment and section lies inside of the file
//   elf.dynamic  has a dynamic section that can be read
//   elf.exports  exports weir_plugin_entry_v1 and nothing else
//   elf.note     has the note that WEIR_PLUGIN writes, of an ABI we speak
//   elf.textrel  has no relocations in its code
//   elf.stack    wants no executable stack
//   elf.tls      has no initial-exec thread-local storage: loads of such
//                libraries fail once some 1 KiB of it is used up
//   elf.needed   warning: links protobuf or gRPC, which end the process when
//                they meet the host's own; such a plugin runs in a child only
//   elf.unique   warning: has unique symbols, so it is never unmapped
//   elf.nodelete warning: asks never to be unmapped
//
// Never reads outside of `bytes`. Runs none of them. Takes microseconds.
ElfReport CheckElf(absl::string_view bytes);

}  // namespace weir

#endif  // WEIR_HOST_PLUGIN_ELF_CHECK_H_
