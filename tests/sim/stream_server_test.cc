// The server as its clients see it, over HTTP.
#include "sim/stream_server.h"

#include <curl/curl.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "sim/fault_lines.h"
#include "sim/recording.h"
#include "sim/recording_source.h"
#include "sim/ris_line.h"
#include "sim/scenario_source.h"
#include "tests/support/status_matchers.h"

namespace weir::sim {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;

constexpr uint64_t kMessages = 10;

// What a client got.
struct Answer {
  CURLcode code = CURLE_OK;
  long status = 0;
  std::string header;
  std::string body;

  // The whole lines.
  std::vector<std::string> Lines() const {
    std::vector<std::string> lines = absl::StrSplit(body, '\n');
    lines.pop_back();
    return lines;
  }

  // How many of them are messages of the recording.
  size_t Messages() const {
    size_t messages = 0;
    for (const std::string& line : Lines()) {
      messages += absl::StrContains(line, "\"peer_asn\":\"64499\"") ? 1 : 0;
    }
    return messages;
  }
};

struct Request {
  std::string header;  // One more, "Name: value".
  bool follow = false;
  std::string accept_encoding;

  // Called with all that has come, at each piece; the client hangs up when it
  // returns false.
  std::function<bool(const std::string& body)> more;
};

struct Transfer {
  const Request& request;
  Answer answer;
};

size_t Append(char* bytes, size_t size, size_t count, void* to) {
  static_cast<std::string*>(to)->append(bytes, size * count);
  return size * count;
}

size_t Receive(char* bytes, size_t size, size_t count, void* to) {
  auto& transfer = *static_cast<Transfer*>(to);
  Append(bytes, size, count, &transfer.answer.body);
  const bool more = transfer.request.more == nullptr ||
                    transfer.request.more(transfer.answer.body);
  return more ? size * count : 0;
}

Answer Get(const std::string& url, const Request& request = {}) {
  Transfer transfer = {request, {}};
  CURL* const curl = curl_easy_init();
  curl_slist* const headers =
      request.header.empty()
          ? nullptr
          : curl_slist_append(nullptr, request.header.c_str());
  curl_easy_setopt(curl, CURLOPT_URL, url.c_str());
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
  curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, request.follow ? 1L : 0L);
  if (!request.accept_encoding.empty()) {
    curl_easy_setopt(curl, CURLOPT_ACCEPT_ENCODING,
                     request.accept_encoding.c_str());
  }
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, Receive);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, &transfer);
  curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, Append);
  curl_easy_setopt(curl, CURLOPT_HEADERDATA, &transfer.answer.header);
  transfer.answer.code = curl_easy_perform(curl);
  curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &transfer.answer.status);
  curl_slist_free_all(headers);
  curl_easy_cleanup(curl);
  return transfer.answer;
}

// The recording: kMessages withdrawals of different prefixes.
std::string Line(uint64_t number) {
  RisMessage message;
  message.timestamp_ms = 1789019601670;
  message.sequence = static_cast<uint16_t>(number);
  message.peer = "192.0.2.1";
  message.peer_asn = 64499;
  message.host = number % 2 == 0 ? "rrc00.ripe.net" : "rrc01.ripe.net";
  message.withdrawn = {IpPrefix::Of(absl::StrCat("10.0.", number, ".0/24"))};
  std::string line;
  AppendRisLine(message, line);
  return line;
}

std::string LinesOf(uint64_t begin, uint64_t end) {
  std::string lines;
  for (uint64_t i = begin; i < end; ++i) lines += Line(i);
  return lines;
}

class StreamServerTest : public testing::Test {
 protected:
  void Start(const std::vector<std::string>& faults = {},
             bool hold_at_end = false) {
    StreamServer::Options options;
    options.hold_at_end = hold_at_end;
    for (const std::string& text : faults) {
      options.faults.push_back(*ScriptedFault::Parse(text));
    }
    const auto plan = std::make_shared<const RecordingPlan>(
        *Recording::FromText(LinesOf(0, kMessages)), /*speed=*/0, /*loops=*/1);
    auto server = StreamServer::Start(options, [plan](const std::string&) {
      return std::make_unique<RecordingSource>(plan);
    });
    ASSERT_THAT(server, IsOk());
    server_ = *std::move(server);
  }

  std::string Url(const std::string& more = "") const {
    return absl::StrCat(server_->url(), "?format=json&client=test", more);
  }

