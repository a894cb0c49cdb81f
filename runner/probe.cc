#include "runner/probe.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <fstream>
#include <iterator>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "host/control/sandbox_profile.h"
#include "host/plugin/elf_check.h"
#include "host/plugin/plugin_table.h"
#include "host/plugin/sandbox_support.h"
#include "host/status/json_text.h"
#include "runner/sandbox.h"
#include "weir/plugin_abi.h"

namespace weir {
namespace {

// A schema is a page or two; ModuleProbe reads no more.
constexpr size_t kMaxSchemaBytes = size_t{256} << 10;

template <size_t kSize>
absl::string_view Text(const char (&chars)[kSize]) {
  return {chars, strnlen(chars, kSize)};
}

// The note is read from the bytes of the file; elf_check says what is wrong
// with them before anybody comes here.
weir_note ReadNote(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(file),
                          std::istreambuf_iterator<char>()};
  return CheckElf(bytes).note;
}

absl::StatusOr<weir_plugin> Load(const std::string& path) {
  const absl::StatusOr<void*> library = OpenLibrary(path);
  if (!library.ok()) return library.status();
  return EnterPlugin(*library);  // It stays open until we end.
}

std::string Describe(const weir_plugin& table, const weir_note& note) {
  return absl::StrCat("{\"name\": ", ToJsonString(Text(note.name)),
                      ", \"version\": ", ToJsonString(Text(note.version)),
                      ", \"abi_major\": ", table.abi_major,
                      ", \"abi_minor\": ", table.abi_minor, "}\n");
}

// The message is "check: what is wrong".
std::string Describe(const absl::Status& status) {
  const absl::string_view text = status.message();
  const size_t colon = text.find(": ");
  const bool has_check = colon != absl::string_view::npos;
  return absl::StrCat(
      "{\"check\": ", ToJsonString(has_check ? text.substr(0, colon) : "load"),
      ", \"error\": ", ToJsonString(has_check ? text.substr(colon + 2) : text),
      "}\n");
}

// Asks without an instance for what configuration the plugin takes. One of
// before there was that question may die of the null; whoever reads our answer
// then has the first line of it.
std::string AskForSchema(const weir_plugin& table) {
  try {
    const auto* const config = static_cast<const weir_ext_config*>(
        table.get_ext(nullptr, WEIR_EXT_CONFIG));
    if (config == nullptr || config->struct_size < sizeof(weir_ext_config)) {
      return "";
    }
    if (config->schema.len > kMaxSchemaBytes) {
      return Describe(absl::InvalidArgumentError(
          absl::StrCat("config.schema: it has ", config->schema.len,
                       " bytes; at most ", kMaxSchemaBytes, " are read")));
    }
    return absl::StrCat("{\"config_schema\": ",
                        ToJsonString({config->schema.data, config->schema.len}),
                        "}\n");
  } catch (...) {
    return "";
  }
}

bool WriteAll(int out, absl::string_view text) {
  while (!text.empty()) {
    const ssize_t written = write(out, text.data(), text.size());
    if (written <= 0) return false;
    text.remove_prefix(static_cast<size_t>(written));
  }
  return true;
}

}  // namespace

int Probe(const std::string& path, bool fenced) {
  // A module may never come back, and a host that is killed ends nobody.
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  const int out = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 10);
  if (out < 0 || dup2(STDERR_FILENO, STDOUT_FILENO) < 0) return 1;
  const weir_note note = ReadNote(path);
  if (fenced) {
    const absl::Status begun =
        Sandbox(SandboxProfile::kStrict, "", FindSandboxSupport()).Begin();
    if (!begun.ok()) {
      std::fprintf(stderr, "weir-plugin-runner: %s\n",
                   std::string(begun.message()).c_str());
      return 1;
    }
  }
  const absl::StatusOr<weir_plugin> table = Load(path);
  const std::string line =
      table.ok() ? Describe(*table, note) : Describe(table.status());
  const bool written = WriteAll(out, line);
  if (!written || !table.ok()) return 1;
  return WriteAll(out, AskForSchema(*table)) ? 0 : 1;
}

}  // namespace weir
