// Events, as a client asks for them: the service over the real log and a real
// connection.
#include "host/rpc/event_service.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "google/rpc/error_details.pb.h"
#include "grpcpp/grpcpp.h"
#include "gtest/gtest.h"
#include "host/broker/broker.h"
#include "host/rpc/access.h"
#include "host/rpc/proto_event_codec.h"
#include "host/rpc/publisher.h"
#include "host/rpc/rpc_counter.h"
#include "host/rpc/server.h"
#include "host/sync/system_clock.h"
#include "weir/v1/event.grpc.pb.h"

namespace weir {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr char kEpoch[] = "7k2mq9xv";

std::string Id(uint64_t seq) { return absl::StrCat(kEpoch, "-", seq); }

google::rpc::ErrorInfo InfoOf(const grpc::Status& status) {
  google::rpc::Status details;
  EXPECT_TRUE(details.ParseFromString(status.error_details()));
  google::rpc::ErrorInfo info;
  for (const auto& any : details.details()) any.UnpackTo(&info);
  return info;
}

std::vector<uint64_t> UpTo(uint64_t last) {
  std::vector<uint64_t> seqs;
  for (uint64_t seq = 1; seq <= last; ++seq) seqs.push_back(seq);
  return seqs;
}

// A log that runs on the real clock, and a client of it.
class Node {
 public:
  // `publish_per_second` 0: nobody may publish.
  explicit Node(const BrokerOptions& options = {},
                Role loopback_role = Role::kSubscriber,
                uint32_t publish_per_second = 0)
      : broker_(options, kEpoch, codec_, clock_),
        access_({.loopback_role = loopback_role}),
        publisher_(broker_, clock_, publish_per_second),
        service_(broker_, access_, "1.2.3",
                 publish_per_second == 0 ? nullptr : &publisher_) {
    broker_.Start();
    ServerOptions server_options;
    server_options.listeners.push_back({.tcp = "127.0.0.1:0"});
    auto server = Server::Start(server_options, {&service_}, counter_);
    EXPECT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
    // A window that stays as small as it is: what a client does not read is
    // what the server cannot write.
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_HTTP2_BDP_PROBE, 0);
    stub_ = v1::EventService::NewStub(grpc::CreateCustomChannel(
        server_->addresses()[0], grpc::InsecureChannelCredentials(),
        arguments));
  }
  ~Node() {
    server_.reset();
    broker_.Close();
  }

  void Publish(int n, const std::string& type = "a.b", size_t bytes = 0) {
    for (int i = 0; i < n; ++i) {
      Event event;
      event.type = type;
      event.source = "plugins/test";
      event.json = absl::StrCat("\"", std::string(bytes, 'x'), "\"");
      EXPECT_TRUE(broker_.Publish(std::move(event)).ok());
    }
  }

  grpc::Status Read(const v1::ReadEventsRequest& request,
                    v1::ReadEventsResponse* response) {
    grpc::ClientContext context;
    return stub_->ReadEvents(&context, request, response);
  }

  // All pages from the start that `request` names, one after the other.
  std::vector<v1::ReadEventsResponse> ReadAll(v1::ReadEventsRequest request) {
    std::vector<v1::ReadEventsResponse> pages;
    do {
      v1::ReadEventsResponse& page = pages.emplace_back();
      const grpc::Status status = Read(request, &page);
      EXPECT_TRUE(status.ok()) << status.error_message();
      request.set_page_token(page.next_page_token());
    } while (!request.page_token().empty() && pages.size() < 1000);
    return pages;
  }

  grpc::Status Publish(const v1::PublishRequest& request,
                       v1::PublishResponse* response) {
    grpc::ClientContext context;
    return stub_->Publish(&context, request, response);
  }

  Broker& broker() { return broker_; }
  Server& server() { return *server_; }
  v1::EventService::Stub& stub() { return *stub_; }

 private:
  const SystemClock clock_;
  const ProtoEventCodec codec_;
  Broker broker_;
  const Access access_;
  Publisher publisher_;
  EventService service_;
  RpcCounter counter_;
  std::unique_ptr<Server> server_;
  std::unique_ptr<v1::EventService::Stub> stub_;
};

