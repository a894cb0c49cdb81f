#include <fcntl.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <unistd.h>
#include <zstd.h>

#include <algorithm>
#include <csignal>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <random>
#include <sstream>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/elf_file.h"
#include "tests/support/loaded_plugin.h"
#include "tests/support/plugin_instance.h"
#include "tests/support/short_temp_dir.h"
#include "weir/plugin_abi.h"
#include "weir/testing.h"

namespace weir {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

constexpr char kPath[] = "plugins/recorder/recorder.so";
constexpr int64_t kSecond = 1'000'000'000;
// 2026-11-21T04:00:00Z
constexpr int64_t kBegin = 1795233600 * kSecond;

std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void WriteFile(const std::string& path, std::string_view bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

// All whole frames, and nothing of one that is not.
std::string Unpack(std::string_view packed) {
  std::string text;
  while (!packed.empty()) {
    const size_t size =
        ZSTD_findFrameCompressedSize(packed.data(), packed.size());
    if (ZSTD_isError(size) != 0) break;
    std::string piece(ZSTD_getFrameContentSize(packed.data(), size), '\0');
    EXPECT_EQ(ZSTD_decompress(piece.data(), piece.size(), packed.data(), size),
              piece.size());
    text += piece;
    packed.remove_prefix(size);
  }
  return text;
}

// Bytes that zstd cannot make fewer of, without a line end.
std::string Noise(size_t size) {
  std::mt19937 random(4711);
  std::string noise(size, '\0');
  for (char& c : noise) c = static_cast<char>(random() % 240 + 16);
  return noise;
}

// Lets no file of this process grow beyond so many bytes: a disk that is full.
class SmallDisk {
 public:
  explicit SmallDisk(rlim_t bytes) : signal_(std::signal(SIGXFSZ, SIG_IGN)) {
    getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit small = {bytes, before_.rlim_max};
    setrlimit(RLIMIT_FSIZE, &small);
  }
  ~SmallDisk() {
    setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, signal_);
  }

 private:
  void (*signal_)(int);
  rlimit before_ = {};
};

class RecorderTest : public testing::Test {
 protected:
  RecorderTest() : folder_(temp_.path() + "/r") {
    std::filesystem::create_directory(folder_);
  }

  // Without silence: the tests tell the time with their messages.
  void Start(std::string_view more = "") {
    recorder_.emplace(kPath, host_.table(), Config(more));
    ASSERT_EQ(recorder_->status(), WEIR_OK) << recorder_->error();
  }
  void End() { recorder_.reset(); }

  std::string Config(std::string_view more) const {
    return R"({"directory": ")" + folder_ + '"' + std::string(more) + '}';
  }

  // A payload that is received so many seconds after the beginning.
  weir_status Handle(std::string_view payload, double seconds = 0) {
    weir_msg message = {};
    message.struct_size = sizeof(message);
    message.recv_ns = kBegin + static_cast<int64_t>(seconds * kSecond);
    message.base = reinterpret_cast<const uint8_t*>(payload.data());
    message.base_len = static_cast<uint32_t>(payload.size());
    message.data_len = message.base_len;
    return recorder_->Handle(&message);
  }

  // The names of the files, sorted, that end so.
  std::vector<std::string> Files(std::string_view ending = "") const {
    std::vector<std::string> names;
    for (const auto& file : std::filesystem::directory_iterator(folder_)) {
      std::string name = file.path().filename();
      if (std::string_view(name).ends_with(ending)) names.push_back(name);
    }
    std::sort(names.begin(), names.end());
    return names;
  }
  // What all finished recordings hold, in the order of their names.
  std::string Recorded() const {
    std::string text;
    for (const std::string& name : Files(".zst")) {
      text += Unpack(ReadFile(folder_ + '/' + name));
    }
    return text;
  }

  std::vector<FakeHost::Event> Events(std::string_view kind) const {
    std::vector<FakeHost::Event> events;
    for (const FakeHost::Event& event : host_.emitted()) {
      if (event.kind == kind) events.push_back(event);
    }
    return events;
  }

  const ShortTempDir temp_;
  const std::string folder_;
  FakeHost host_;
  std::optional<PluginInstance> recorder_;
};

