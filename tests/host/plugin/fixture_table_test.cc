// What becomes of each plugin in tests/fixtures, in a child and in process: all
// of them at once, in one host, with the same messages.
#include <elf.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "host/plugin/sandbox_support.h"
#include "tests/support/plugin_dir.h"
#include "tests/support/real_plugins.h"

namespace weir {
namespace {

using State = PluginStatus::State;
using Isolation = PluginStatus::Isolation;

constexpr uint64_t kMessages = 20;
// Of fixtures that act on one message.
constexpr char kThird[] = "{\"seq\": 3}";

// How a fixture ends, once all messages were offered to it.
struct End {
  State state = State::kRunning;
  const char* says = "";  // In its status's error.
  uint64_t errors = 0;
  uint64_t lost = 0;  // As many crashes, and as many restarts.
  uint64_t hangs = 0;
  const char* cause = "";  // In the event of the crash.
};

constexpr End kWorks = {};
// Some messages, but not all.
constexpr uint64_t kSome = UINT64_MAX;
constexpr End Errs(uint64_t errors) { return {.errors = errors}; }
constexpr End Invalid(const char* says) {
  return {.state = State::kInvalid, .says = says};
}
constexpr End Fails(const char* says) {
  return {.state = State::kFailed, .says = says};
}
// One message is lost, and the others go to the next instance.
constexpr End Crashes(const char* cause) { return {.lost = 1, .cause = cause}; }
// Its words make no sense any more, so the messages before may have to go, too.
constexpr End Corrupts(const char* cause) {
  return {.lost = kSome, .cause = cause};
}
constexpr End kHangs = {.lost = 1, .hangs = 1, .cause = "hard deadline"};
// It dies of the same whenever it is started.
constexpr End NeverComesUp(const char* says) {
  return {.state = State::kQuarantined, .says = says};
}

struct Case {
  const char* fixture;
  End child;
  // Nothing: what it does to its process it would do to this test; see
  // tests/end_to_end/plugin_life_test.py.
  std::optional<End> in_process;
  const char* config = "{}";
  // Only where the sandbox is: else it would harm the machine, or this test.
  bool fenced = false;
  std::optional<uint64_t> wanted = {};  // Else all.
  absl::Duration create_deadline = absl::Seconds(60);
};

std::vector<Case> Table() {
  const absl::Duration soon = absl::Milliseconds(200);
  const char* const at_start = "create: the child died: ";
  const char* const in_probe = "load.crash: ends its process with ";
  return {
      {"ok", kWorks, kWorks},
      {"ok_c", kWorks, kWorks},
      {"ok_batch", kWorks, kWorks},
      {"ok_state", kWorks, kWorks},
      {"throws", Errs(kMessages / 2), Errs(kMessages / 2), ""},
      {"throws_int", Errs(kMessages), Errs(kMessages)},
      {"throws_in_create", Fails("create: no peers"),
       Fails("create: no peers")},
      {"throws_in_destroy", kWorks, kWorks},
      {"throws_in_wants", kWorks, kWorks, "{}", false, 0},
      {"throws_in_capacity", Fails("queue capacity -"),
       Fails("queue capacity -")},
      {"segv_on_seq", Crashes("SIGSEGV"), {}, kThird},
      {"abort_on_seq", Crashes("SIGABRT"), {}, kThird},
      {"div0", Crashes("SIGFPE"), {}, kThird},
      {"stack_overflow", Crashes("SIGSEGV"), {}, kThird},
      {"ud2", Crashes("SIGILL"), {}, kThird},
      {"exit0", Crashes("exit status 0"), {}, kThird},
      {"exit_at_once", Crashes("exit status 3"), {}, kThird},
      {"kill_self", Crashes("SIGKILL"), {}, kThird},
      {"raise_sigterm", Crashes("SIGTERM"), {}, kThird},
      {"double_free", Crashes("SIGABRT"), {}, kThird},
      {"uaf", Crashes("SIGSEGV"), {}, kThird},
      {"writes_message", Crashes("SIGSEGV"), {}, kThird},
      {"writes_ring_words", Corrupts("corrupt words"), {}, kThird},
      {"keeps_pointer", kWorks, {}},
      {"hang_spin", kHangs, kHangs, kThird},
      {"hang_sleep", kHangs, kHangs, kThird},
      {"hang_mutex", kHangs, kHangs, kThird},
      {"hang_in_create",
       NeverComesUp("not ready after 200ms"),
       {},
       "{}",
       false,
       {},
       soon},
      {"hang_in_ctor",
       NeverComesUp("not ready after 200ms"),
       Invalid("load.time"),
       "{}",
       false,
       {},
       soon},
      {"slow_1ms", kWorks, kWorks},
      {"slow_init", kWorks, kWorks},
      {"leak_memory", Errs(kSome), {}, "{}", true},
      {"leak_fd", Errs(kSome), {}, "{}", true},
      {"leak_thread", Errs(kSome), {}, "{}", true},
      {"alloc_huge", Errs(kMessages), {}, "{}", true},
      {"fork_bomb", Errs(kMessages), {}, "{}", true},
      {"wrong_major", Invalid("weir_plugin_entry_v2, this host speaks v1"),
       Invalid("weir_plugin_entry_v2, this host speaks v1")},
      {"future_minor", Invalid("elf.note: needs a host of ABI 1.900"),
       Invalid("elf.note: needs a host of ABI 1.900")},
      {"short_table", Fails("abi.table: its table has 8 bytes"),
       Invalid("abi.table: its table has 8 bytes")},
      {"long_table", kWorks, kWorks},
      {"lies_struct_size", kWorks, kWorks},
      {"null_table", Fails("abi.table: its entry returned null"),
       Invalid("abi.table: its entry returned null")},
      {"null_members", Fails("its handle_message is null"),
       Invalid("its handle_message is null")},
      {"missing_entry", Invalid("elf.exports"), Invalid("elf.exports")},
      {"no_note", Invalid("elf.note"), Invalid("elf.note")},
      {"extra_exports", Invalid("leaked_helper"), Invalid("leaked_helper")},
      {"undefined_symbol", Fails("nowhere_to_be_found"),
       Invalid("nowhere_to_be_found")},
      {"needs_missing_lib", Fails("libweir_nowhere.so"),
       Invalid("libweir_nowhere.so")},
      {"ie_tls", Invalid("elf.tls"), Invalid("elf.tls")},
      {"textrel", Invalid("elf.textrel"), Invalid("elf.textrel")},
      {"program", Invalid("elf.type"), Invalid("elf.type")},
      {"ctor_aborts", NeverComesUp(at_start), Invalid(in_probe)},
      {"ctor_prints", kWorks, kWorks},
      {"ctor_starts_thread", kWorks, {}},
      {"cap_0", Fails("queue capacity 0"), Fails("queue capacity 0")},
      {"cap_neg", Fails("queue capacity -5"), Fails("queue capacity -5")},
      {"cap_min64", Fails("queue capacity -9223372036854775808"),
       Fails("queue capacity -9223372036854775808")},
      {"cap_max64", kWorks, kWorks},
      {"cap_changes", kWorks, kWorks},
      {"cap_1", kWorks, kWorks},
      {"wants_random", kWorks, kWorks},
      {"wants_none", kWorks, kWorks, "{}", false, 0},
      {"says", kWorks, kWorks, "{\"flood\": 1000}"},
      {"emit_invalid_json", kWorks, kWorks},
      {"emit_after_destroy", kWorks, {}},
      {"uses_protobuf", kWorks, Invalid("elf.needed: links libprotobuf")},
      {"uses_same_proto", kWorks, Invalid("elf.needed: links libprotobuf")},
      {"tls_nontrivial", kWorks, kWorks},
      {"static_regex", kWorks, kWorks},
      {"never_unloads", kWorks, kWorks},
#ifndef __clang__  // Which makes no unique symbols.
      {"unique_symbols", kWorks, kWorks},
#endif
      {"reads_env_secret", Errs(kMessages), {}, "{}", true},
      {"opens_socket", Errs(kMessages), {}, "{}", true},
      {"opens_file", Errs(kMessages), {}, "{}", true},
      {"ptrace_parent", Errs(kMessages), {}, "{}", true},
      {"kills_parent", Errs(kMessages), {}, "{}", true},
      {"truncates_memfd", Errs(kMessages), {}, "{}"},
  };
}

class FixtureTableTest : public testing::TestWithParam<Isolation> {
 protected:
  // Why it is not as the table says; empty: it is.
  std::string Mismatch(const Case& c, const End& end) const {
    const PluginSlotSpec spec = RealPlugins::Fixture(c.fixture, GetParam());
    const PluginStatus status = plugins_.Status(spec.id);
    const PluginStats stats = plugins_.Stats(spec.id);
    const Books& books = stats.handler.books;
    const auto is = [](absl::string_view what, auto got, auto want) {
      return got == want ? std::string()
                         : absl::StrCat(what, " is ", got, ", not ", want);
    };
    std::vector<std::string> wrong = {
        is("state", static_cast<int>(status.state),
           static_cast<int>(end.state)),
        Imbalance(books)};
    if (!absl::StrContains(status.error, end.says)) {
      wrong.push_back(absl::StrCat("no \"", end.says, "\""));
    }
    if (end.state == State::kRunning) {
      const uint64_t wanted = c.wanted.value_or(kMessages);
      wrong.push_back(is("offered", books.offered, kMessages));
      wrong.push_back(is("enqueued", books.enqueued, wanted));
      wrong.push_back(is("queued", books.queued + books.in_flight, 0u));
      const uint64_t lost = books.lost_in_crash;
      if (end.lost != kSome || lost == 0 || lost > 3) {
        wrong.push_back(is("lost", lost, end.lost));
      }
      // What hangs in process is left alone, and has not crashed.
      const bool crashes = end.hangs == 0 || GetParam() == Isolation::kChild;
      wrong.push_back(is("crashes", stats.crashes, crashes ? lost : 0));
      wrong.push_back(is("restarts", stats.restarts, lost));
      wrong.push_back(is("hangs", stats.hangs, end.hangs));
      const bool some = books.processed_error > 0 && books.processed_ok > 0;
      if (end.errors != kSome || !some) {
        wrong.push_back(is("errors", books.processed_error, end.errors));
      }
    }
    wrong.erase(std::remove(wrong.begin(), wrong.end(), ""), wrong.end());
    if (wrong.empty()) return "";
    return absl::StrCat(c.fixture, ": ", absl::StrJoin(wrong, ", "), "; ",
                        status.error);
  }