  // Gets `url` until so many whole lines have come, and then stops the server.
  Answer GetUntilStopped(const std::string& url, size_t lines) {
    std::promise<void> come;
    Request request;
    request.more = [&come, lines,
                    told = false](const std::string& body) mutable {
      const auto count = std::count(body.begin(), body.end(), '\n');
      if (static_cast<size_t>(count) >= lines && !std::exchange(told, true)) {
        come.set_value();
      }
      return true;
    };
    auto answer =
        std::async(std::launch::async, [&] { return Get(url, request); });
    come.get_future().wait();
    server_.reset();
    return answer.get();
  }

  std::unique_ptr<StreamServer> server_;
};

TEST_F(StreamServerTest, ServesTheRecordingAsItIs) {
  Start();
  const Answer answer = Get(Url());
  EXPECT_EQ(answer.code, CURLE_OK);
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.body, LinesOf(0, kMessages));
  EXPECT_THAT(answer.header, HasSubstr("Transfer-Encoding: chunked"));
  EXPECT_EQ(server_->messages_sent(), kMessages);
}

TEST_F(StreamServerTest, GivesEachClientTheWholeStream) {
  Start();
  std::vector<std::future<Answer>> answers;
  for (int i = 0; i < 8; ++i) {
    answers.push_back(std::async(std::launch::async, [this, i] {
      return Get(absl::StrCat(server_->url(), "?format=json&client=", i));
    }));
  }
  for (auto& answer : answers) {
    EXPECT_EQ(answer.get().body, LinesOf(0, kMessages));
  }
}

TEST_F(StreamServerTest, GoesOnFromTheNextMessageForAClientThatComesBack) {
  Start({"4:eof"});
  EXPECT_EQ(Get(Url()).body, LinesOf(0, 4));
  EXPECT_EQ(Get(Url()).body, LinesOf(4, kMessages));
  EXPECT_EQ(Get(Url()).body, "") << "nothing is left";
}

TEST_F(StreamServerTest, StartsAnewForAClientWithoutAName) {
  Start();
  const std::string url = absl::StrCat(server_->url(), "?format=json");
  EXPECT_EQ(Get(url).body, LinesOf(0, kMessages));
  EXPECT_EQ(Get(url).body, LinesOf(0, kMessages));
}

TEST_F(StreamServerTest, FindsTheSessionOfAClientThatHungUpItself) {
  Start({"4:stall"});
  Request hang_up;
  hang_up.more = [](const std::string& body) { return body != LinesOf(0, 4); };
  EXPECT_EQ(Get(Url(), hang_up).code, CURLE_WRITE_ERROR);
  EXPECT_EQ(Get(Url()).body, LinesOf(4, kMessages));
}

TEST_F(StreamServerTest, StaysSilentAtTheEndIfToldTo) {
  Start({}, /*hold_at_end=*/true);
  const Answer answer = GetUntilStopped(Url(), kMessages);
  EXPECT_NE(answer.code, CURLE_OK) << "a clean end is what it must not have";
  EXPECT_EQ(answer.body, LinesOf(0, kMessages));
}

TEST_F(StreamServerTest, RefusesRequestsThatMakeNoSense) {
  Start();
  struct Case {
    std::string url;
    std::string header;
    long status;
    const char* want;
  };
  const std::string base = server_->url();
  for (const Case& c : std::vector<Case>{
           {base, "", 400, "format=json"},
           {base + "x?format=json", "", 404, "/v1/stream/"},
           {Url("&fault=explode"), "", 400, "unknown fault 'explode'"},
           {Url("&after=3"), "", 400, "'after' without 'fault'"},
           {Url("&fault=eof&after=x"), "", 400, "AFTER_N_MESSAGES"},
           {Url(), "X-RIS-Subscribe: {\"host\":", 400, "no JSON"},
           {Url(), "X-RIS-Subscribe: {\"host\":7}", 400, "host has to be"},
       }) {
    Request request;
    request.header = c.header;
    const Answer answer = Get(c.url, request);
    EXPECT_EQ(answer.status, c.status) << c.url;
    EXPECT_THAT(answer.body, HasSubstr(c.want)) << c.url;
  }
}

