#include <openssl/evp.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "plugins/steward_copy/copy_ends.h"
#include "plugins/steward_copy/copy_message.h"
#include "tests/support/plugin_instance.h"
#include "tests/support/short_temp_dir.h"
#include "tests/support/steward_message.h"
#include "weir/plugin_abi.h"
#include "weir/testing.h"

namespace weir {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using Json = nlohmann::json;

constexpr char kPath[] = "plugins/steward_copy/steward_copy.so";
constexpr char kUuid[] = "0d9c2f3a-1111-4222-8333-444455556666";
constexpr int64_t kSecond = 1'000'000'000;

enum Type : uint16_t { kCopySrc, kCopyDst, kSubSrc, kSubDst, kReqSrc };

std::string Unbase64(const std::string& text) {
  std::string bytes(text.size(), '\0');
  const int size =
      EVP_DecodeBlock(reinterpret_cast<unsigned char*>(bytes.data()),
                      reinterpret_cast<const unsigned char*>(text.data()),
                      static_cast<int>(text.size()));
  bytes.resize(size < 0 ? 0 : static_cast<size_t>(size));
  for (size_t i = text.size(); i > 0 && text[i - 1] == '='; --i) {
    bytes.pop_back();
  }
  return bytes;
}

class StewardCopyTest : public testing::Test {
 protected:
  StewardCopyTest() {
    host_.NameTypes(
        {"copySrc", "copyDst", "subCopySrc", "subCopyDst", "REQCopySrc"});
    host_.NameSources({"central"});
    host_.SetTime(1000 * kSecond);
    host_.nodes()["central"] = {
        .name = "me", .profile = "C4", .public_key = "", .processes = {}};
    std::filesystem::create_directory(src_);
    std::filesystem::create_directory(dst_);
    host_.SetDataDirectory(dst_);
    std::ofstream(src_ + "/f") << "hello";
    Start("");
  }

  void Start(const std::string& more) {
    plugin_.reset();
    plugin_.emplace(
        kPath, host_.table(),
        R"({"source_directories": [")" + src_ + R"("])" + more + "}");
    ASSERT_EQ(plugin_->status(), WEIR_OK) << plugin_->error();
  }

  FakeHost::Node& node() { return host_.nodes()["central"]; }

  weir_status Handle(StewardMessage message) {
    return plugin_->Handle(message.view());
  }
  weir_status AskForFile(const std::vector<std::string>& args,
                         Type type = kCopySrc,
                         std::string_view name = "copySrc") {
    return Handle(StewardMessage(type)
                      .Method(name)
                      .From("asker")
                      .To("me")
                      .Id(7)
                      .Args(args)
                      .In("d", "f.log"));
  }
  weir_status Say(Type type, const std::string& method, std::string_view from,
                  const CopyPart& part) {
    return Handle(
        StewardMessage(type).Method(method).From(from).To("me").Id(++id_).Data(
            EncodePart(part)));
  }
  CopyOrder Order() const {
    return {.uuid = kUuid,
            .src_method = std::string("subCopySrc.") + kUuid,
            .dst_method = std::string("subCopyDst.") + kUuid,
            .src_node = "peer",
            .dst_node = "me",
            .src_file_path = "/src/f",
            .dst_dir = dst_ + "/in",
            .dst_file = "g",
            .chunk_bytes = 10,
            .max_seconds = 60,
            .file_mode = 0644,
            .folder_permission = 0755};
  }
  weir_status Offer(const CopyOrder& order, std::string_view from = "peer") {
    return Handle(StewardMessage(kCopyDst)
                      .Method("copyDst")
                      .From(from)
                      .To("me")
                      .Id(1)
                      .Data(EncodeOrder(order)));
  }