std::vector<uint64_t> SeqsOf(const std::vector<v1::ReadEventsResponse>& pages) {
  std::vector<uint64_t> seqs;
  for (const auto& page : pages) {
    for (const v1::Event& event : page.events()) seqs.push_back(event.seq());
  }
  return seqs;
}

v1::ReadEventsRequest FromEarliest(int32_t page_size) {
  v1::ReadEventsRequest request;
  request.mutable_start()->mutable_earliest();
  request.set_page_size(page_size);
  return request;
}

TEST(ReadEventsTest, PagesThroughTheLogOnceAndInOrder) {
  Node node;
  node.Publish(25);
  const auto pages = node.ReadAll(FromEarliest(10));
  ASSERT_EQ(pages.size(), 3u);
  EXPECT_EQ(pages[0].events_size(), 10);
  EXPECT_EQ(pages[0].cursor(), Id(10));
  EXPECT_EQ(pages[2].events_size(), 5);
  EXPECT_EQ(pages[2].cursor(), Id(25));
  EXPECT_EQ(SeqsOf(pages), UpTo(25));
}

TEST(ReadEventsTest, APageThatEndsAtTheNewestEventIsTheLast) {
  Node node;
  node.Publish(10);
  EXPECT_EQ(node.ReadAll(FromEarliest(10)).size(), 1u);
}