TEST_F(StreamServerTest, SendsWhatTheClientSubscribedTo) {
  Start();
  Request request;
  request.header = R"(X-RIS-Subscribe: {"host":"rrc01"})";
  const Answer answer = Get(Url(), request);
  EXPECT_THAT(answer.Lines(), SizeIs(kMessages / 2));
  EXPECT_THAT(answer.body, AllOf(HasSubstr("rrc01"), Not(HasSubstr("rrc00")),
                                 Not(HasSubstr("\"raw\"")),
                                 HasSubstr("\"10.0.1.0/24\"]}}\n")));
  EXPECT_EQ(server_->messages_sent(), kMessages / 2);
}

TEST_F(StreamServerTest, LeavesRawInForAClientThatSubscribedToIt) {
  Start();
  Request request;
  request.header = R"(X-RIS-Subscribe: {"includeRaw":true})";
  EXPECT_EQ(Get(Url(), request).body, LinesOf(0, kMessages));
}

TEST_F(StreamServerTest, TakesAFaultFromTheAddressAndFromTheScript) {
  Start({"8:eof"});
  EXPECT_EQ(Get(Url("&fault=eof&after=3")).body, LinesOf(0, 3));
  EXPECT_EQ(Get(Url("&fault=eof&after=3")).body, LinesOf(3, 6));
  EXPECT_EQ(Get(Url()).body, LinesOf(6, 8));
  EXPECT_EQ(Get(Url()).body, LinesOf(8, kMessages));
}

TEST_F(StreamServerTest, CutsALineAndSendsItWholeNextTime) {
  Start({"4:cut-mid-line"});
  const Answer answer = Get(Url());
  EXPECT_EQ(answer.code, CURLE_PARTIAL_FILE);
  EXPECT_EQ(answer.body, LinesOf(0, 4) + Line(4).substr(0, Line(4).size() / 2));
  EXPECT_EQ(Get(Url()).body, LinesOf(4, kMessages));
}

TEST_F(StreamServerTest, Stalls) {
  Start({"4:stall"});
  const Answer answer = GetUntilStopped(Url(), 4);
  EXPECT_NE(answer.code, CURLE_OK);
  EXPECT_EQ(answer.body, LinesOf(0, 4));
}

TEST_F(StreamServerTest, PutsAGarbageLineIn) {
  Start({"4:garbage"});
  EXPECT_EQ(Get(Url()).body,
            LinesOf(0, 4) + GarbageLine() + LinesOf(4, kMessages));
}

TEST_F(StreamServerTest, PutsUnknownTypesIn) {
  Start({"4:unknown-type"});
  const Answer answer = Get(Url());
  EXPECT_EQ(answer.Messages(), kMessages);
  ASSERT_THAT(answer.Lines(), SizeIs(kMessages + 2));
  EXPECT_THAT(answer.Lines()[4], AllOf(HasSubstr("\"type\":\"ris_message\""),
                                       HasSubstr("\"type\":\"FUTURE\"")));
  EXPECT_THAT(answer.Lines()[5], HasSubstr("{\"type\":\"ris_future\""));
}

TEST_F(StreamServerTest, PutsALineOfThreeMebibytesIn) {
  Start({"4:long-line"});
  const Answer answer = Get(Url());
  EXPECT_EQ(answer.Messages(), kMessages);
  ASSERT_THAT(answer.Lines(), SizeIs(kMessages + 1));
  EXPECT_EQ(answer.Lines()[4].size() + 1, 3u << 20);
}

TEST_F(StreamServerTest, SaysFarewellToASlowClient) {
  Start({"4:ris-error"});
  const Answer answer = Get(Url());
  EXPECT_EQ(answer.code, CURLE_OK);
  EXPECT_EQ(answer.body, LinesOf(0, 4) + RisErrorLine());
  EXPECT_EQ(Get(Url()).body, LinesOf(4, kMessages));
}

TEST_F(StreamServerTest, AnswersWithErrorsInPlaceOfTheStream) {
  Start({"0:http-500", "0:http-404"});
  EXPECT_EQ(Get(Url()).status, 500);
  EXPECT_EQ(Get(Url()).status, 404);
  EXPECT_EQ(Get(Url()).body, LinesOf(0, kMessages));
}

TEST_F(StreamServerTest, RedirectsToTheSameAddressWithoutTheFault) {
  Start();
  const Answer refused = Get(Url("&fault=redirect"));
  EXPECT_EQ(refused.status, 302);
  EXPECT_THAT(refused.header,
              HasSubstr("Location: /v1/stream/?format=json&client=test\r\n"));
  Request request;
  request.follow = true;
  EXPECT_EQ(Get(Url("&fault=redirect"), request).body, LinesOf(0, kMessages));
}

