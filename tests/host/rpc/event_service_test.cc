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
#include "gmock/gmock.h"
#include "google/rpc/error_details.pb.h"
#include "grpcpp/grpcpp.h"
#include "gtest/gtest.h"
#include "host/broker/broker.h"
#include "host/rpc/access.h"
#include "host/rpc/proto_event_codec.h"
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
  explicit Node(const BrokerOptions& options = {})
      : broker_(options, kEpoch, codec_, clock_) {
    broker_.Start();
    ServerOptions server_options;
    server_options.listeners.push_back({.tcp = "127.0.0.1:0"});
    auto server = Server::Start(server_options, {&service_}, counter_);
    EXPECT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
    stub_ = v1::EventService::NewStub(grpc::CreateChannel(
        server_->addresses()[0], grpc::InsecureChannelCredentials()));
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

  Broker& broker() { return broker_; }

 private:
  const SystemClock clock_;
  const ProtoEventCodec codec_;
  Broker broker_;
  const Access access_{{.loopback_role = Role::kSubscriber}};
  EventService service_{broker_, access_, "1.2.3"};
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

}  // namespace
}  // namespace weir