TEST(RecorderFileTest, ExportsItsEntryAndNothingElse) {
  EXPECT_THAT(ElfFile(kPath).ExportedSymbols(),
              ElementsAre("weir_plugin_entry_v1"));
}

TEST_F(RecorderTest, WantsTheRawTapOnly) {
  Start();
  EXPECT_TRUE(recorder_->Wants("RAW"));
  EXPECT_FALSE(recorder_->Wants("UPDATE"));
  EXPECT_FALSE(recorder_->Wants("OTHER"));
}

TEST_F(RecorderTest, IsGoneOnceItIsClosed) {
  Start();
  Handle("a");
  End();
  EXPECT_FALSE(LoadedPlugin::IsMapped(kPath));
}

TEST_F(RecorderTest, WritesPayloadsUnchangedEachWithALineEnd) {
  Start();
  const std::string noise = Noise(3 << 20);
  EXPECT_EQ(Handle("{\"a\": 1}"), WEIR_OK);
  EXPECT_EQ(Handle("not JSON \r"), WEIR_OK);
  EXPECT_EQ(Handle(""), WEIR_OK);
  EXPECT_EQ(Handle(std::string_view("\0\xff", 2)), WEIR_OK);
  EXPECT_EQ(Handle(noise), WEIR_OK);
  EXPECT_EQ(Handle(noise), WEIR_OK);  // More than a block.
  EXPECT_EQ(Handle("end"), WEIR_OK);
  End();
  EXPECT_TRUE(Recorded() == "{\"a\": 1}\nnot JSON \r\n\n" +
                                std::string("\0\xff\n", 3) + noise + "\n" +
                                noise + "\nend\n");
  EXPECT_THAT(Files(".part"), IsEmpty());
}

TEST_F(RecorderTest, NamesAFileByTheTimeOfItsFirstMessage) {
  Start(R"(, "prefix": "rrc00.v1")");
  Handle("a", 61.5);
  Handle("b", 70);
  EXPECT_THAT(
      Files(),
      ElementsAre("rrc00.v1-20261121T040101.500000000Z.jsonl.zst.idx",
                  "rrc00.v1-20261121T040101.500000000Z.jsonl.zst.part"));
  End();
  EXPECT_THAT(Files(),
              ElementsAre("rrc00.v1-20261121T040101.500000000Z.jsonl.zst",
                          "rrc00.v1-20261121T040101.500000000Z.jsonl.zst.idx"));
}

TEST_F(RecorderTest, TellsOfEachFileThatIsFinished) {
  Start();
  Handle("four", 1);
  Handle("six six", 2.25);
  EXPECT_THAT(host_.emitted(), IsEmpty());
  End();
  const auto events = Events("recorder.file");
  ASSERT_THAT(events, SizeIs(1));
  const std::string name = Files(".zst").at(0);
  EXPECT_EQ(events[0].subject, name);
  const auto size = std::filesystem::file_size(folder_ + '/' + name);
  EXPECT_EQ(events[0].json,
            R"({"path":")" + folder_ + '/' + name +
                R"(","messages":2,"bytes":13,"packed_bytes":)" +
                std::to_string(size) +
                R"(,"first_time":"2026-11-21T04:00:01.000000000Z",)"
                R"("last_time":"2026-11-21T04:00:02.250000000Z"})");
}

TEST_F(RecorderTest, LeavesNothingIfNothingCame) {
  Start();
  End();
  EXPECT_THAT(Files(), IsEmpty());
  EXPECT_THAT(host_.emitted(), IsEmpty());
}