TEST_F(StreamServerTest, LetsAClientWaitForTheHeaders) {
  Start({"0:slow-headers:86400"});
  auto answer =
      std::async(std::launch::async, [url = Url()] { return Get(url); });
  while (server_->connections() == 0) std::this_thread::yield();
  server_.reset();
  EXPECT_EQ(answer.get().header, "");
}

TEST_F(StreamServerTest, SendsTheStreamAfterHeadersThatWereLate) {
  Start({"0:slow-headers:1"});
  EXPECT_EQ(Get(Url()).body, LinesOf(0, kMessages));
}

TEST_F(StreamServerTest, CompressesForAClientThatAcceptsIt) {
  Start();
  Request request;
  request.accept_encoding = "gzip";
  const Answer answer = Get(Url("&fault=gzip"), request);
  EXPECT_EQ(answer.code, CURLE_OK);
  EXPECT_THAT(answer.header, HasSubstr("Content-Encoding: gzip"));
  EXPECT_EQ(answer.body, LinesOf(0, kMessages));
}

TEST_F(StreamServerTest, DoesNotCompressForAClientThatDoesNotAcceptIt) {
  Start();
  const Answer answer = Get(Url("&fault=gzip"));
  EXPECT_THAT(answer.header, Not(HasSubstr("Content-Encoding")));
  EXPECT_EQ(answer.body, LinesOf(0, kMessages));
}

TEST_F(StreamServerTest, TurnsToTheOldFormatInMidStream) {
  Start({"4:old-format"});
  const Answer answer = Get(Url());
  EXPECT_EQ(answer.Messages(), kMessages);
  EXPECT_TRUE(absl::StartsWith(answer.body, LinesOf(0, 4)));
  EXPECT_THAT(answer.Lines()[3], HasSubstr("\"path\":[]"));
  EXPECT_THAT(
      answer.Lines()[4],
      AllOf(HasSubstr("\"timestamp\":1789019601.67,"),
            HasSubstr("-4\",\"raw\":\"FF"), HasSubstr("\"host\":\"rrc00\""),
            Not(HasSubstr("\"path\""))));
}

TEST_F(StreamServerTest, TransfersATable) {
  Start({"4:burst:5000"});
  const Answer answer = Get(Url());
  EXPECT_EQ(answer.Messages(), kMessages);
  EXPECT_THAT(answer.Lines(), SizeIs(kMessages + 5000));
  EXPECT_THAT(answer.Lines()[4], HasSubstr("\"10.128.0.0/31\""));
}

TEST_F(StreamServerTest, ServesTheScenarioWithItsTruth) {
  const std::string path =
      absl::StrCat(std::getenv("TEST_TMPDIR"), "/truth.jsonl");
  auto truth = TruthLog::Create(path);
  ASSERT_THAT(truth, IsOk());
  ScenarioOptions scenario;
  scenario.rate = 0;
  scenario.messages = 1000;
  auto server = StreamServer::Start({}, [&](const std::string& client) {
    return std::make_unique<ScenarioSource>(scenario, client, truth->get());
  });
  ASSERT_THAT(server, IsOk());
  server_ = *std::move(server);

  EXPECT_THAT(Get(Url()).Lines(), SizeIs(1000));
  std::ifstream file(path);
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line);) lines.push_back(line);
  EXPECT_THAT(
      lines,
      ElementsAre(AllOf(HasSubstr("\"kind\":\"hijack.origin\""),
                        HasSubstr("\"client\":\"test\"")),
                  AllOf(HasSubstr("\"kind\":\"outage\""),
                        HasSubstr("\"end_timestamp\":null")),
                  AllOf(HasSubstr("\"kind\":\"summary\",\"messages\":1000"))));
}

TEST_F(StreamServerTest, RefusesAPortThatIsInUseAndAnAddressThatIsNone) {
  Start();
  const std::vector<std::string> parts = absl::StrSplit(server_->url(), ':');
  StreamServer::Options options;
  options.port = std::stoi(parts[2]);
  EXPECT_THAT(StreamServer::Start(options, nullptr),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       AllOf(HasSubstr("listening at 127.0.0.1, port"),
                             HasSubstr("in use"))));
  options.address = "localhost";
  EXPECT_THAT(StreamServer::Start(options, nullptr),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("'localhost' is no IP address")));
}

}  // namespace
}  // namespace weir::sim