TEST(ReadEventsTest, HasADefaultAndAnUpperLimitOfThePageSize) {
  Node node;
  node.Publish(1500);
  v1::ReadEventsResponse page;
  ASSERT_TRUE(node.Read(FromEarliest(0), &page).ok());
  EXPECT_EQ(page.events_size(), 100);
  ASSERT_TRUE(node.Read(FromEarliest(100'000), &page).ok());
  EXPECT_EQ(page.events_size(), 1000);
  const grpc::Status refused = node.Read(FromEarliest(-1), &page);
  EXPECT_EQ(refused.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(InfoOf(refused).reason(), "INVALID_FIELD");
  EXPECT_EQ(InfoOf(refused).metadata().at("field"), "page_size");
}

TEST(ReadEventsTest, NothingIsAPageToo) {
  Node node;
  v1::ReadEventsResponse page;
  ASSERT_TRUE(node.Read(FromEarliest(0), &page).ok());
  EXPECT_EQ(page.events_size(), 0);
  EXPECT_EQ(page.cursor(), Id(0));
  EXPECT_THAT(page.next_page_token(), IsEmpty());
  node.Publish(3);
  ASSERT_TRUE(node.Read({}, &page).ok());  // From the newest on.
  EXPECT_EQ(page.events_size(), 0);
  EXPECT_EQ(page.cursor(), Id(3));
}

TEST(ReadEventsTest, FiltersBeforeItCounts) {
  Node node;
  for (int i = 0; i < 20; ++i) {
    node.Publish(9, "a.b");
    node.Publish(1, "c.d");
  }
  v1::ReadEventsRequest request = FromEarliest(8);
  request.add_filters()->add_types("c.*");
  const auto pages = node.ReadAll(request);
  ASSERT_EQ(pages.size(), 3u);
  EXPECT_EQ(pages[0].events_size(), 8);
  EXPECT_EQ(pages[0].events(7).seq(), 80u);
  EXPECT_EQ(SeqsOf(pages).size(), 20u);
}

TEST(ReadEventsTest, LooksPastManyEventsThatDoNotMatch) {
  Node node;
  node.Publish(30'000);
  node.Publish(1, "c.d");
  v1::ReadEventsRequest request = FromEarliest(8);
  request.add_filters()->add_types("c.*");
  EXPECT_EQ(SeqsOf(node.ReadAll(request)), std::vector<uint64_t>{30'001});
}

TEST(ReadEventsTest, ATokenIsOfItsFilters) {
  Node node;
  node.Publish(20);
  v1::ReadEventsRequest request = FromEarliest(5);
  (*request.add_filters()->mutable_labels())["k"] = "v";
  request.mutable_filters(0)->mutable_labels()->clear();
  v1::ReadEventsResponse page;
  ASSERT_TRUE(node.Read(request, &page).ok());
  request.set_page_token(page.next_page_token());
  ASSERT_TRUE(node.Read(request, &page).ok());
  EXPECT_EQ(page.events(0).seq(), 6u);

  request.add_filters()->add_types("a.*");
  for (const std::string& token :
       {request.page_token(), std::string("nonsense"), std::string(".")}) {
    request.set_page_token(token);
    const grpc::Status refused = node.Read(request, &page);
    EXPECT_EQ(refused.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
    EXPECT_EQ(InfoOf(refused).reason(), "INVALID_FIELD");
    EXPECT_EQ(InfoOf(refused).metadata().at("field"), "page_token");
  }
}

TEST(ReadEventsTest, APageOfLongEventsIsShort) {
  Node node;
  node.Publish(30, "a.b", 100'000);
  const auto pages = node.ReadAll(FromEarliest(0));
  EXPECT_GE(pages.size(), 3u);
  for (const auto& page : pages) {
    EXPECT_LT(page.ByteSizeLong(), 1'400'000u);
    EXPECT_GT(page.events_size(), 0);
  }
  EXPECT_EQ(SeqsOf(pages), UpTo(30));
}

TEST(ReadEventsTest, SaysWhatIsMissingAtTheBeginning) {
  Node node;
  node.Publish(3);
  v1::ReadEventsRequest request;
  request.mutable_start()->set_after_id("aaaaaaaa-4711");
  const auto pages = node.ReadAll(request);
  ASSERT_EQ(pages.size(), 1u);
  EXPECT_EQ(pages[0].gap().reason(),
            v1::SubscribeResponse::Gap::REASON_EPOCH_CHANGED);
  EXPECT_EQ(SeqsOf(pages), UpTo(3));
}

TEST(ReadEventsTest, SaysWhatWentBetweenTwoPages) {
  BrokerOptions options;
  options.log.chunk_events = 4;
  options.log.ring_events = 8;
  Node node(options);
  node.Publish(8);
  v1::ReadEventsRequest request = FromEarliest(2);
  v1::ReadEventsResponse first;
  ASSERT_TRUE(node.Read(request, &first).ok());
  EXPECT_FALSE(first.has_gap());
  node.Publish(20);
  request.set_page_token(first.next_page_token());
  v1::ReadEventsResponse second;
  ASSERT_TRUE(node.Read(request, &second).ok());
  EXPECT_EQ(second.gap().reason(),
            v1::SubscribeResponse::Gap::REASON_RETENTION);
  EXPECT_EQ(second.gap().after_id(), Id(2));
  ASSERT_GT(second.events_size(), 0);
  EXPECT_EQ(second.gap().missing(), second.events(0).seq() - 3);
}

TEST(ReadEventsTest, NamesWhatIsWrongWithTheRequest) {
  Node node;
  v1::ReadEventsResponse page;
  v1::ReadEventsRequest request;
  request.mutable_start()->set_after_id("nonsense");
  request.add_filters()->add_subject_regexes("(");
  const grpc::Status refused = node.Read(request, &page);
  EXPECT_EQ(InfoOf(refused).reason(), "INVALID_REPLAY_ID");
  EXPECT_THAT(refused.error_message(),
              HasSubstr("filters[0].subject_regexes[0]"));
}

TEST(ReadEventsTest, LetsGoOfTheLogWhenItIsDone) {
  Node node;
  node.Publish(3);
  for (int i = 0; i < 5; ++i) node.ReadAll(FromEarliest(2));
  EXPECT_EQ(node.broker().Stats().subscribers, 0u);
}

TEST(ReadEventsTest, AHostThatStopsSaysSo) {
  Node node;
  node.broker().Drain(absl::Seconds(2));
  v1::ReadEventsResponse page;
  const grpc::Status refused = node.Read(FromEarliest(2), &page);
  EXPECT_EQ(refused.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(InfoOf(refused).reason(), "SERVER_DRAINING");
}

// What keeps a client's flow-control window full, twice over.
constexpr int kMoreThanAWindow = 200;

TEST(StuckClientTest, LosesItsPlaceThoughItsCallIsStuck) {
  BrokerOptions options;
  options.write_stall = absl::Milliseconds(200);
  Node node(options);
  grpc::ClientContext context;
  const auto stuck = node.stub().Subscribe(&context, {});
  v1::SubscribeResponse hello;
  ASSERT_TRUE(stuck->Read(&hello));
  EXPECT_EQ(node.broker().Stats().subscribers, 1u);
  node.Publish(kMoreThanAWindow, "a.b", 10'000);  // And it reads no more.
  const absl::Time end = absl::Now() + absl::Seconds(30);
  while (node.broker().Stats().subscribers > 0 && absl::Now() < end) {
    absl::SleepFor(absl::Milliseconds(5));
  }
  EXPECT_EQ(node.broker().Stats().subscribers, 0u);
}

TEST(StuckClientTest, DoesNotHoldUpTheOthersNorTheEnd) {
  Node node;
  grpc::ClientContext context;
  const auto stuck = node.stub().Subscribe(&context, {});
  v1::SubscribeResponse response;
  ASSERT_TRUE(stuck->Read(&response));
  node.Publish(kMoreThanAWindow, "a.b", 10'000);
  EXPECT_EQ(SeqsOf(node.ReadAll(FromEarliest(0))), UpTo(kMoreThanAWindow));
  node.broker().Drain(absl::Seconds(1));
  EXPECT_TRUE(node.server().Stop(absl::Milliseconds(100), absl::Seconds(10)));
}

TEST(TransportTest, RefusesARequestThatIsTooLong) {
  Node node;
  v1::ReadEventsRequest request;
  request.set_page_token(std::string(Server::kMaxRequestBytes, 'x'));
  v1::ReadEventsResponse response;
  EXPECT_EQ(node.Read(request, &response).error_code(),
            grpc::StatusCode::RESOURCE_EXHAUSTED);
}

class PublishTest : public testing::Test {
 protected:
  static v1::PublishRequest Accepted(int n) {
    v1::PublishRequest request;
    request.set_durability(v1::PublishRequest::DURABILITY_ACCEPTED);
    for (int i = 0; i < n; ++i) {
      v1::Event& event = *request.add_events();
      event.set_type("test.ping");
      event.set_source("publishers/me");
      event.set_json(absl::StrCat("{\"n\":", i, "}"));
    }
    return request;
  }

  // Refused for what `spoil` does to the second of three events, and nothing
  // of the request is in the log.
  google::rpc::ErrorInfo Refused(const std::function<void(v1::Event*)>& spoil) {
    v1::PublishRequest request = Accepted(3);
    spoil(request.mutable_events(1));
    v1::PublishResponse response;
    const grpc::Status status = node_.Publish(request, &response);
    EXPECT_FALSE(status.ok());
    EXPECT_EQ(node_.broker().Stats().latest_seq, 0u);
    google::rpc::ErrorInfo info = InfoOf(status);
    EXPECT_EQ(info.metadata().at("index"), "1") << status.error_message();
    return info;
  }

  Node node_{{}, Role::kPublisher, 20'000};
  v1::PublishResponse response_;
};

TEST_F(PublishTest, AppendsInOrderAndGivesTheIds) {
  ASSERT_TRUE(node_.Publish(Accepted(3), &response_).ok());
  ASSERT_EQ(response_.ids_size(), 3);
  EXPECT_EQ(response_.ids(0), Id(1));
  EXPECT_EQ(response_.ids(2), Id(3));
  v1::ReadEventsResponse page;
  ASSERT_TRUE(node_.Read(FromEarliest(0), &page).ok());
  ASSERT_EQ(page.events_size(), 3);
  EXPECT_EQ(page.events(1).json(), "{\"n\":1}");
  EXPECT_EQ(page.events(1).source(), "publishers/me");
  EXPECT_EQ(page.events(1).severity(), v1::SEVERITY_INFO);
}

TEST_F(PublishTest, KeepsEveryFieldAsItWasGiven) {
  v1::PublishRequest request = Accepted(1);
  v1::Event& event = *request.mutable_events(0);
  event.mutable_event_time()->set_seconds(1'700'000'000);
  event.set_subject("192.0.2.0/24");
  event.set_severity(v1::SEVERITY_WARNING);
  (*event.mutable_labels())["k"] = "v";
  event.set_data_schema("ping.v1");
  event.set_traceparent(
      "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
  event.add_caused_by(Id(7));
  event.add_prefixes("192.0.2.0/24");
  event.add_prefixes("2001:db8::/32");
  event.add_as_numbers(64496);
  request.mutable_events()->Add()->CopyFrom(event);
  request.mutable_events(1)->set_binary(std::string("\0\xff", 2));
  request.mutable_events()->Add()->CopyFrom(event);
  request.mutable_events(2)->mutable_proto()->set_type_url("a/b.C");
  request.mutable_events(2)->mutable_proto()->set_value("\x08\x01");
  ASSERT_TRUE(node_.Publish(request, &response_).ok());
  v1::ReadEventsResponse page;
  ASSERT_TRUE(node_.Read(FromEarliest(0), &page).ok());
  ASSERT_EQ(page.events_size(), 3);
  for (int i = 0; i < 3; ++i) {
    v1::Event read = page.events(i);
    EXPECT_EQ(read.id(), response_.ids(i));
    EXPECT_TRUE(read.has_append_time());
    read.clear_id();
    read.clear_seq();
    read.clear_append_time();
    EXPECT_EQ(read.SerializeAsString(), request.events(i).SerializeAsString());
  }
}

TEST_F(PublishTest, NamesThePublisherWhoNamesNone) {
  v1::PublishRequest request = Accepted(1);
  request.mutable_events(0)->clear_source();
  ASSERT_TRUE(node_.Publish(request, &response_).ok());
  v1::ReadEventsResponse page;
  ASSERT_TRUE(node_.Read(FromEarliest(0), &page).ok());
  EXPECT_EQ(page.events(0).source(), "publishers/127.0.0.1");
}

TEST_F(PublishTest, TakesAllOrNoneAndNamesTheFirstAtFault) {
  const std::vector<std::pair<std::string, std::function<void(v1::Event*)>>>
      faults = {
          {"id", [](v1::Event* e) { e->set_id(Id(1)); }},
          {"seq", [](v1::Event* e) { e->set_seq(1); }},
          {"append_time", [](v1::Event* e) { e->mutable_append_time(); }},
          {"type", [](v1::Event* e) { e->set_type("weir.plugin.loss"); }},
          {"type", [](v1::Event* e) { e->set_type("Ping!"); }},
          {"type", [](v1::Event* e) { e->clear_type(); }},
          {"source", [](v1::Event* e) { e->set_source("host"); }},
          {"source", [](v1::Event* e) { e->set_source("publishers/"); }},
          {"severity",
           [](v1::Event* e) { e->set_severity(static_cast<v1::Severity>(7)); }},
          {"event_time",
           [](v1::Event* e) { e->mutable_event_time()->set_nanos(-1); }},
          {"json", [](v1::Event* e) { e->set_json("{} {}"); }},
          {"prefixes[0]", [](v1::Event* e) { e->add_prefixes("192.0.2.0"); }},
          {"prefixes[0]",
           [](v1::Event* e) { e->add_prefixes("192.0.2.1/24"); }},
          {"labels[]", [](v1::Event* e) { (*e->mutable_labels())[""] = "v"; }},
          {"caused_by[0]", [](v1::Event* e) { e->add_caused_by("me"); }},
          {"data_schema",
           [](v1::Event* e) { e->set_data_schema(std::string(257, 'x')); }},
          {"traceparent",
           [](v1::Event* e) { e->set_traceparent(std::string(129, 'x')); }},
      };
  for (const auto& [field, spoil] : faults) {
    const google::rpc::ErrorInfo info = Refused(spoil);
    EXPECT_EQ(info.reason(), "EVENT_INVALID") << field;
    EXPECT_EQ(info.metadata().at("field"), field);
  }
}

TEST_F(PublishTest, RefusesWhatIsTooLargeWithTheLimit) {
  const google::rpc::ErrorInfo info = Refused(
      [](v1::Event* event) { event->set_binary(std::string(256 << 10, 'x')); });
  EXPECT_EQ(info.reason(), "EVENT_TOO_LARGE");
  EXPECT_EQ(info.metadata().at("limit"), "262144");
  EXPECT_GT(info.metadata().at("size"), "262144");
}

TEST_F(PublishTest, ARequestHasOneToAThousandEvents) {
  for (const int n : {0, 1001}) {
    const grpc::Status status = node_.Publish(Accepted(n), &response_);
    EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
    EXPECT_EQ(InfoOf(status).reason(), "INVALID_FIELD");
    EXPECT_EQ(InfoOf(status).metadata().at("field"), "events");
  }
  ASSERT_TRUE(node_.Publish(Accepted(1000), &response_).ok());
  EXPECT_EQ(response_.ids(999), Id(1000));
}

TEST_F(PublishTest, ARepeatGetsTheFirstAnswerAndAppendsNothing) {
  v1::PublishRequest request = Accepted(2);
  request.set_request_id("4b7f3f0e-2d0a-4a55-9b0e-2f1f3f8f1a11");
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(node_.Publish(request, &response_).ok());
    EXPECT_EQ(response_.ids(1), Id(2));
  }
  EXPECT_EQ(node_.broker().Stats().latest_seq, 2u);
  request.set_request_id("4b7f3f0e-2d0a-4a55-9b0e-2f1f3f8f1a12");
  ASSERT_TRUE(node_.Publish(request, &response_).ok());
  EXPECT_EQ(response_.ids(1), Id(4));
}

TEST_F(PublishTest, ARequestIdIsShort) {
  v1::PublishRequest request = Accepted(1);
  request.set_request_id(std::string(129, 'x'));
  const grpc::Status status = node_.Publish(request, &response_);
  EXPECT_EQ(InfoOf(status).reason(), "INVALID_FIELD");
  EXPECT_EQ(InfoOf(status).metadata().at("field"), "request_id");
}

TEST_F(PublishTest, AFailureMayBeRepeatedUnderItsRequestId) {
  v1::PublishRequest request = Accepted(1);
  request.set_request_id("4b7f3f0e-2d0a-4a55-9b0e-2f1f3f8f1a11");
  request.mutable_events(0)->set_type("");
  EXPECT_FALSE(node_.Publish(request, &response_).ok());
  request.mutable_events(0)->set_type("test.ping");
  EXPECT_TRUE(node_.Publish(request, &response_).ok());
}

TEST_F(PublishTest, WithoutAJournalThereIsNoJournaledEvent) {
  v1::PublishRequest request = Accepted(1);
  request.clear_durability();
  const grpc::Status status = node_.Publish(request, &response_);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(InfoOf(status).reason(), "JOURNAL_UNAVAILABLE");
  EXPECT_THAT(InfoOf(status).metadata().at("detail"), HasSubstr("memory"));
  EXPECT_EQ(node_.broker().Stats().latest_seq, 0u);
}

TEST_F(PublishTest, IsOffUnlessItIsSwitchedOn) {
  Node node({}, Role::kPublisher, 0);
  const grpc::Status status = node.Publish(Accepted(1), &response_);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_EQ(InfoOf(status).reason(), "PUBLISH_DISABLED");
}

TEST_F(PublishTest, NeedsItsRole) {
  for (const Role role : {Role::kSubscriber, Role::kOperator}) {
    Node node({}, role, 100);
    const grpc::Status status = node.Publish(Accepted(1), &response_);
    EXPECT_EQ(status.error_code(), grpc::StatusCode::PERMISSION_DENIED);
    EXPECT_EQ(InfoOf(status).reason(), "ROLE_REQUIRED");
    EXPECT_EQ(InfoOf(status).metadata().at("role"), "publisher");
  }
}

TEST_F(PublishTest, HasARateAboveWhichItSaysWhenToComeBack) {
  Node node({}, Role::kPublisher, 1);  // And a burst of 1,000.
  ASSERT_TRUE(node.Publish(Accepted(990), &response_).ok());
  const grpc::Status status = node.Publish(Accepted(500), &response_);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_EQ(InfoOf(status).reason(), "RATE_LIMITED");
  EXPECT_EQ(InfoOf(status).metadata().at("limit"), "1");
  google::rpc::Status details;
  ASSERT_TRUE(details.ParseFromString(status.error_details()));
  google::rpc::RetryInfo retry;
  ASSERT_TRUE(details.details(1).UnpackTo(&retry));
  EXPECT_GT(retry.retry_delay().seconds(), 400);
  EXPECT_EQ(node.broker().Stats().latest_seq, 990u);
}

TEST_F(PublishTest, AClosedLogTakesNothing) {
  node_.broker().Close();
  const grpc::Status status = node_.Publish(Accepted(1), &response_);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(InfoOf(status).reason(), "SERVER_DRAINING");
}

}  // namespace
}  // namespace weir
