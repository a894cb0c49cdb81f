#include "host/decode/steward_decoder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "host/pipeline/message.h"
#include "host/pipeline/message_writer.h"
#include "host/pipeline/name_table.h"
#include "host/pipeline/receipt.h"
#include "host/pipeline/slab_pool.h"
#include "lib/steward/compression.h"
#include "lib/steward/layout.h"
#include "lib/steward/message.h"
#include "lib/steward/message_codec.h"
#include "lib/steward/message_json.h"
#include "lib/steward/payload.h"
#include "lib/steward/profile.h"
#include "lib/steward/subject.h"
#include "tests/lib/steward/vectors.h"
#include "weir/sdk.h"
#include "weir/steward.h"

namespace weir {
namespace {

using steward::Compression;
using steward::Layout;
using steward::Profile;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

constexpr Profile kProfiles[] = {Profile::kS0, Profile::kS1, Profile::kC1,
                                 Profile::kC2, Profile::kC3, Profile::kC4};

std::vector<std::string> Copy(const steward::Strings& strings) {
  std::vector<std::string> copy;
  for (size_t i = 0; i < strings.size(); ++i) copy.emplace_back(strings[i]);
  return copy;
}

class StewardDecoderTest : public testing::Test {
 protected:
  StewardDecoderTest() { InternWellKnownTypes(types_); }

  // Decodes it and, if it is a message, returns what a plugin sees of it, valid
  // until the next call.
  std::optional<steward::View> Decode(absl::string_view subject,
                                      absl::string_view payload) {
    if (writing_) writer_.Finish();
    writer_.Begin(Receipt());
    writing_ = true;
    // Exactly as long as it says, so that a sanitizer sees who reads beyond.
    const std::vector<char> exact(payload.begin(), payload.end());
    if (decoder_ == nullptr) Configure({});
    decoded_ = decoder_->DecodeFrom(
        subject, absl::string_view(exact.data(), exact.size()), writer_);
    std::optional<steward::View> view;
    writer_.ForEach([&](auto& message) {
      type_ = std::string(types_.Name(message.view.type_id));
      payload_ = std::string(message.payload());
      view.emplace(sdk::Message(&message.view));
    });
    EXPECT_EQ(view.has_value(),
              decoded_.verdict == Decoded::Verdict::kMessages);
    return view;
  }

  void Configure(StewardDecoderOptions options) {
    decoder_ = std::make_unique<StewardDecoder>(types_, options);
  }

  ~StewardDecoderTest() override {
    if (writing_) writer_.Finish();
  }