  // The messages that were sent since the last call.
  std::vector<Json> Sent() {
    std::vector<Json> sent;
    for (; read_ < node().sent.size(); ++read_) {
      sent.push_back(Json::parse(node().sent[read_]));
    }
    return sent;
  }
  // The only one, of a part of a copy.
  CopyPart SentPart(std::string_view to, std::string_view method) {
    const std::vector<Json> sent = Sent();
    if (sent.size() != 1) {
      ADD_FAILURE() << sent.size() << " messages were sent";
      return {};
    }
    EXPECT_EQ(sent[0]["toNode"], to);
    EXPECT_EQ(sent[0]["method"], method);
    EXPECT_EQ(sent[0]["replyMethod"], "none");
    EXPECT_EQ(sent[0]["isSubPublishedMsg"], true);
    return DecodePart(Unbase64(sent[0]["data"])).value();
  }
  // "method sender" of each.
  std::vector<std::string> Processes() {
    std::vector<std::string> processes;
    for (const auto& process : node().processes) {
      processes.push_back(process.method + " " + process.only_sender);
    }
    return processes;
  }
  std::vector<std::string> Events() const {
    std::vector<std::string> events;
    for (const auto& event : host_.emitted()) events.push_back(event.kind);
    return events;
  }
  static std::string Read(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }

