#include <sys/stat.h>

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/http_test_server.h"
#include "tests/support/plugin_instance.h"
#include "tests/support/short_temp_dir.h"
#include "tests/support/steward_message.h"
#include "weir/plugin_abi.h"
#include "weir/testing.h"

namespace weir {
namespace {

using testing::AllOf;
using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;
using testing::StartsWith;

constexpr char kPath[] = "plugins/steward_fetch/steward_fetch.so";

enum Type : uint16_t { kGet, kStewardGet, kTail, kStewardTail };

HttpReply Redirect(const std::string& to) {
  return StatusReply("302 Found", "Location: " + to + "\r\n");
}

class StewardFetchTest : public testing::Test {
 protected:
  StewardFetchTest() {
    host_.NameTypes({"httpGet", "REQHttpGet", "tailFile", "REQTailFile"});
  }

  void Start(const std::string& settings) {
    plugin_.reset();
    plugin_.emplace(kPath, host_.table(),
                    "{\"enabled\": true, " + settings + "}");
    ASSERT_EQ(plugin_->status(), WEIR_OK) << plugin_->error();
  }
  // Serves `script`, and allows what is below /stream/ there.
  void Serve(std::vector<HttpReply> script, const std::string& more = "") {
    server_.emplace(std::move(script));
    Start("\"urls\": [\"" + server_->url() + "\"]" + more);
  }

  weir_status Ask(Type type, const std::vector<std::string>& args,
                  int64_t timeout = -1, std::string_view profile = "S1") {
    return plugin_->Handle(StewardMessage(type)
                               .Profile(profile)
                               .From("node1")
                               .To("node2")
                               .Args(args)
                               .Timeout(timeout)
                               .view());
  }
  weir_status Get(const std::string& url, int64_t timeout = -1) {
    return Ask(kGet, {url}, timeout);
  }

  // The answers with and without the suffix of an error.
  std::vector<std::string> Answers(bool of_errors = false) const {
    std::vector<std::string> answers;
    for (const FakeHost::Reply& reply : host_.replies()) {
      if ((reply.file_suffix == ".error") == of_errors) {
        answers.push_back(reply.data);
      }
    }
    return answers;
  }
  std::vector<std::string> Errors() const { return Answers(true); }

  std::string File(const std::string& name, const std::string& text = "old\n") {
    const std::string path = temp_.path() + "/" + name;
    std::filesystem::create_directories(
        std::filesystem::path(path).parent_path());
    std::ofstream(path) << text;
    return path;
  }