  SlabPool pool_;
  NameTable types_;
  MessageWriter writer_{pool_};
  bool writing_ = false;
  std::unique_ptr<StewardDecoder> decoder_;
  Decoded decoded_;
  std::string type_, payload_;
};

TEST_F(StewardDecoderTest, TakesEveryProfileInEveryCompression) {
  for (const Profile profile : kProfiles) {
    for (const Compression compression :
         {Compression::kNone, Compression::kZstd, Compression::kGzip}) {
      const bool is_ctrl = profile != Profile::kS0 && profile != Profile::kS1;
      const steward::Message hello =
          is_ctrl ? steward::Hello() : steward::InSteward(steward::Hello());
      // S0's data is text.
      steward::Message sent = hello;
      if (profile == Profile::kS0) sent.data = {"Hello from ", "node1\n"};
      const std::string bytes =
          steward::EncodePayload(sent, profile, compression).bytes;
      const auto view =
          Decode(steward::SubjectOf(profile, "central", hello.method), bytes);
      ASSERT_TRUE(view.has_value())
          << steward::ProfileName(profile) << ": " << decoded_.text;
      EXPECT_EQ(type_, is_ctrl ? "hello" : "REQHello");
      EXPECT_EQ(payload_, bytes);
      EXPECT_EQ(std::string(view->profile()),
                steward::LayoutName(steward::LayoutOf(profile)));
      EXPECT_EQ(view->to_node(), "central");
      EXPECT_EQ(view->from_node(), "node1");
      EXPECT_EQ(view->method(), type_);
      EXPECT_EQ(view->id(), 1);
      EXPECT_EQ(view->data(), profile == Profile::kS0 ? "Hello from node1\n"
                                                      : "\x01\x02\xff");
      EXPECT_EQ(view->timeout(), 10);
      EXPECT_EQ(view->directory(), "hello-messages");
      EXPECT_EQ(view->file_name(), "hello.log");
      EXPECT_FALSE(view->is_reply());
      EXPECT_FALSE(view->request().has_value());
      EXPECT_TRUE(view->args().empty());
    }
  }
}

TEST_F(StewardDecoderTest, ShowsAPluginWhatAMessageSays) {
  steward::Message cli = steward::Cli();
  cli.method_args = {"bash", "", "-c", "echo hi"};
  cli.reply_method_args = {"a", "b c"};
  cli.arg_signature = std::string(64, '\x07');
  cli.use_detected_shell = true;
  cli.method_instructions = {"i"};
  const auto view = Decode("", EncodeMessage(cli, Layout::kC4));
  ASSERT_TRUE(view.has_value()) << decoded_.text;
  EXPECT_EQ(type_, "cliCommand");
  EXPECT_THAT(Copy(view->args()), ElementsAre("bash", "", "-c", "echo hi"));
  EXPECT_THAT(Copy(view->reply_args()), ElementsAre("a", "b c"));
  EXPECT_THAT(Copy(view->instructions()), ElementsAre("i"));
  EXPECT_EQ(view->signature(), std::string(64, '\x07'));
  EXPECT_EQ(view->reply_method(), "fileAppend");
  EXPECT_EQ(view->timeout(), -1);
  EXPECT_EQ(view->interval(), 2);
  EXPECT_EQ(view->total_time(), 6);
  EXPECT_TRUE(view->use_shell());
  EXPECT_EQ(view->data(), "");
}

TEST_F(StewardDecoderTest, ShowsAReplyWithWhatItAnswers) {
  for (const Layout layout :
       {Layout::kS1, Layout::kC2, Layout::kC3, Layout::kC4}) {
    const auto view =
        Decode("", EncodeMessage(steward::Reply(steward::Cli()), layout));
    ASSERT_TRUE(view.has_value()) << decoded_.text;
    EXPECT_TRUE(view->is_reply());
    EXPECT_EQ(view->data(), "hi\n");
    const auto request = view->request();
    ASSERT_TRUE(request.has_value());
    EXPECT_EQ(request->id, 42);
    EXPECT_EQ(request->to_node, "node2");
    EXPECT_EQ(request->method, "cliCommand");
    EXPECT_EQ(request->directory, "d");
    EXPECT_EQ(request->file_name, "f.log");
    EXPECT_THAT(Copy(request->args), ElementsAre("bash", "-c", "echo hi"));
  }
}

TEST_F(StewardDecoderTest, TakesWhatTheOriginalProgramsSent) {
  struct Captured {
    const char* subject;
    const char* hex;
    const char* profile;
    const char* method;
    const char* command;
    const char* reply_method;
  };
  for (
      const Captured& c : {
          Captured{
              "central.REQCliCommand.EventACK",
              "28b52ffd0400990500976763656e7472616cf603f66d524551436c69436f6d6d"
              "616e64836462617368622d6378236563686f2068656c6c6f2066726f6d202448"
              "4f53544e414d455f583b2065786974203058404f6ef5d07937e1d0bc511e304d"
              "3d692388764ca27d3d1a74e2a8131801a774770438254f88862b2d463b6cf28b"
              "92be57eec18f2f974cc44814f83157c66e2b096c524551546f436f6e736f6c65"
              "f6f4656e6f6465310300f402040105006264316666312e6c6f67f6f64f80536"
              "3",
              "S1", "REQCliCommand", "echo hello from $HOSTNAME_X; exit 0",
              "REQToConsole"},
          {"central.REQCliCommand.CommandACK",
           "28b52ffd040001030098196763656e7472616cf600f66d524551436c69436f6d6d"
           "616e64836462617368622d636f6563686f2068656c6c6f2d736565646c52455154"
           "6f436f6e736f6c65f6f4656e6f6465310302040105006264316666312e6c6f67f6"
           "60606060606043204176",
           "S0", "REQCliCommand", "echo hello-seed", "REQToConsole"},
          {"central.cliCommand",
           "28b52ffd0400810500981b6763656e7472616cf66004f66a636c69436f6d6d616e"
           "64836462617368622d6378236563686f2068656c6c6f2066726f6d2024484f5354"
           "4e414d455f583b206578697420305840ad10523eeb0a164aff53cc68331c371703"
           "76914a905eba0bbbdf343a5be13be1d166238657c924f5cc1f8c49665ffbd9756a"
           "598f2c21ccbe2f0b40f563878b0467636f6e736f6c65f6f4656e6f6465310300f4"
           "02040105006264316666312e6c6f67f6f6f4f6f6d3d67e15",
           "C4", "cliCommand", "echo hello from $HOSTNAME_X; exit 0",
           "console"},
      }) {
    const auto view = Decode(c.subject, absl::HexStringToBytes(c.hex));
    ASSERT_TRUE(view.has_value()) << c.profile << ": " << decoded_.text;
    EXPECT_EQ(type_, c.method);
    EXPECT_EQ(view->profile(), c.profile);
    EXPECT_THAT(Copy(view->args()), ElementsAre("bash", "-c", c.command));
    EXPECT_EQ(view->reply_method(), c.reply_method);
    EXPECT_EQ(view->signature().size(),
              std::string("S0") == c.profile ? 0 : 64);
  }
}

TEST_F(StewardDecoderTest, TakesTheJsonOfC4) {
  const auto view =
      Decode("node1.console", R"({"toNode":"node1","method":"console",)"
                              R"("data":"aGk=","fromNode":"web"})");
  ASSERT_TRUE(view.has_value()) << decoded_.text;
  EXPECT_EQ(type_, "console");
  EXPECT_EQ(view->data(), "hi");
  EXPECT_EQ(view->profile(), "C4");
}

TEST_F(StewardDecoderTest, GivesAllSubProcessesOfAMethodOneType) {
  const size_t before = types_.size();
  steward::Message data = steward::Hello();
  for (int i = 0; i < 2000; ++i) {
    data.method = absl::StrCat("subCopySrc.", i, ".x");
    const auto view = Decode(absl::StrCat("central.", data.method),
                             EncodeMessage(data, Layout::kC4));
    ASSERT_TRUE(view.has_value()) << decoded_.text;
    EXPECT_EQ(decoded_.unknown_types, 0);
    EXPECT_EQ(type_, "subCopySrc");
    EXPECT_EQ(view->method(), data.method);
  }
  EXPECT_EQ(types_.size(), before + 1);
}

TEST_F(StewardDecoderTest, TakesARelayOfS0ToTwoNames) {
  steward::Message relay;
  relay.to_node = "node3.via1";
  relay.from_node = "node1";
  relay.method = "REQRelay";
  relay.data = {""};
  const auto view =
      Decode("node3.via1.REQRelay.EventACK", EncodeMessage(relay, Layout::kS0));
  ASSERT_TRUE(view.has_value()) << decoded_.text;
  EXPECT_EQ(view->to_node(), "node3.via1");
}

std::string HelloOf(Layout layout) {
  return EncodeMessage(steward::Hello(), layout);
}

std::string HelloWith(std::vector<int64_t> schedule) {
  steward::Message hello = steward::Hello();
  hello.schedule = std::move(schedule);
  return EncodeMessage(hello, Layout::kS1);
}

struct Refused {
  const char* why;
  std::string payload;
  const char* reason;
  const char* text;
  const char* subject = "central.hello";
};

TEST_F(StewardDecoderTest, RefusesWithAReason) {
  const std::string hello = HelloOf(Layout::kS1);
  const std::string packed = Compress(Compression::kZstd, hello);
  std::string damaged = packed;
  damaged[packed.size() / 2] ^= 0x55;
  steward::Message nameless = steward::Hello();
  nameless.method.clear();
  steward::Message headless = steward::Hello();
  headless.method = ".8f1b";
  for (const Refused& row : {
           Refused{"what Go sends by default",
                   absl::HexStringToBytes("1aff81030101074d657373616765"),
                   "gob", "-serialization cbor"},
           {"the same with a long definition",
            absl::HexStringToBytes("fe015cff81030101074d657373616765"), "gob",
            "-serialization cbor"},
           {"garbage", "garbage", "bad_cbor", "neither"},
           {"a lone null", "\xf6", "bad_cbor", "neither"},
           {"a packed null", Compress(Compression::kZstd, "\xf6"), "bad_cbor",
            "null"},
           {"a map", "\xa1\x01\x02", "bad_cbor", "neither"},
           {"an array of another length", "\x98\x1a", "unknown_layout",
            "an array of 26 elements"},
           {"an array of nothing", "\x80", "unknown_layout",
            "an array of 0 elements"},
           {"one that ends early", hello.substr(0, hello.size() - 1),
            "bad_cbor", "byte"},
           {"one with more behind it", hello + '\xf6', "bad_cbor", "byte"},
           {"zstd that is damaged", damaged, "bad_compression", "no zstd"},
           {"zstd that ends early", packed.substr(0, packed.size() - 3),
            "bad_compression", "ends within"},
           {"gzip that is none", "\x1f\x8bxx", "bad_compression", "no gzip"},
           {"what unpacks to too much",
            Compress(Compression::kZstd, std::string(5000, 'x')), "too_long",
            "more than 4096"},
           {"what is too much", "\x97" + std::string(5000, 'x'), "too_long",
            "more than 4096"},
           {"JSON that is broken", "{\"method\"", "bad_json", "JSON"},
           {"JSON of another type", R"({"method":1})", "bad_json", "method"},
           {"no method", EncodeMessage(nameless, Layout::kS1), "no_method",
            "node \"node1\" names no method", "central."},
           {"nothing but an ID", EncodeMessage(headless, Layout::kS1),
            "no_method", "names no method", "central..8f1b"},
           {"a schedule that never waits", HelloWith({0, 0}), "bad_schedule",
            "the schedule [0, 0]"},
           {"a negative one", HelloWith({2, -1}), "bad_schedule", "[2, -1]"},
           {"half a one", HelloWith({2}), "bad_schedule", "[2]"},
           {"another method than the subject's", hello, "wrong_subject",
            "method hello for node \"central\"", "central.cliCommand"},
           {"another node than the subject's", hello, "wrong_subject",
            "method hello for node \"central\"", "node2.hello"},
           {"a node whose name only begins so", hello, "wrong_subject",
            "central", "central2.hello"},
           {"a kind that there is not", hello, "wrong_subject", "central",
            "central.hello.EventNone"},
           {"a kind in a release without kinds", HelloOf(Layout::kC4),
            "wrong_subject", "central", "central.hello.EventACK"},
       }) {
    Configure({.max_bytes = 4096});
    EXPECT_FALSE(Decode(row.subject, row.payload).has_value()) << row.why;
    EXPECT_EQ(decoded_.verdict, Decoded::Verdict::kParseError) << row.why;
    EXPECT_EQ(decoded_.reason, row.reason) << row.why << ": " << decoded_.text;
    EXPECT_THAT(decoded_.text, HasSubstr(row.text)) << row.why;
    EXPECT_THAT(decoded_.text,
                StartsWith(absl::StrCat("subject \"", row.subject, "\": ")));
  }
  EXPECT_FALSE(Decode("central.hello", "").has_value());
  EXPECT_EQ(decoded_.verdict, Decoded::Verdict::kEmpty);
}

TEST_F(StewardDecoderTest, TakesAnySubjectIfToldTo) {
  EXPECT_FALSE(Decode("x", HelloOf(Layout::kS1)).has_value());
  Configure({.any_subject = true});
  EXPECT_TRUE(Decode("x", HelloOf(Layout::kS1)).has_value());
}

TEST_F(StewardDecoderTest, TakesOneProfileAloneIfToldTo) {
  Configure({.layout = Layout::kS1});
  EXPECT_TRUE(Decode("", HelloOf(Layout::kS1)).has_value());
  EXPECT_FALSE(Decode("", HelloOf(Layout::kC4)).has_value());
  EXPECT_EQ(decoded_.reason, "other_profile");
  EXPECT_THAT(decoded_.text, HasSubstr("profile C4, not S1"));
}

TEST_F(StewardDecoderTest, MakesNoRawMessageOfAMethodOfThatName) {
  steward::Message hello = steward::Hello();
  hello.method = "RAW";
  ASSERT_TRUE(Decode("", EncodeMessage(hello, Layout::kS1)).has_value());
  EXPECT_EQ(type_, "OTHER");
  EXPECT_EQ(decoded_.unknown_types, 1u);
}

TEST_F(StewardDecoderTest, LeavesAWriterWholeOnWhateverCutOfAMessage) {
  const std::string whole =
      EncodeMessage(steward::Reply(steward::Cli()), Layout::kC4);
  for (size_t size = 1; size < whole.size(); ++size) {
    EXPECT_FALSE(Decode("", whole.substr(0, size)).has_value()) << size;
  }
  EXPECT_TRUE(Decode("", whole).has_value());
}

TEST(StewardViewTest, IsEmptyOverAMessageWithoutFields) {
  weir_msg message = {};
  message.struct_size = sizeof(message);
  const steward::View view{sdk::Message(&message)};
  EXPECT_THAT(view.from_node(), IsEmpty());
  EXPECT_EQ(view.id(), 0);
  EXPECT_EQ(view.args().size(), 0u);
  EXPECT_FALSE(view.request().has_value());
}

}  // namespace
}  // namespace weir