  // The crash of a slot is told with its cause.
  bool Tells(const std::string& id, const char* cause) {
    for (const Event& event : plugins_.heard().events()) {
      if (event.type == "weir.plugin.crashed" &&
          event.subject == absl::StrCat("plugins/", id) &&
          absl::StrContains(event.json, cause)) {
        return true;
      }
    }
    return false;
  }

  RealPlugins plugins_;
};

INSTANTIATE_TEST_SUITE_P(WhereverItRuns, FixtureTableTest,
                         testing::Values(Isolation::kChild,
                                         Isolation::kInProcess),
                         [](const auto& where) {
                           return where.param == Isolation::kChild
                                      ? "InAChild"
                                      : "InProcess";
                         });

TEST_P(FixtureTableTest, EndsAsItSaysAndNobodyElseNotices) {
  const bool in_child = GetParam() == Isolation::kChild;
  const SandboxSupport support = FindSandboxSupport();
  ASSERT_EQ(setenv("WEIR_SECRET", "hunter2", 1), 0);
  std::vector<std::pair<Case, End>> table;
  std::vector<PluginSlotSpec> specs;
  for (const Case& c : Table()) {
    if (!in_child && !c.in_process.has_value()) continue;
    if (in_child && c.fenced && !support.seccomp) {
      std::cout << "SKIPPED: " << c.fixture << ": " << WhatSandboxLacks(support)
                << "\n";
      continue;
    }
    const End end = in_child ? c.child : *c.in_process;
    PluginSlotSpec spec = RealPlugins::Fixture(c.fixture, GetParam());
    spec.config_json = c.config;
    spec.options.create_deadline = c.create_deadline;
    if (end.state == State::kQuarantined) spec.options.max_crashes = 1;
    if (end.hangs > 0) {
      spec.options.soft_deadline = absl::Milliseconds(50);
      spec.options.hard_deadline = absl::Milliseconds(300);
    }
    specs.push_back(spec);
    table.emplace_back(c, end);
  }
  plugins_.Load(specs);
  plugins_.Send(kMessages);

  std::vector<std::string> wrong;
  plugins_.Await([&] {
    wrong.clear();
    for (const auto& [c, end] : table) {
      if (const std::string mismatch = Mismatch(c, end); !mismatch.empty()) {
        wrong.push_back(mismatch);
      }
    }
    return wrong.empty();
  });
  EXPECT_TRUE(wrong.empty()) << absl::StrJoin(wrong, "\n");
  for (const auto& [c, end] : table) {
    const std::string id = RealPlugins::Fixture(c.fixture, GetParam()).id;
    const bool dies = end.lost > 0 && (in_child || end.hangs == 0);
    EXPECT_TRUE(!dies || Tells(id, end.cause)) << id;
  }
}

// Bytes that are no plugin for this machine, in a folder of their own.
class DamagedFileTest : public testing::Test {
 protected:
  DamagedFileTest() : good_(PluginDir::Read(FixturePath("ok_c"))) {}

