// Both ends of a copy: what they say to each other, byte by byte, and what they
// do with what is said to them.
#include "plugins/steward_copy/copy_ends.h"

#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "plugins/steward_copy/copy_files.h"
#include "plugins/steward_copy/copy_message.h"
#include "tests/support/short_temp_dir.h"

namespace weir {
namespace {

using testing::HasSubstr;

std::string Unhex(std::string_view hex) {
  std::string bytes;
  for (size_t i = 0; i + 1 < hex.size(); i += 2) {
    bytes += static_cast<char>(
        std::stoi(std::string(hex.substr(i, 2)), nullptr, 16));
  }
  return bytes;
}

const std::string kReady = Unhex(
    "a46a436f70795374617475730168436f707944617461f66b4368756e6b4e756d626572"
    "00644861736858200000000000000000000000000000000000000000000000000000000000"
    "000000");
const std::string kHi = Unhex(
    "a46a436f70795374617475730268436f7079446174614268696b4368756e6b4e756d62"
    "65720164486173685820"
    "8f434346648f6b96df89dda901c5176b10a6d83961dd3c1ac88b59b2dc327aa4");

CopyPart Data(std::string data, int64_t number,
              int64_t status = CopyPart::kData) {
  CopyPart part{.status = status, .data = data, .number = number};
  part.hash = CopyHash(data);
  return part;
}

TEST(CopyMessageTest, IsThatOfTheOriginals) {
  EXPECT_EQ(EncodePart(TargetCopy::Ready()), kReady);
  EXPECT_EQ(EncodePart(Data("hi", 1)), kHi);
  const std::optional<CopyPart> ready = DecodePart(kReady);
  ASSERT_TRUE(ready.has_value());
  EXPECT_EQ(ready->status, CopyPart::kReady);
  EXPECT_FALSE(ready->data.has_value());
  const std::optional<CopyPart> hi = DecodePart(kHi);
  ASSERT_TRUE(hi.has_value());
  EXPECT_EQ(hi->status, CopyPart::kData);
  EXPECT_EQ(hi->data, "hi");
  EXPECT_EQ(hi->number, 1);
  EXPECT_EQ(hi->hash, CopyHash("hi"));
}

TEST(CopyMessageTest, CarriesAnOrder) {
  const CopyOrder order = {.uuid = "u",
                           .src_method = "subCopySrc.u",
                           .dst_method = "subCopyDst.u",
                           .src_node = "a",
                           .dst_node = "b",
                           .src_file_path = "/s",
                           .dst_dir = "/d",
                           .dst_file = "f",
                           .chunk_bytes = 100000,
                           .max_seconds = 30,
                           .file_mode = 0644,
                           .folder_permission = 0755};
  const std::string cbor = EncodeOrder(order);
  EXPECT_EQ(cbor.substr(0, 8), Unhex("ac64555549446175"))
      << "UUID is the first";
  const std::optional<CopyOrder> read = DecodeOrder(cbor);
  ASSERT_TRUE(read.has_value());
  EXPECT_EQ(EncodeOrder(*read), cbor);
  EXPECT_EQ(read->dst_method, "subCopyDst.u");
  EXPECT_EQ(read->folder_permission, 0755);
}

TEST(CopyMessageTest, IsReadWholeOrNotAtAll) {
  for (size_t size = 0; size < kHi.size(); ++size) {
    EXPECT_FALSE(DecodePart(kHi.substr(0, size)).has_value()) << size;
  }
  EXPECT_FALSE(DecodePart(kHi + "x").has_value());
  EXPECT_TRUE(DecodePart(Unhex("a0")).has_value()) << "all is empty";
  EXPECT_TRUE(DecodePart(Unhex("a1616107")).has_value()) << "another field";
  EXPECT_TRUE(DecodePart(Unhex("a1616169c3a4e282acf09f9880")).has_value());
  for (const char* bad :
       {"80", "f6", "07", "bf6161f6ff", "a26161076161f6", "a1616181f6",
        "a16161a0", "a10707", "a16161c107", "a16161f5",
        "a16161fb3ff0000000000000", "a16161", "a1616100ff",
        "bb00000000ffffffff6161f6", "9b00000000ffffffff", "5b00000000ffffffff",
        "a161615b7fffffffffffffff", "a161611bffffffffffffffff", "a1616161",
        "a161615f4101ff",
        // No UTF-8: a lone byte, one too few, a surrogate, longer than needed.
        "a1616161ff", "a1616161c3", "a1616163eda080", "a1616162c0af",
        "a1616164f4908080",
        // CopyStatus of another type; a hash of another length.
        "a16a436f707953746174757361", "a16a436f70795374617475736161",
        "a164486173684101"}) {
    EXPECT_FALSE(DecodePart(Unhex(bad)).has_value()) << bad;
  }
}

class CopyEndsTest : public testing::Test {
 protected:
  CopyEndsTest() {
    std::filesystem::create_directories(src_ + "/in");
    std::filesystem::create_directories(dst_);
  }