TEST_F(RecorderTest, BeginsANewFileWhenTheOldOneIsFull) {
  Start(R"(, "max_bytes": 10)");
  Handle("1234");
  Handle("5678");  // 10 bytes with both line ends.
  Handle("9");     // The third file is from here, at the same time.
  Handle("longer than ten bytes");
  Handle("end");
  End();
  std::vector<std::string> texts;
  for (const std::string& name : Files(".zst")) {
    texts.push_back(Unpack(ReadFile(folder_ + '/' + name)));
  }
  EXPECT_THAT(texts, ElementsAre("1234\n5678\n", "9\n",
                                 "longer than ten bytes\n", "end\n"));
}

TEST_F(RecorderTest, BeginsANewFileWhenTheOldOneIsOld) {
  Start(R"(, "max_seconds": 60)");
  Handle("a", 0);
  Handle("b", 59.9);
  Handle("c", 60);
  Handle("d", 119.9);
  EXPECT_THAT(Files(".zst"), SizeIs(1));
  End();
  EXPECT_THAT(Files(".zst"),
              ElementsAre("ris-20261121T040000.000000000Z.jsonl.zst",
                          "ris-20261121T040100.000000000Z.jsonl.zst"));
  EXPECT_EQ(Recorded(), "a\nb\nc\nd\n");
}

TEST_F(RecorderTest, KeepsSoManyFilesAndTouchesNoOthers) {
  const std::vector<std::string> others = {
      "ris-20261121T035959.000000000Z.jsonl.zst.bak",
      "ris-20261121T035959Z.jsonl.zst",
      "ris-x-20261121T035959.000000000Z.jsonl.zst", "a.zst"};
  for (const std::string& name : others) WriteFile(folder_ + '/' + name, "x");
  Start(R"(, "max_seconds": 1, "keep": 2)");
  for (int i = 0; i < 5; ++i) Handle("a", i);
  End();
  for (const std::string& name : others) {
    EXPECT_TRUE(std::filesystem::remove(folder_ + '/' + name)) << name;
  }
  EXPECT_THAT(Files(),
              ElementsAre("ris-20261121T040003.000000000Z.jsonl.zst",
                          "ris-20261121T040003.000000000Z.jsonl.zst.idx",
                          "ris-20261121T040004.000000000Z.jsonl.zst",
                          "ris-20261121T040004.000000000Z.jsonl.zst.idx"));
}

TEST_F(RecorderTest, CanBeReadFromEachPlaceInTheIndex) {
  Start(R"(, "flush_seconds": 60)");
  Handle("a", 0);
  Handle("bb", 59);
  Handle("ccc", 60);  // The first two go out.
  Handle("dddd", 121);
  End();
  const std::string name = folder_ + '/' + Files(".zst").at(0);
  const std::string packed = ReadFile(name);
  std::istringstream index(ReadFile(name + ".idx"));
  std::vector<std::string> from;
  std::vector<int64_t> times;
  int64_t time = 0;
  size_t offset = 0;
  size_t packed_offset = 0;
  while (index >> time >> offset >> packed_offset) {
    times.push_back(time - kBegin);
    from.push_back(Unpack(packed.substr(packed_offset)));
    EXPECT_EQ(from.back(), Unpack(packed).substr(offset));
  }
  EXPECT_THAT(times, ElementsAre(0, 60 * kSecond, 121 * kSecond));
  EXPECT_THAT(from, ElementsAre("a\nbb\nccc\ndddd\n", "ccc\ndddd\n", "dddd\n"));
}

TEST_F(RecorderTest, WritesEachMessageAtOnceIfToldTo) {
  Start(R"(, "flush_seconds": 0)");
  Handle("a");
  EXPECT_EQ(Unpack(ReadFile(folder_ + '/' + Files(".part").at(0))), "a\n");
  Handle("b");
  EXPECT_EQ(Unpack(ReadFile(folder_ + '/' + Files(".part").at(0))), "a\nb\n");
}