  // Loads all of `files`, by their names; returns what was not refused as
  // INVALID by a check whose name begins with `check`.
  std::vector<std::string> NotRefused(
      const std::vector<std::pair<std::string, std::string>>& files,
      absl::string_view check) {
    RealPlugins plugins;
    std::vector<PluginSlotSpec> specs;
    for (const auto& [name, bytes] : files) {
      const std::string path =
          plugins.dir().Put(absl::StrCat(name, ".so"), bytes);
      specs.push_back(RealPlugins::Slot(
          name, path,
          specs.size() % 2 == 0 ? Isolation::kChild : Isolation::kInProcess));
    }
    plugins.Load(specs);
    std::vector<std::string> wrong;
    for (const PluginStatus& status : plugins.set().List()) {
      const bool refused =
          status.state == State::kInvalid &&
          absl::StrContains(status.error, absl::StrCat(": ", check));
      if (!refused) {
        wrong.push_back(absl::StrCat(status.name, " ", status.error));
      }
    }
    return wrong;
  }

  const std::string good_;
};

// Of a file cut short, dlopen kills its caller at most places.
TEST_F(DamagedFileTest, IsRefusedWhereverItIsCut) {
  std::vector<std::pair<std::string, std::string>> files;
  size_t tried = 0;
  // Every byte of the header and of the segments behind it, then each 64th.
  for (size_t k = 0; k < good_.size(); k += k < 512 ? 1 : 64) {
    files.emplace_back(absl::StrCat("cut-", k), good_.substr(0, k));
    if (files.size() < 64 && k + 64 < good_.size()) continue;
    EXPECT_THAT(NotRefused(files, "elf."), testing::IsEmpty());
    tried += files.size();
    files.clear();
  }
  EXPECT_TRUE(files.empty());
  EXPECT_GT(tried, 512u);
}

TEST_F(DamagedFileTest, IsRefusedIfItIsForAnotherMachine) {
  const auto with = [&](size_t at, char value) {
    std::string bytes = good_;
    bytes[at] = value;
    return bytes;
  };
  EXPECT_THAT(NotRefused({{"not-elf", std::string(5000, 'x')},
                          {"elf32", with(EI_CLASS, ELFCLASS32)},
                          {"big-endian", with(EI_DATA, ELFDATA2MSB)},
                          {"another-machine",
                           with(offsetof(Elf64_Ehdr, e_machine), EM_SPARCV9)},
                          {"empty", ""}},
                         "elf.header"),
              testing::IsEmpty());
}

}  // namespace
}  // namespace weir
