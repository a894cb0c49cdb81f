#include "runner/check/allocation_faults.h"

#include <elf.h>
#include <errno.h>
#include <link.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstring>

namespace weir {
namespace {

struct Counter {
  bool counting = false;
  uint64_t count = 0;
  uint64_t fail_at = 0;
};

thread_local Counter counter;

bool Fails() {
  if (!counter.counting || ++counter.count != counter.fail_at) return false;
  errno = ENOMEM;
  return true;
}

void* Malloc(size_t size) { return Fails() ? nullptr : malloc(size); }

void* Calloc(size_t n, size_t size) {
  return Fails() ? nullptr : calloc(n, size);
}

void* Realloc(void* old, size_t size) {
  // With no size it frees, and that never fails.
  // NOLINTNEXTLINE(clang-analyzer-optin.portability.UnixAPI): as we are asked.
  return size != 0 && Fails() ? nullptr : realloc(old, size);
}

void* AlignedAlloc(size_t alignment, size_t size) {
  return Fails() ? nullptr : aligned_alloc(alignment, size);
}

int PosixMemalign(void** to, size_t alignment, size_t size) {
  return Fails() ? ENOMEM : posix_memalign(to, alignment, size);
}

void* HookOf(const char* name) {
  const struct {
    const char* name;
    void* hook;
  } hooks[] = {
      {"malloc", reinterpret_cast<void*>(&Malloc)},
      {"calloc", reinterpret_cast<void*>(&Calloc)},
      {"realloc", reinterpret_cast<void*>(&Realloc)},
      {"aligned_alloc", reinterpret_cast<void*>(&AlignedAlloc)},
      {"posix_memalign", reinterpret_cast<void*>(&PosixMemalign)},
  };
  for (const auto& each : hooks) {
    if (std::strcmp(each.name, name) == 0) return each.hook;
  }
  return nullptr;
}

// Relocations that put the address of a symbol, as it is, into a word.
bool IsAddress(uint64_t type) {
#if defined(__x86_64__)
  return type == R_X86_64_JUMP_SLOT || type == R_X86_64_GLOB_DAT ||
         type == R_X86_64_64;
#elif defined(__aarch64__)
  return type == R_AARCH64_JUMP_SLOT || type == R_AARCH64_GLOB_DAT ||
         type == R_AARCH64_ABS64;
#else
  static_cast<void>(type);
  return false;
#endif
}

// What lies at an address that the loader has told.
template <typename T>
T* At(uintptr_t address) {
  return reinterpret_cast<T*>(address);  // NOLINT(performance-no-int-to-ptr)
}

// What the dynamic section of a loaded object says.
struct Dynamic {
  const Elf64_Sym* symbols = nullptr;
  const char* names = nullptr;
  const Elf64_Rela* calls = nullptr;  // DT_JMPREL
  size_t calls_bytes = 0;
  const Elf64_Rela* others = nullptr;  // DT_RELA
  size_t others_bytes = 0;
};

Dynamic ReadDynamic(const Elf64_Dyn* entry) {
  Dynamic dynamic;
  // The loader has made addresses of what is one here.
  for (; entry->d_tag != DT_NULL; ++entry) {
    const auto value = static_cast<uintptr_t>(entry->d_un.d_ptr);
    switch (entry->d_tag) {
      case DT_SYMTAB:
        dynamic.symbols = At<const Elf64_Sym>(value);
        break;
      case DT_STRTAB:
        dynamic.names = At<const char>(value);
        break;
      case DT_JMPREL:
        dynamic.calls = At<const Elf64_Rela>(value);
        break;
      case DT_PLTRELSZ:
        dynamic.calls_bytes = value;
        break;
      case DT_RELA:
        dynamic.others = At<const Elf64_Rela>(value);
        break;
      case DT_RELASZ:
        dynamic.others_bytes = value;
        break;
      default:
        break;
    }
  }
  return dynamic;
}

// The words are read-only after relocation; so they stay writable.
bool Write(uintptr_t at, void* hook) {
  const auto page_size = static_cast<uintptr_t>(sysconf(_SC_PAGESIZE));
  void* const page = At<void>(at & ~(page_size - 1));
  if (mprotect(page, page_size, PROT_READ | PROT_WRITE) != 0) return false;
  std::memcpy(At<void>(at), &hook, sizeof(hook));
  return true;
}

int Replace(uintptr_t base, const Dynamic& dynamic, const Elf64_Rela* relas,
            size_t bytes) {
  int replaced = 0;
  for (size_t i = 0; relas != nullptr && i < bytes / sizeof(*relas); ++i) {
    const Elf64_Rela& rela = relas[i];
    if (!IsAddress(ELF64_R_TYPE(rela.r_info)) || rela.r_addend != 0) continue;
    const Elf64_Sym& symbol = dynamic.symbols[ELF64_R_SYM(rela.r_info)];
    void* const hook = HookOf(dynamic.names + symbol.st_name);
    if (hook != nullptr && Write(base + rela.r_offset, hook)) ++replaced;
  }
  return replaced;
}

// Those whose own allocations are not the plugin's.
bool IsLeftAlone(const char* name) {
  // The program itself has no name, and the kernel's has no file.
  return name[0] == '\0' || std::strstr(name, "linux-vdso") != nullptr ||
         std::strstr(name, "/libc.so") != nullptr ||
         std::strstr(name, "/ld-linux") != nullptr;
}

int Visit(dl_phdr_info* info, size_t, void* to) {
  if (IsLeftAlone(info->dlpi_name)) return 0;
  for (size_t i = 0; i < info->dlpi_phnum; ++i) {
    if (info->dlpi_phdr[i].p_type != PT_DYNAMIC) continue;
    const Dynamic dynamic = ReadDynamic(
        At<const Elf64_Dyn>(info->dlpi_addr + info->dlpi_phdr[i].p_vaddr));
    if (dynamic.symbols == nullptr || dynamic.names == nullptr) return 0;
    *static_cast<int*>(to) +=
        Replace(info->dlpi_addr, dynamic, dynamic.calls, dynamic.calls_bytes) +
        Replace(info->dlpi_addr, dynamic, dynamic.others, dynamic.others_bytes);
  }
  return 0;
}

}  // namespace

int AllocationFaults::Intercept() {
  int replaced = 0;
  dl_iterate_phdr(&Visit, &replaced);
  return replaced;
}

void AllocationFaults::FailAt(uint64_t n) {
  counter.count = 0;
  counter.fail_at = n;
}

uint64_t AllocationFaults::counted() { return counter.count; }

AllocationFaults::Counting::Counting() : before_(counter.counting) {
  counter.counting = true;
}
AllocationFaults::Counting::~Counting() { counter.counting = before_; }

AllocationFaults::Pause::Pause() : before_(counter.counting) {
  counter.counting = false;
}
AllocationFaults::Pause::~Pause() { counter.counting = before_; }

}  // namespace weir