TEST_F(RecorderTest, WritesInTimeThoughNoFurtherMessageComes) {
  Start(R"(, "flush_seconds": 1)");
  Handle("a");
  const std::string part = folder_ + '/' + Files(".part").at(0);
  // Ends by the test's timeout if the thread does not write.
  while (Unpack(ReadFile(part)) != "a\n") std::this_thread::yield();
  Handle("b");
  End();
  EXPECT_EQ(Recorded(), "a\nb\n");
}

TEST_F(RecorderTest, FinishesWhatAKilledProcessLeft) {
  Start(R"(, "flush_seconds": 0)");
  Handle("a", 0);
  Handle("b", 1);
  const std::string part = folder_ + '/' + Files(".part").at(0);
  const std::string packed = ReadFile(part);
  const std::string index = ReadFile(folder_ + '/' + Files(".idx").at(0));
  End();
  std::filesystem::remove_all(folder_);
  std::filesystem::create_directory(folder_);

  // As if it had died in the middle of the second frame, and of the first.
  const std::string one = folder_ + "/ris-20261121T040000.000000000Z.jsonl.zst";
  const std::string two = folder_ + "/ris-20261121T050000.000000000Z.jsonl.zst";
  for (const auto& [path, size] :
       {std::pair(one, packed.size() - 1), {two, size_t{5}}}) {
    WriteFile(path + ".part", packed.substr(0, size));
    WriteFile(path + ".idx", index);
  }
  Start();
  EXPECT_THAT(Files(),
              ElementsAre("ris-20261121T040000.000000000Z.jsonl.zst",
                          "ris-20261121T040000.000000000Z.jsonl.zst.idx"));
  EXPECT_EQ(Recorded(), "a\n");
  EXPECT_EQ(ReadFile(one + ".idx"), index.substr(0, index.find('\n') + 1));
  const auto events = Events("recorder.file");
  ASSERT_FALSE(events.empty());
  EXPECT_EQ(events.back().json,
            R"({"path":")" + one + R"(","bytes":2,"recovered":true})");
}

TEST_F(RecorderTest, LeavesTheFileOfALivingOneAlone) {
  Start();
  Handle("a");
  {
    PluginInstance other(kPath, host_.table(), Config(""));
    ASSERT_EQ(other.status(), WEIR_OK) << other.error();
    EXPECT_THAT(Files(".part"), SizeIs(1));
  }
  Handle("b");
  End();
  EXPECT_EQ(Recorded(), "a\nb\n");
}