  const ShortTempDir dir_;
  const std::string src_ = dir_.path() + "/src";
  const std::string dst_ = dir_.path() + "/dst";
  FakeHost host_;
  std::optional<PluginInstance> plugin_;
  size_t read_ = 0;
  int64_t id_ = 100;
};

TEST_F(StewardCopyTest, SendsAFileToWhomItIsToldTo) {
  ASSERT_EQ(AskForFile({src_ + "/f", "peer", "/d/g", "4", "60", "750"}),
            WEIR_OK);
  std::vector<Json> sent = Sent();
  ASSERT_THAT(sent, SizeIs(1));
  EXPECT_EQ(sent[0]["toNode"], "peer");
  EXPECT_EQ(sent[0]["method"], "copyDst");
  const CopyOrder order = DecodeOrder(Unbase64(sent[0]["data"])).value();
  EXPECT_EQ(order.src_node, "me");
  EXPECT_EQ(order.dst_node, "peer");
  EXPECT_EQ(order.dst_dir, "/d");
  EXPECT_EQ(order.dst_file, "g");
  EXPECT_EQ(order.chunk_bytes, 4);
  EXPECT_EQ(order.max_seconds, 60);
  EXPECT_EQ(order.folder_permission, 0750);
  EXPECT_EQ(order.src_method, "subCopySrc." + order.uuid);
  EXPECT_EQ(order.dst_method, "subCopyDst." + order.uuid);
  EXPECT_EQ(order.uuid.size(), 36u);
  EXPECT_THAT(Processes(), ElementsAre(order.src_method + " peer"));
  ASSERT_THAT(host_.replies(), SizeIs(1));
  EXPECT_THAT(host_.replies()[0].data,
              HasSubstr("info: succesfully initiated copy source process"));

  const auto say = [&](int64_t status) {
    EXPECT_EQ(Say(kSubSrc, order.src_method, "peer", {.status = status}),
              WEIR_OK);
  };
  say(CopyPart::kReady);
  CopyPart part = SentPart("peer", order.dst_method);
  EXPECT_EQ(part.data, "hell");
  --id_;
  say(CopyPart::kReady);
  EXPECT_THAT(Sent(), IsEmpty()) << "with the same ID: sent again";
  say(CopyPart::kResendLast);
  part = SentPart("peer", order.dst_method);
  EXPECT_EQ(part.data, "hell");
  EXPECT_EQ(part.number, 2);
  say(CopyPart::kReady);
  EXPECT_EQ(SentPart("peer", order.dst_method).data, "o");
  say(CopyPart::kReady);
  EXPECT_EQ(SentPart("peer", order.dst_method).status, CopyPart::kSrcDone);
  say(CopyPart::kDstDone);
  sent = Sent();
  ASSERT_THAT(sent, SizeIs(1)) << "who asked is told";
  EXPECT_EQ(sent[0]["toNode"], "asker");
  EXPECT_EQ(sent[0]["method"], "fileAppend");
  EXPECT_EQ(sent[0]["isReply"], true);
  EXPECT_EQ(sent[0]["fileName"], "f.log.copyreply");
  EXPECT_EQ(sent[0]["PreviousMessage"]["fileName"], "f.log.copyreply");
  EXPECT_EQ(Unbase64(sent[0]["data"]), "copyDstDone," + src_ + "/f,/d/g");
  EXPECT_THAT(Processes(), IsEmpty());
  EXPECT_THAT(Events(), ElementsAre("steward.copy.done"));
}

TEST_F(StewardCopyTest, HasTheNamesOfStewardToo) {
  ASSERT_EQ(AskForFile({src_ + "/f", "peer", "/d/g"}, kReqSrc, "REQCopySrc"),
            WEIR_OK);
  const std::vector<Json> sent = Sent();
  EXPECT_EQ(sent[0]["method"], "REQCopyDst");
  EXPECT_EQ(sent[0]["replyMethod"], "REQNone");
  EXPECT_EQ(DecodeOrder(Unbase64(sent[0]["data"]))->src_method.substr(0, 14),
            "REQSUBCopySrc.");
}

TEST_F(StewardCopyTest, AnswersWhatItDoesNotSend) {
  const std::vector<std::vector<std::string>> kBad = {
      {},
      {src_ + "/f", "peer"},
      {"/etc/passwd", "peer", "/d/g"},
      {src_ + "/none", "peer", "/d/g"},
      {src_ + "/f", "", "/d/g"},
      {src_ + "/f", "peer", "/d/"},
      {src_ + "/f", "peer", "/d/g", "0"},
      {src_ + "/f", "peer", "/d/g", "500001"},
      {src_ + "/f", "peer", "/d/g", "x"},
      {src_ + "/f", "peer", "/d/g", "9", "3601"},
      {src_ + "/f", "peer", "/d/g", "9", "60", "1777"},
      {src_ + "/f", "peer", "/d/g", "9", "60", "9"}};
  for (size_t i = 0; i < kBad.size(); ++i) {
    EXPECT_EQ(AskForFile(kBad[i]), WEIR_ERR) << i;
    ASSERT_THAT(host_.replies(), SizeIs(i + 1));
    EXPECT_THAT(host_.replies()[i].data, HasSubstr("error: ")) << i;
    EXPECT_EQ(host_.replies()[i].file_suffix, ".copyerror");
  }
  EXPECT_THAT(Sent(), IsEmpty());
  EXPECT_THAT(Processes(), IsEmpty());
  Start(R"(, "max_copies": 1)");
  EXPECT_EQ(AskForFile({src_ + "/f", "peer", "/d/g"}), WEIR_OK);
  EXPECT_EQ(AskForFile({src_ + "/f", "peer", "/d/g"}), WEIR_ERR);
  EXPECT_THAT(host_.replies().back().data, HasSubstr("max_copies"));
}

TEST_F(StewardCopyTest, TakesAFileThatIsOffered) {
  const CopyOrder order = Order();
  ASSERT_EQ(Offer(order), WEIR_OK);
  EXPECT_EQ(SentPart("peer", order.src_method).status, CopyPart::kReady);
  EXPECT_THAT(Processes(), ElementsAre(order.dst_method + " peer"));
  EXPECT_EQ(Offer(order), WEIR_OK) << "it came twice";
  EXPECT_THAT(Sent(), IsEmpty());

  const auto say = [&](const std::string& data, int64_t number,
                       int64_t status) {
    CopyPart part{.status = status, .data = data, .number = number};
    part.hash = CopyHash(data);
    EXPECT_EQ(Say(kSubDst, order.dst_method, "peer", part), WEIR_OK);
  };
  say("hello ", 1, CopyPart::kData);
  EXPECT_EQ(SentPart("peer", order.src_method).status, CopyPart::kReady);
  --id_;
  say("hello ", 1, CopyPart::kData);  // With the same ID: sent again.
  EXPECT_THAT(Sent(), IsEmpty());
  say("you", 2, CopyPart::kData);
  EXPECT_EQ(SentPart("peer", order.src_method).status, CopyPart::kReady);
  say("", 3, CopyPart::kSrcDone);
  EXPECT_EQ(SentPart("peer", order.src_method).status, CopyPart::kDstDone);
  EXPECT_EQ(Read(dst_ + "/in/g"), "hello you");
  EXPECT_THAT(Processes(), IsEmpty());
  EXPECT_THAT(Events(), ElementsAre("steward.copy.done"));
  EXPECT_EQ(host_.metric("received_bytes_total"), std::vector<uint64_t>{9});
  EXPECT_EQ(Offer(order), WEIR_OK) << "an offer that comes late";
  EXPECT_THAT(Sent(), IsEmpty());
  EXPECT_THAT(Processes(), IsEmpty());
}

TEST_F(StewardCopyTest, TakesNothingThatIsNotRight) {
  const auto refused = [this](const CopyOrder& order,
                              std::string_view from = "peer") {
    EXPECT_EQ(Offer(order, from), WEIR_ERR);
    EXPECT_THAT(host_.replies().back().data, HasSubstr("error: "));
  };
  refused(Order(), "another");
  for (const char* uuid : {"", "a.b", "..", "a/b", "*", ">", "a b"}) {
    CopyOrder order = Order();
    order.uuid = uuid;
    order.src_method = std::string("subCopySrc.") + uuid;
    order.dst_method = std::string("subCopyDst.") + uuid;
    refused(order);
  }
  CopyOrder order = Order();
  order.dst_method = "cliCommand";
  refused(order);
  order = Order();
  order.src_method = "cliCommand";
  refused(order);
  order = Order();
  order.dst_node = "other";
  refused(order);
  order = Order();
  order.dst_dir = "/etc";
  refused(order);
  order = Order();
  order.dst_file = "../x";
  refused(order);
  order = Order();
  order.chunk_bytes = 500'001;
  refused(order);
  order = Order();
  order.max_seconds = 0;
  refused(order);
  // What no event could tell of.
  order = Order();
  order.src_file_path = "/" + std::string(65'536, 'x');
  refused(order);
  order = Order();
  order.src_file_path = "/\xff";
  refused(order);
  EXPECT_EQ(
      Handle(
          StewardMessage(kCopyDst).Method("copyDst").From("peer").To("me").Data(
              "x")),
      WEIR_ERR);
  EXPECT_THAT(Sent(), IsEmpty());
  EXPECT_THAT(Processes(), IsEmpty());
}

TEST_F(StewardCopyTest, EndsACopyWhosePeerMisbehaves) {
  const CopyOrder order = Order();
  Offer(order);
  EXPECT_EQ(Say(kSubDst, order.dst_method, "another", {.status = 2}), WEIR_ERR);
  EXPECT_THAT(Processes(), SizeIs(1)) << "it is none of another's business";
  EXPECT_EQ(Handle(StewardMessage(kSubDst)
                       .Method(order.dst_method)
                       .From("peer")
                       .Id(9)
                       .Data("junk")),
            WEIR_ERR);
  EXPECT_THAT(Processes(), IsEmpty());
  EXPECT_THAT(Events(), ElementsAre("steward.copy.failed"));
  EXPECT_EQ(Say(kSubDst, order.dst_method, "peer", {.status = 2}), WEIR_OK)
      << "it has ended";
  EXPECT_TRUE(std::filesystem::is_empty(dst_ + "/in")) << "nothing is left";
}

TEST_F(StewardCopyTest, EndsACopyThatTakesTooLong) {
  Offer(Order());
  AskForFile({src_ + "/f", "peer", "/d/g", "4", "100"});
  host_.SetTime(1059 * kSecond);
  EXPECT_EQ(plugin_->Tick(), WEIR_OK);
  EXPECT_THAT(Processes(), SizeIs(2));
  host_.SetTime(1060 * kSecond);
  plugin_->Tick();
  EXPECT_THAT(Processes(), SizeIs(1));
  Sent();
  host_.SetTime(1100 * kSecond);
  plugin_->Tick();
  EXPECT_THAT(Processes(), IsEmpty());
  const std::vector<Json> sent = Sent();
  ASSERT_THAT(sent, SizeIs(1));
  EXPECT_EQ(sent[0]["fileName"], "f.log.copyerror");
  EXPECT_THAT(Events(),
              ElementsAre("steward.copy.failed", "steward.copy.failed"));
}

TEST_F(StewardCopyTest, EndsACopyWhoseMessagesAreNotTaken) {
  host_.AnswerNodesWith(WEIR_AGAIN, "too much waits");
  EXPECT_EQ(AskForFile({src_ + "/f", "peer", "/d/g"}), WEIR_ERR);
  EXPECT_THAT(host_.replies().back().data, HasSubstr("too much waits"));
  EXPECT_EQ(Offer(Order()), WEIR_ERR);
  EXPECT_THAT(Processes(), IsEmpty());
}

}  // namespace
}  // namespace weir