  static std::string Read(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  std::string Write(const std::string& name, const std::string& text) {
    std::ofstream(src_ + "/" + name, std::ios::binary) << text;
    return src_ + "/" + name;
  }

  std::unique_ptr<SourceFile> Open(std::string_view path,
                                   uint64_t max_bytes = 1'000'000) {
    why_.clear();
    return SourceFile::Open(path, {"/nowhere", src_ + "/"}, max_bytes, &why_);
  }
  std::unique_ptr<TargetFile> Create(std::string_view directory,
                                     std::string_view name,
                                     uint64_t max_bytes = 1'000'000,
                                     mode_t folder_mode = 0755) {
    why_.clear();
    return TargetFile::Create(
        dst_,
        {.directory = directory, .name = name, .folder_mode = folder_mode},
        "u-1", max_bytes, &why_);
  }
  TargetCopy Target(size_t chunk_bytes = 10) {
    return TargetCopy(Create("", "f"), 0640, chunk_bytes);
  }
  size_t Files() const {
    size_t n = 0;
    for (const auto& entry :
         std::filesystem::recursive_directory_iterator(dst_)) {
      n += entry.is_directory() ? 0 : 1;
    }
    return n;
  }

  const ShortTempDir dir_;
  const std::string src_ = dir_.path() + "/src";
  const std::string dst_ = dir_.path() + "/dst";
  std::string why_;
};

TEST_F(CopyEndsTest, CopyAFileOfAnyLength) {
  for (const size_t length : {0, 1, 9, 10, 11, 20, 1234}) {
    std::string text;
    for (size_t i = 0; i < length; ++i) text += static_cast<char>(i * 7);
    const std::string path = Write("in/f", text);
    chmod(path.c_str(), 0751);
    auto file = Open(path);
    ASSERT_NE(file, nullptr) << why_;
    auto target = Create(dst_ + "/a/b", "g");
    ASSERT_NE(target, nullptr) << why_;
    TargetCopy to(std::move(target), file->mode(), 10);
    SourceCopy from(std::move(file), 10);
    CopyPart said = TargetCopy::Ready();
    bool done = false;
    while (!done) {
      const CopyStep asked = from.Take(*DecodePart(EncodePart(said)));
      ASSERT_EQ(asked.fault, "");
      done = asked.done;
      if (done) break;
      const CopyStep answer = to.Take(*DecodePart(EncodePart(*asked.part)));
      ASSERT_EQ(answer.fault, "");
      ASSERT_TRUE(answer.part.has_value());
      EXPECT_EQ(answer.done, answer.part->status == CopyPart::kDstDone);
      said = *answer.part;
    }
    EXPECT_EQ(Read(dst_ + "/a/b/g"), text) << length;
    struct stat info = {};
    stat((dst_ + "/a/b/g").c_str(), &info);
    EXPECT_EQ(info.st_mode & 07777, 0751u);
    EXPECT_EQ(Files(), 1u) << "nothing else is left";
  }
}

TEST_F(CopyEndsTest, SendAChunkAgainThatWasAnother) {
  SourceCopy from(Open(Write("f", "hello")), 10);
  EXPECT_EQ(from.Take(TargetCopy::Ready()).part->data, "hello");
  const CopyStep again = from.Take({.status = CopyPart::kResendLast});
  EXPECT_EQ(again.part->data, "hello");
  EXPECT_EQ(again.part->number, 2);

  TargetCopy to = Target();
  CopyPart other = Data("hello", 1);
  other.data = "jello";
  EXPECT_EQ(to.Take(other).part->status, CopyPart::kResendLast);
  EXPECT_EQ(to.bytes(), 0u);
  EXPECT_EQ(to.Take(*again.part).part->status, CopyPart::kReady);
  EXPECT_EQ(to.bytes(), 5u);
}

TEST_F(CopyEndsTest, GiveUpAfterSomeTimes) {
  SourceCopy from(Open(Write("f", "hello")), 10);
  from.Take(TargetCopy::Ready());
  for (int i = 0; i < kMaxCopyResends; ++i) {
    EXPECT_EQ(from.Take({.status = CopyPart::kResendLast}).fault, "");
  }
  EXPECT_THAT(from.Take({.status = CopyPart::kResendLast}).fault,
              HasSubstr("5 times"));

  TargetCopy to = Target();
  CopyPart bad = Data("hello", 0);
  bad.data = "jello";
  for (int i = 0; i < kMaxCopyResends; ++i) {
    ++bad.number;
    EXPECT_EQ(to.Take(bad).fault, "");
  }
  ++bad.number;
  EXPECT_THAT(to.Take(bad).fault, HasSubstr("5 times"));
}

TEST_F(CopyEndsTest, TakeWhatComesTwiceOnce) {
  TargetCopy to = Target();
  to.Take(Data("a", 1));
  const CopyStep twice = to.Take(Data("a", 1));
  EXPECT_FALSE(twice.part.has_value());
  EXPECT_EQ(twice.fault, "");
  EXPECT_EQ(to.bytes(), 1u);
  EXPECT_THAT(to.Take(Data("c", 3)).fault, HasSubstr("after chunk 1 came 3"));
}

TEST_F(CopyEndsTest, RefuseWhatThePeerMayNotSay) {
  for (const int64_t status : {0, 1, 4, 5, 6, -1}) {
    TargetCopy to = Target();
    EXPECT_NE(to.Take(Data("a", 1, status)).fault, "") << status;
  }
  for (const int64_t status : {0, 2, 3, 6, -1}) {
    SourceCopy from(Open(Write("f", "x")), 10);
    EXPECT_NE(from.Take({.status = status}).fault, "") << status;
  }
  TargetCopy to = Target();
  EXPECT_NE(to.Take(Data("12345678901", 1)).fault, "") << "longer than said";
  SourceCopy from(Open(Write("f", "x")), 10);
  EXPECT_NE(from.Take({.status = CopyPart::kResendLast}).fault, "");
  EXPECT_NE(from.Take({.status = CopyPart::kDstDone}).fault, "");
  from.Take(TargetCopy::Ready());
  EXPECT_EQ(from.Take(TargetCopy::Ready()).part->status, CopyPart::kSrcDone);
  EXPECT_NE(from.Take(TargetCopy::Ready()).fault, "");
}

TEST_F(CopyEndsTest, ReadNothingBesideTheFolders) {
  Write("f", "x");
  std::ofstream(dir_.path() + "/secret") << "x";
  ASSERT_EQ(
      symlink((dir_.path() + "/secret").c_str(), (src_ + "/link").c_str()), 0);
  ASSERT_EQ(symlink(dir_.path().c_str(), (src_ + "/out").c_str()), 0);
  ASSERT_EQ(mkfifo((src_ + "/pipe").c_str(), 0600), 0);
  EXPECT_NE(Open(src_ + "/f"), nullptr) << why_;
  EXPECT_NE(Open(src_ + "//f"), nullptr) << why_;
  for (const std::string& path :
       {std::string(), std::string("f"), src_, src_ + "/", src_ + "/in",
        src_ + "/none", src_ + "/../secret", src_ + "/in/../../secret",
        dir_.path() + "/secret", src_ + "/link", src_ + "/out/secret",
        src_ + "/pipe", src_ + "x/f", std::string("/etc/passwd"), src_ + "/./f",
        src_ + std::string("/f\0", 3)}) {
    EXPECT_EQ(Open(path), nullptr) << path;
    EXPECT_NE(why_, "") << path;
  }
  EXPECT_EQ(Open(Write("g", "12345"), 4), nullptr);
  EXPECT_THAT(why_, HasSubstr("5 bytes are more than max_file_bytes"));
}

TEST_F(CopyEndsTest, ReadNoMoreOfAFileThatGrowsThanMayBeSent) {
  const std::string path = Write("log", "1234");
  SourceCopy from(Open(path, 6), 4);
  EXPECT_EQ(from.Take(TargetCopy::Ready()).part->data, "1234");
  std::ofstream(path, std::ios::app) << "56";
  EXPECT_EQ(from.Take(TargetCopy::Ready()).part->data, "56");
  std::ofstream(path, std::ios::app) << "7";
  EXPECT_THAT(from.Take(TargetCopy::Ready()).fault, HasSubstr("reading: "));
}

TEST_F(CopyEndsTest, WriteNothingBesideTheFolder) {
  std::filesystem::create_directories(dir_.path() + "/outside");
  std::filesystem::create_directories(dst_ + "/folder");
  ASSERT_EQ(
      symlink((dir_.path() + "/outside").c_str(), (dst_ + "/link").c_str()), 0);
  const std::pair<std::string, std::string> kPlaces[] = {
      {"/", "f"},
      {dir_.path() + "/outside", "f"},
      {"..", "f"},
      {"a/../../outside", "f"},
      {dst_ + "/..", "f"},
      {dst_ + "x", "f"},
      {"link", "f"},
      {dst_ + "/link", "f"},
      {"", ""},
      {"", ".."},
      {"", "a/b"},
      {"", "folder"},
      {"", "link"},
      {"", std::string("a\n")},
      {"a/b/c/d/e/f/g/h/i/j/k/l/m/n/o/p/q", "f"}};
  for (const auto& [directory, name] : kPlaces) {
    EXPECT_EQ(Create(directory, name), nullptr) << directory << " " << name;
    EXPECT_NE(why_, "") << directory << " " << name;
  }
  EXPECT_TRUE(std::filesystem::is_empty(dir_.path() + "/outside"));
  EXPECT_EQ(
      TargetFile::Create("", {.directory = "", .name = "f"}, "u", 1, &why_),
      nullptr);
}

TEST_F(CopyEndsTest, LeaveWhatIsThereUntilAllHasCome) {
  std::ofstream(dst_ + "/f") << "old";
  {
    TargetCopy to = Target();
    EXPECT_EQ(Create("", "f"), nullptr) << "one copy of a word at a time";
    to.Take(Data("new", 1));
    EXPECT_EQ(Read(dst_ + "/f"), "old");
  }
  EXPECT_EQ(Read(dst_ + "/f"), "old");
  EXPECT_EQ(Files(), 1u) << "what was not finished is gone";
  TargetCopy to(Create("", "f", 5), 06777, 10);
  to.Take(Data("1234", 1));
  EXPECT_THAT(to.Take(Data("56", 2)).fault, HasSubstr("max_file_bytes"));
  TargetCopy whole(
      TargetFile::Create(dst_, {.directory = "", .name = "f"}, "u2", 10, &why_),
      06777, 10);
  whole.Take(Data("new", 1));
  EXPECT_TRUE(whole.Take(Data("", 2, CopyPart::kSrcDone)).done);
  EXPECT_EQ(Read(dst_ + "/f"), "new");
  struct stat info = {};
  stat((dst_ + "/f").c_str(), &info);
  EXPECT_EQ(info.st_mode & 07777, 0777u) << "nobody sets another's user";
}

}  // namespace
}  // namespace weir