  const ShortTempDir temp_;
  FakeHost host_;
  std::optional<HttpTestServer> server_;
  std::optional<PluginInstance> plugin_;
};

TEST_F(StewardFetchTest, WantsNothingUnlessItIsEnabledAndAllowed) {
  const auto wanted = [this](const std::string& config) {
    plugin_.reset();
    plugin_.emplace(kPath, host_.table(), config);
    EXPECT_EQ(plugin_->status(), WEIR_OK) << plugin_->error();
    std::vector<std::string> types;
    for (const char* const type : {"httpGet", "REQHttpGet", "tailFile",
                                   "REQTailFile", "REQHttpGetScheduled"}) {
      if (plugin_->Wants(type)) types.emplace_back(type);
    }
    return types;
  };
  EXPECT_THAT(wanted("{}"), IsEmpty());
  EXPECT_THAT(wanted(R"({"urls": ["http://a/"], "files": ["/a"]})"), IsEmpty());
  EXPECT_THAT(wanted(R"({"enabled": true, "urls": ["http://a/"]})"),
              ElementsAre("httpGet", "REQHttpGet"));
  EXPECT_THAT(wanted(R"({"enabled": true, "files": ["/a"]})"),
              ElementsAre("tailFile", "REQTailFile"));
}

TEST_F(StewardFetchTest, NamesAllFaultsOfItsSettings) {
  plugin_.emplace(kPath, host_.table(), R"({
      "enabled": true, "urls": ["ftp://a/", "a/b", "http://u:p@a/"],
      "files": ["log", "/a/../b"], "max_seconds": 0, "shell": true})");
  EXPECT_NE(plugin_->status(), WEIR_OK);
  EXPECT_THAT(plugin_->error(),
              AllOf(HasSubstr("\"ftp://a/\"; begins neither"),
                    HasSubstr("\"a/b\"; is no URL"),
                    HasSubstr("\"http://u:p@a/\"; has a name"),
                    HasSubstr("\"log\"; is no absolute path"),
                    HasSubstr("\"/a/../b\"; has \"//\""),
                    HasSubstr("max_seconds"), HasSubstr("shell")));
  plugin_.reset();
  plugin_.emplace(kPath, host_.table(), R"({"enabled": true})");
  EXPECT_THAT(plugin_->error(), HasSubstr("name what other nodes may have"));
}

TEST_F(StewardFetchTest, AnswersWithTheBody) {
  Serve({ChunkedReply({"one ", "two"}), ChunkedReply({})});
  EXPECT_EQ(Get(server_->url() + "a?b=c"), WEIR_OK);
  EXPECT_EQ(Ask(kStewardGet, {server_->url()}, 30, "S0"), WEIR_OK);
  EXPECT_THAT(Answers(), ElementsAre("one two", ""));
  EXPECT_THAT(Errors(), IsEmpty());
  EXPECT_THAT(server_->requests()[0],
              AllOf(StartsWith("GET /stream/a?b=c HTTP/1.1\r\n"),
                    Not(HasSubstr("Authorization"))));
  EXPECT_EQ(host_.metric("fetched_total"), std::vector<uint64_t>{2});
}

TEST_F(StewardFetchTest, FetchesNothingThatIsNotAllowed) {
  Serve({ChunkedReply({"secret"})});
  const std::string at = server_->host();
  const std::string port = at.substr(at.find(':') + 1);
  const std::vector<std::string> kOthers[] = {
      {},
      {""},
      {"http://" + at},
      {"http://" + at + "/"},
      {"http://" + at + "/stream"},
      {"http://" + at + "/streams/"},
      {"http://" + at + "/STREAM/"},
      {"http://" + at + "//stream/"},
      {"http://" + at + "/stream/../secret"},
      {"http://" + at + "/stream/a/../../secret"},
      {"http://" + at + "/stream/%2e%2e/secret"},
      {"http://" + at + "/stream/.%2E/secret"},
      {"http://" + at + "/stream/..%2fsecret"},
      {"http://" + at + "/stream/..%5csecret"},
      {"http://" + at + "/stream/..\\secret"},
      {"http://" + at + "/stream/ x"},
      {"http://" + at + "/stream/\r\nHost: other"},
      {"http://" + at + "/stream/#x"},
      {"https://" + at + "/stream/"},
      {"HTTP://127.0.0.1/stream/"},
      {"http://127.0.0.1:1/stream/"},
      {"http://localhost:" + port + "/stream/"},
      {"http://127.0.0.2:" + port + "/stream/"},
      {"http://127.0.0.1.:" + port + "/stream/"},
      {"http://[::ffff:127.0.0.1]:" + port + "/stream/"},
      {"http://user@" + at + "/stream/"},
      {"http://:password@" + at + "/stream/"},
      {"http://" + at + "@localhost/stream/"},
      {"http://localhost#@" + at + "/stream/"},
      {"http://localhost\\@" + at + "/stream/"},
      {"http://localhost?@" + at + "/stream/"},
      {at + "/stream/"},
      {"//" + at + "/stream/"},
      {"file:///etc/passwd"},
      {"gopher://" + at + "/stream/"},
      {"http://" + at + "/stream/" + std::string(10'000, 'a')},
      {"http://" + at + "/stream/" + std::string(1, '\0') + "x"}};
  for (const auto& args : kOthers) {
    EXPECT_EQ(Ask(kGet, args), WEIR_ERR)
        << (args.empty() ? "nothing" : args[0]);
  }
  EXPECT_THAT(server_->requests(), IsEmpty());
  EXPECT_THAT(Answers(), IsEmpty());
  EXPECT_THAT(Errors(), AllOf(SizeIs(std::size(kOthers)),
                              Each(StartsWith("error: httpGet: "))));
  EXPECT_THAT(Errors()[4], HasSubstr("the URL is none of those allowed"));
  EXPECT_EQ(host_.metric("refused_total"),
            std::vector<uint64_t>{std::size(kOthers)});
}

TEST_F(StewardFetchTest, AllowsASinglePage) {
  server_.emplace(std::vector<HttpReply>{ChunkedReply({"ok"})});
  const std::string page = server_->url() + "page";
  Start("\"urls\": [\"" + page + "\"]");
  EXPECT_EQ(Get(page), WEIR_OK);
  EXPECT_EQ(Get(page + "?a=b"), WEIR_OK);
  EXPECT_EQ(Get(page + "/"), WEIR_ERR);
  EXPECT_EQ(Get(page + "s"), WEIR_ERR);
  Start("\"urls\": [\"" + page + "?a=b\"]");
  EXPECT_EQ(Get(page + "?a=b"), WEIR_OK);
  EXPECT_EQ(Get(page + "?a=c"), WEIR_ERR);
  EXPECT_EQ(Get(page), WEIR_ERR);
}

TEST_F(StewardFetchTest, TellsInASecondAnswerWhyThereIsNoBody) {
  Serve({StatusReply("404 Not Found"),
         StatusReply("204 No Content"),
         ChunkedReply({"half"}, false),
         {.pieces = {"what?\r\n\r\n"}},
         ChunkedReply({std::string(2000, 'x')})},
        R"(, "max_bytes": 1000)");
  for (int i = 0; i < 5; ++i) EXPECT_EQ(Get(server_->url()), WEIR_OK);
  EXPECT_THAT(Answers(), IsEmpty());
  ASSERT_THAT(Errors(), SizeIs(5));
  EXPECT_EQ(Errors()[0], "error: httpGet: not 200, were 404, methodArgs: [" +
                             server_->url() + "], error_output: ");
  EXPECT_THAT(Errors()[1], HasSubstr("not 200, were 204"));
  EXPECT_THAT(Errors()[2], Not(HasSubstr("half")));
  EXPECT_THAT(Errors()[4], HasSubstr("the body has more than 1000 bytes"));
  EXPECT_EQ(host_.metric("failed_total"), std::vector<uint64_t>{5});
  EXPECT_EQ(Ask(kStewardGet, {"http://other/"}, -1, "S0"), WEIR_ERR);
  EXPECT_THAT(Errors(), SizeIs(5)) << "S0 does not know that";
}

TEST_F(StewardFetchTest, FollowsRedirectsOnlyToWhatIsAllowed) {
  Serve({Redirect("b"), Redirect("/stream/c"), ChunkedReply({"there"}),
         Redirect("/secret"), Redirect("/stream/../secret"),
         Redirect("http://169.254.169.254/latest/"),
         Redirect("http://localhost/stream/"), Redirect("file:///etc/passwd"),
         Redirect("/stream/again")});
  EXPECT_EQ(Get(server_->url() + "a"), WEIR_OK);
  EXPECT_THAT(Answers(), ElementsAre("there"));
  EXPECT_THAT(server_->requests()[2], StartsWith("GET /stream/c "));
  for (int i = 0; i < 5; ++i) EXPECT_EQ(Get(server_->url()), WEIR_OK);
  EXPECT_THAT(server_->requests(), SizeIs(8)) << "none was followed";
  EXPECT_THAT(Errors()[0],
              AllOf(HasSubstr("it is redirected to \"http://"),
                    HasSubstr("/secret\", and the URL is none of those")));
  EXPECT_EQ(Get(server_->url()), WEIR_OK);
  EXPECT_THAT(Errors()[5], HasSubstr("redirected more than 5 times"));
  EXPECT_THAT(Answers(), SizeIs(1));
}

TEST_F(StewardFetchTest, IsNotLedWithinByAName) {
  server_.emplace(std::vector<HttpReply>{ChunkedReply({"within"})});
  const std::string at = server_->host();
  const std::string url = "http://localhost" + at.substr(at.find(':')) + "/";
  Start("\"urls\": [\"" + url + "\"]");
  EXPECT_EQ(Get(url), WEIR_OK);
  ASSERT_THAT(Errors(), SizeIs(1));
  EXPECT_THAT(Errors()[0], HasSubstr("which is within"));
  EXPECT_THAT(server_->requests(), IsEmpty());
  Start("\"urls\": [\"" + url + "\"], \"private_addresses\": true");
  EXPECT_EQ(Get(url), WEIR_OK);
  EXPECT_THAT(Answers(), ElementsAre("within"));
}

TEST_F(StewardFetchTest, TakesNoLongerThanItMay) {
  Serve({{.pieces = {"HTTP/1.1 200 OK\r\n\r\nbegin"}, .stall = true}});
  EXPECT_EQ(Get(server_->url(), 1), WEIR_OK);
  host_.SetTimeLeft(700'000'000);
  EXPECT_EQ(Get(server_->url(), 100), WEIR_OK) << "the host would end it";
  EXPECT_THAT(Answers(), IsEmpty());
  EXPECT_THAT(Errors(), AllOf(SizeIs(2), Each(HasSubstr("its time is over"))));
}

TEST_F(StewardFetchTest, AnswersWithEachLineThatIsAdded) {
  const std::string path = File("log/app.log");
  Start("\"files\": [\"" + temp_.path() + "/log/\"]");
  std::atomic<bool> stop{false};
  std::thread writer([&] {
    std::ofstream file(path, std::ios::app);
    for (int i = 0; !stop; ++i) {
      file << "line " << i << '\n' << std::flush;
      std::this_thread::yield();
    }
  });
  EXPECT_EQ(Ask(kTail, {path}, 1), WEIR_OK);
  stop = true;
  writer.join();
  const std::vector<std::string> lines = Answers();
  ASSERT_THAT(lines, Not(IsEmpty()));
  const int first = std::stoi(lines[0].substr(5));
  for (size_t i = 0; i < lines.size(); ++i) {
    ASSERT_EQ(lines[i],
              "line " + std::to_string(first + static_cast<int>(i)) + "\n");
  }
  EXPECT_THAT(Errors(), IsEmpty()) << "that its time ends is how it ends";
  EXPECT_EQ(host_.metric("lines_total"), std::vector<uint64_t>{lines.size()});
}

// It would wait for ever: the host's time does not go on.
TEST_F(StewardFetchTest, ComesBackWhenItIsToldToWhileNoAnswerHasRoom) {
  Start("\"urls\": [\"http://127.0.0.1/\"]");
  host_.AnswerRepliesWith(WEIR_AGAIN);
  host_.AskToStop(true);
  EXPECT_EQ(Get("http://127.0.0.2/"), WEIR_ERR);
  EXPECT_THAT(host_.replies(), IsEmpty());
}

TEST_F(StewardFetchTest, FollowsNothingThatIsNotAllowed) {
  const std::string dir = temp_.path();
  File("log/app.log");
  File("secret");
  File("logs/other");
  Start("\"files\": [\"" + dir + "/log/\", \"" + dir + "/one\"]");
  const std::vector<std::string> kOthers[] = {
      {},
      {""},
      {dir + "/secret"},
      {dir + "/log"},
      {dir + "/log/"},
      {dir + "/logs/other"},
      {dir + "/log/../secret"},
      {dir + "/log/./app.log"},
      {dir + "/log//app.log"},
      {dir + "/./log/app.log"},
      {"/" + dir + "/log/app.log"},
      {"log/app.log"},
      {dir + "/one/more"},
      {dir + "/log/app.log" + std::string(1, '\0')},
      {dir + "/log/" + std::string(5000, 'a')},
      {"/etc/passwd"},
      {"/proc/self/environ"}};
  for (const auto& args : kOthers) {
    EXPECT_EQ(Ask(kTail, args, 1), WEIR_ERR)
        << (args.empty() ? "nothing" : args[0]);
  }
  EXPECT_THAT(Answers(), IsEmpty());
  EXPECT_THAT(Errors(), AllOf(SizeIs(std::size(kOthers)),
                              Each(StartsWith("error: tailFile: "))));
}

TEST_F(StewardFetchTest, FollowsNoLinkAndNothingThatIsNoFile) {
  const std::string dir = temp_.path();
  File("secret/file");
  std::filesystem::create_directory(dir + "/log");
  std::filesystem::create_symlink(dir + "/secret/file", dir + "/log/link");
  std::filesystem::create_symlink(dir + "/secret", dir + "/log/folder");
  std::filesystem::create_directory(dir + "/log/inner");
  ASSERT_EQ(mkfifo((dir + "/log/pipe").c_str(), 0600), 0);
  Start("\"files\": [\"" + dir + "/log/\"]");
  for (const char* const name :
       {"link", "folder/file", "inner", "pipe", "none", "inner/none"}) {
    EXPECT_EQ(Ask(kTail, {dir + "/log/" + name}, 30), WEIR_OK) << name;
  }
  EXPECT_THAT(Answers(), IsEmpty());
  ASSERT_THAT(Errors(), SizeIs(6));
  EXPECT_THAT(Errors()[0], HasSubstr("the file is a link"));
  EXPECT_THAT(Errors()[1], HasSubstr("cannot be opened: Not a directory"));
  EXPECT_THAT(Errors()[2], HasSubstr("what is there is no file"));
  EXPECT_THAT(Errors()[3], HasSubstr("what is there is no file"));
  EXPECT_THAT(Errors()[4], HasSubstr("No such file"));
  EXPECT_EQ(host_.metric("failed_total"), std::vector<uint64_t>{6});
}

}  // namespace
}  // namespace weir
