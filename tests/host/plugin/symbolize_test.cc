#include "host/plugin/symbolize.h"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/fakes/fake_clock.h"
#include "tests/support/child_plugin.h"
#include "tests/support/short_temp_dir.h"
#include "tests/support/status_matchers.h"

namespace weir {
namespace {

using testing::Contains;
using testing::ElementsAre;

// The stack of a crash of a fixture.
std::vector<std::string> CrashOf(const char* fixture) {
  FakeClock clock;
  ChildPlugins plugins(clock, 0);
  const auto handler = plugins.Make(
      {.module = FixturePath(fixture), .config_json = "{\"seq\": 1}"});
  EXPECT_THAT(handler->Create(), IsOk());
  const TestRun run = plugins.Run(1, 1);
  std::atomic<uint32_t> done{0}, errors{0};
  handler->HandleMessages(run.messages, done, errors);
  return handler->death().has_value() ? handler->death()->frames
                                      : std::vector<std::string>();
}

std::string Bytes(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

TEST(SymbolizeTest, NamesThePluginsOwnFunctions) {
  const std::vector<std::string> frames = CrashOf("abort_on_seq");
  const SymbolizedStack stack = Symbolize(FixturePath("abort_on_seq"), frames);
  ASSERT_EQ(stack.frames.size(), frames.size());
  EXPECT_THAT(stack.frames,
              Contains(testing::MatchesRegex(
                  "abort_on_seq.so\\+0x[0-9a-f]+ (Act|HandleMessage)(\\.cold)?"
                  "\\+0x[0-9a-f]+")));
  EXPECT_THAT(stack.own_frame,
              testing::AnyOf(testing::StartsWith("Act"),
                             testing::StartsWith("HandleMessage")))
      << "and not abort, where every such stack ends";
}

TEST(SymbolizeTest, GivesAnOffsetWhereThereIsNoName) {
  const SymbolizedStack stack =
      Symbolize(FixturePath("segv_on_seq"),
                {"libc.so.6+0x10", "segv_on_seq.so+0xfffffff"});
  EXPECT_THAT(stack.frames,
              ElementsAre("libc.so.6+0x10", "segv_on_seq.so+0xfffffff"));
  EXPECT_EQ(stack.own_frame, "0xfffffff");
}

TEST(SymbolizeTest, SurvivesWhateverIsInTheFile) {
  const ShortTempDir dir;
  const std::string path = dir.path() + "/x.so";
  const std::string whole = Bytes(FixturePath("segv_on_seq"));
  ASSERT_GT(whole.size(), 1000u);
  // Cut anywhere, and then with each of the first words gone wild.
  for (size_t size = 0; size < whole.size(); size += whole.size() / 97) {
    std::ofstream(path, std::ios::binary) << whole.substr(0, size);
    Symbolize(path, {"x.so+0x1130"});
  }
  for (size_t at = 0; at < 64; ++at) {
    std::string wild = whole;
    std::fill_n(wild.begin() + static_cast<ptrdiff_t>(at), 8, '\xff');
    std::ofstream(path, std::ios::binary) << wild;
    Symbolize(path, {"x.so+0x1130"});
  }
  unlink(path.c_str());
  EXPECT_THAT(Symbolize(path, {"x.so+0x1"}).frames, ElementsAre("x.so+0x1"));
}

}  // namespace
}  // namespace weir