TEST_F(RecorderTest, CountsWhatItLosesOnAFullDiskAndTellsWhenItWritesAgain) {
  Start(R"(, "flush_seconds": 10)");
  Handle("kept", 0);
  Handle(Noise(100'000), 10);  // Sends off "kept", and waits itself.
  {
    const SmallDisk disk(50'000);
    // The block, 100,001 bytes, finds no room; nor has this one a file.
    EXPECT_EQ(Handle("lost", 20), WEIR_ERR);
    EXPECT_EQ(Handle("lost", 25), WEIR_ERR);
    const auto errors = Events("recorder.error");
    ASSERT_THAT(errors, SizeIs(1));
    EXPECT_EQ(errors[0].severity, WEIR_SEVERITY_ERROR);
    EXPECT_THAT(errors[0].json,
                AllOf(HasSubstr("File too large"),
                      HasSubstr(R"("lost_messages":1,"lost_bytes":100001)")));
    EXPECT_THAT(host_.logged().back(), HasSubstr("File too large"));
    // What was written before the failure is a finished file.
    EXPECT_EQ(Recorded(), "kept\n");
    // It tries again, in vain, after the flush interval, with a new file.
    EXPECT_EQ(Handle(Noise(100'000), 31), WEIR_OK);
    EXPECT_EQ(Handle("lost", 41), WEIR_ERR);
    EXPECT_THAT(Events("recorder.error"), SizeIs(2));
    EXPECT_THAT(Events("recorder.gap"), IsEmpty());
  }
  EXPECT_EQ(Handle("again", 52), WEIR_OK);
  EXPECT_THAT(Events("recorder.gap"), IsEmpty());  // Not written yet.
  EXPECT_EQ(Handle("and on", 62), WEIR_OK);
  const auto gaps = Events("recorder.gap");
  ASSERT_THAT(gaps, SizeIs(1));
  EXPECT_EQ(gaps[0].json, R"({"messages":5,"bytes":200017,)"
                          R"("first_time":"2026-11-21T04:00:10.000000000Z",)"
                          R"("last_time":"2026-11-21T04:00:41.000000000Z",)"
                          R"("recovered":true})");
  End();
  EXPECT_EQ(Recorded(), "kept\nagain\nand on\n");
  EXPECT_THAT(Files(".part"), IsEmpty());
  EXPECT_THAT(Events("recorder.gap"), SizeIs(1));
}

TEST_F(RecorderTest, TriesANewFileEveryFlushIntervalWhileTheDirectoryIsGone) {
  std::filesystem::remove(folder_);
  std::filesystem::create_directory(folder_);
  Start(R"(, "flush_seconds": 5)");
  std::filesystem::remove(folder_);
  EXPECT_EQ(Handle("a", 0), WEIR_ERR);
  EXPECT_EQ(Handle("b", 4.9), WEIR_ERR);
  EXPECT_THAT(Events("recorder.error"), SizeIs(1));
  EXPECT_THAT(Events("recorder.error")[0].json,
              HasSubstr("No such file or directory"));
  EXPECT_EQ(Handle("c", 5), WEIR_ERR);
  EXPECT_THAT(Events("recorder.error"), SizeIs(2));
  // A clock that is set back does not stop it for longer.
  std::filesystem::create_directory(folder_);
  EXPECT_EQ(Handle("d", -3600), WEIR_OK);
  End();
  EXPECT_EQ(Recorded(), "d\n");
  EXPECT_THAT(Events("recorder.gap")[0].json, HasSubstr(R"("messages":3,)"));
}

TEST_F(RecorderTest, TellsWhatIsLostAtTheEndToo) {
  Start();
  std::filesystem::remove(folder_);
  EXPECT_EQ(Handle("a"), WEIR_ERR);
  End();
  ASSERT_THAT(Events("recorder.gap"), SizeIs(1));
  EXPECT_THAT(Events("recorder.gap")[0].json,
              AllOf(HasSubstr(R"("messages":1,)"), EndsWith("false}")));
}

TEST_F(RecorderTest, NamesEveryFaultOfItsSettings) {
  WriteFile(folder_ + "/file", "");
  struct Case {
    const char* why;
    std::string config;
    std::string want;
  };
  for (const Case& c : std::vector<Case>{
           {"no directory", "{}", "directory: required"},
           {"relative", R"({"directory": "r"})", "must be an absolute path"},
           {"not there", R"({"directory": "/no/such"})",
            R"(directory: "/no/such"; no such directory)"},
           {"a file", R"({"directory": ")" + folder_ + R"(/file"})",
            "no such directory"},
           {"a prefix out of the directory", Config(R"(, "prefix": "../x")"),
            R"(prefix: "../x"; must be letters)"},
           {"no prefix", Config(R"(, "prefix": "")"), "prefix: \"\""},
           {"level", Config(R"(, "level": 20)"), "level: 20"},
           {"keep", Config(R"(, "keep": -1)"), "keep: -1"},
           {"seconds", Config(R"(, "max_seconds": 0)"), "max_seconds: 0"},
           {"bytes", Config(R"(, "max_bytes": 0)"), "max_bytes: 0"},
           {"flush", Config(R"(, "flush_seconds": 3601)"), "flush_seconds"},
           {"unknown", Config(R"(, "path": "x")"), "path: no such setting"},
       }) {
    const PluginInstance refused(kPath, host_.table(), c.config);
    EXPECT_NE(refused.status(), WEIR_OK) << c.why;
    EXPECT_THAT(refused.error(), HasSubstr(c.want)) << c.why;
  }
}

}  // namespace
}  // namespace weir
