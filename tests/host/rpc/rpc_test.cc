// The services, spoken to as a client would, over fakes.
#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "google/rpc/error_details.pb.h"
#include "grpcpp/grpcpp.h"
#include "gtest/gtest.h"
#include "host/metrics/process_stats.h"
#include "host/rpc/access.h"
#include "host/rpc/event_service.h"
#include "host/rpc/plugin_service.h"
#include "host/rpc/proto_event_codec.h"
#include "host/rpc/rpc_counter.h"
#include "host/rpc/server.h"
#include "host/rpc/source_service.h"
#include "host/rpc/stats_service.h"
#include "host/status/error_info.h"
#include "tests/fakes/fake_clock.h"
#include "tests/fakes/fake_event_log.h"
#include "tests/fakes/fake_plugin_checks.h"
#include "tests/fakes/fake_plugin_control.h"
#include "tests/fakes/fake_source_control.h"
#include "tests/support/short_temp_dir.h"

namespace weir {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

PluginStatus PluginCalled(const std::string& name, PluginStatus::State state) {
  PluginStatus plugin;
  plugin.name = name;
  plugin.state = state;
  plugin.last_transition.time = absl::UnixEpoch();
  return plugin;
}

class RpcTest : public testing::Test {
 protected:
  RpcTest() {
    ServerOptions options;
    options.listeners.push_back({.tcp = "127.0.0.1:0"});
    auto server = Server::Start(
        options, {&events_, &plugins_service_, &sources_service_, &stats_},
        counter_);
    EXPECT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
    channel_ = grpc::CreateChannel(server_->addresses()[0],
                                   grpc::InsecureChannelCredentials());
  }

  static google::rpc::ErrorInfo InfoOf(const grpc::Status& status) {
    google::rpc::Status details;
    EXPECT_TRUE(details.ParseFromString(status.error_details()));
    google::rpc::ErrorInfo info;
    for (const auto& any : details.details()) any.UnpackTo(&info);
    return info;
  }

  static SinkStats OneSink() {
    SinkStats stats;
    stats.name = "sinks/a";
    stats.delivered_events = 1;
    stats.delivered_bytes = 2;
    stats.failed_attempts = 3;
    stats.rejected_events = 4;
    stats.missed_events = 5;
    stats.lag_events = 6;
    stats.cursor = "fake-7";
    stats.last_error = "no\n";
    stats.last_delivery_time = absl::FromUnixSeconds(8);
    return stats;
  }

  FakeClock clock_;
  FakeEventLog log_;
  FakeSourceControl sources_{{"sources/a", "sources/b", "sources/c"}};
  FakePluginControl plugins_{
      {PluginCalled("plugins/bad", PluginStatus::State::kInvalid),
       PluginCalled("plugins/good", PluginStatus::State::kRunning)}};
  RpcCounter counter_;
  Access access_{{.loopback_role = Role::kOperator}};
  EventService events_{log_, access_, "1.2.3"};
  FakePluginChecks checks_;
  PluginService plugins_service_{plugins_, checks_, access_, clock_};
  SourceService sources_service_{sources_, access_, clock_};
  StatsService stats_{{log_, sources_, plugins_, counter_, clock_,
                       [] { return ProcessStats{.threads = 5}; },
                       [] { return std::vector<SinkStats>{OneSink()}; }},
                      {.version = "1.2.3", .start_time = absl::UnixEpoch()},
                      access_};
  std::unique_ptr<Server> server_;
  std::shared_ptr<grpc::Channel> channel_;
};

TEST_F(RpcTest, SubscribeWritesTheLogsOwnBytesAndTheCursor) {
  const auto stub = v1::EventService::NewStub(channel_);
  grpc::ClientContext context;
  v1::SubscribeRequest request;
  request.mutable_start()->set_after_id("fake-3");
  request.add_filters()->add_types("hijack.*");
  request.set_client_name("noc");
  const auto stream = stub->Subscribe(&context, request);

  StreamItem hello;
  hello.kind = StreamItem::Kind::kHello;
  hello.cursor = "fake-3";
  hello.batch_index = 1;
  hello.hello.epoch = "fake";
  log_.Say(hello);
  StreamItem events;
  events.kind = StreamItem::Kind::kEvents;
  events.cursor = "fake-5";
  events.batch_index = 2;
  const ProtoEventCodec codec;
  auto bytes = std::make_shared<std::string>();
  codec.AppendFramed({.type = "hijack.origin", .json = "{\"n\":1}"}, "fake-4",
                     4, absl::UnixEpoch(), bytes.get());
  // Long enough not to be copied.
  codec.AppendFramed({.type = "long", .json = std::string(10000, '1')},
                     "fake-5", 5, absl::UnixEpoch(), bytes.get());
  events.pieces.push_back({bytes, *bytes});
  log_.Say(events);

  v1::SubscribeResponse response;
  ASSERT_TRUE(stream->Read(&response));
  EXPECT_EQ(response.hello().epoch(), "fake");
  EXPECT_EQ(response.hello().server_version(), "1.2.3");
  EXPECT_EQ(response.cursor(), "fake-3");
  ASSERT_TRUE(stream->Read(&response));
  ASSERT_EQ(response.events_size(), 2);
  EXPECT_EQ(response.events(0).id(), "fake-4");
  EXPECT_EQ(response.events(0).type(), "hijack.origin");
  EXPECT_EQ(response.events(1).json().size(), 10000u);
  EXPECT_EQ(response.cursor(), "fake-5");
  EXPECT_EQ(response.batch_index(), 2u);
  const StreamOptions opened = log_.opened()[0];
  EXPECT_EQ(opened.start.after_id, "fake-3");
  EXPECT_THAT(opened.filters[0].types, ElementsAre("hijack.*"));
  EXPECT_EQ(opened.client_name, "noc");
  EXPECT_THAT(opened.peer, HasSubstr("127.0.0.1"));
}

TEST_F(RpcTest, ACancelledCallLetsGoOfItsStream) {
  const auto stub = v1::EventService::NewStub(channel_);
  grpc::ClientContext context;
  const auto stream = stub->Subscribe(&context, {});
  // gRPC's client only moves while somebody waits for it.
  StreamItem hello;
  hello.kind = StreamItem::Kind::kHello;
  log_.Say(hello);
  v1::SubscribeResponse response;
  ASSERT_TRUE(stream->Read(&response));
  log_.AwaitAttached(1);
  context.TryCancel();
  log_.AwaitAttached(0);
}

TEST_F(RpcTest, AStreamThatEndsTellsWhyWithDetails) {
  const auto stub = v1::EventService::NewStub(channel_);
  grpc::ClientContext context;
  const auto stream = stub->Subscribe(&context, {});
  StreamItem end;
  end.kind = StreamItem::Kind::kEnd;
  end.end = MakeError(absl::StatusCode::kUnavailable, "the host stops",
                      {.reason = "SERVER_DRAINING",
                       .metadata = {{"cursor", "fake-3"}},
                       .retry_delay = absl::Seconds(2)});
  log_.Say(end);
  v1::SubscribeResponse response;
  EXPECT_FALSE(stream->Read(&response));
  const grpc::Status status = stream->Finish();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(InfoOf(status).reason(), "SERVER_DRAINING");
  EXPECT_EQ(InfoOf(status).domain(), "weir.v1");
  EXPECT_EQ(InfoOf(status).metadata().at("cursor"), "fake-3");
  google::rpc::Status details;
  ASSERT_TRUE(details.ParseFromString(status.error_details()));
  google::rpc::RetryInfo retry;
  ASSERT_TRUE(details.details(1).UnpackTo(&retry));
  EXPECT_EQ(retry.retry_delay().seconds(), 2);
}

TEST_F(RpcTest, SubscribeRefusesANegativeHeartbeatByName) {
  const auto stub = v1::EventService::NewStub(channel_);
  grpc::ClientContext context;
  v1::SubscribeRequest request;
  request.mutable_heartbeat_interval()->set_seconds(-1);
  const auto stream = stub->Subscribe(&context, request);
  v1::SubscribeResponse response;
  EXPECT_FALSE(stream->Read(&response));
  const grpc::Status status = stream->Finish();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(InfoOf(status).metadata().at("field"), "heartbeat_interval");
}

TEST_F(RpcTest, ListsInPages) {
  const auto stub = v1::SourceService::NewStub(channel_);
  v1::ListSourcesRequest request;
  request.set_page_size(2);
  v1::ListSourcesResponse first;
  grpc::ClientContext context;
  ASSERT_TRUE(stub->ListSources(&context, request, &first).ok());
  ASSERT_EQ(first.sources_size(), 2);
  request.set_page_token(first.next_page_token());
  v1::ListSourcesResponse second;
  grpc::ClientContext again;
  ASSERT_TRUE(stub->ListSources(&again, request, &second).ok());
  ASSERT_EQ(second.sources_size(), 1);
  EXPECT_EQ(second.sources(0).name(), "sources/c");
  EXPECT_EQ(second.next_page_token(), "");
}

TEST_F(RpcTest, RefusesANegativePageSize) {
  const auto stub = v1::SourceService::NewStub(channel_);
  v1::ListSourcesRequest request;
  request.set_page_size(-1);
  v1::ListSourcesResponse response;
  grpc::ClientContext context;
  const grpc::Status status = stub->ListSources(&context, request, &response);
  EXPECT_EQ(InfoOf(status).reason(), "INVALID_FIELD");
}

TEST_F(RpcTest, ARepeatedRequestIdActsOnce) {
  const auto stub = v1::SourceService::NewStub(channel_);
  v1::ReconnectSourceRequest request;
  request.set_name("sources/a");
  request.set_request_id("11111111-1111-4111-8111-111111111111");
  for (int i = 0; i < 2; ++i) {
    grpc::ClientContext context;
    v1::Source response;
    ASSERT_TRUE(stub->ReconnectSource(&context, request, &response).ok());
    EXPECT_EQ(response.state(), v1::Source::STATE_CONNECTING);
  }
  EXPECT_EQ(sources_.reconnects(), 1);
  clock_.Advance(absl::Minutes(11));
  grpc::ClientContext context;
  v1::Source response;
  ASSERT_TRUE(stub->ReconnectSource(&context, request, &response).ok());
  EXPECT_EQ(sources_.reconnects(), 2);
}

TEST_F(RpcTest, FiltersPluginsByStateAndNamesAMissingOne) {
  const auto stub = v1::PluginService::NewStub(channel_);
  v1::ListPluginsRequest request;
  request.add_states(v1::Plugin::STATE_INVALID);
  v1::ListPluginsResponse response;
  grpc::ClientContext context;
  ASSERT_TRUE(stub->ListPlugins(&context, request, &response).ok());
  ASSERT_EQ(response.plugins_size(), 1);
  EXPECT_EQ(response.plugins(0).name(), "plugins/bad");

  v1::GetPluginRequest missing;
  missing.set_name("plugins/none");
  grpc::ClientContext again;
  v1::Plugin plugin;
  const grpc::Status status = stub->GetPlugin(&again, missing, &plugin);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(InfoOf(status).reason(), "PLUGIN_NOT_FOUND");
}

TEST_F(RpcTest, StatsAreMaskedAndCountTheCalls) {
  const auto stub = v1::StatsService::NewStub(channel_);
  v1::GetStatsRequest request;
  request.mutable_read_mask()->add_paths("process");
  request.mutable_read_mask()->add_paths("total_dropped");
  v1::Stats stats;
  grpc::ClientContext context;
  ASSERT_TRUE(stub->GetStats(&context, request, &stats).ok());
  EXPECT_EQ(stats.process().threads(), 5u);
  EXPECT_EQ(stats.total_dropped(), 3u);
  EXPECT_FALSE(stats.has_broker());

  request.mutable_read_mask()->set_paths(0, "proces");
  grpc::ClientContext wrong;
  EXPECT_THAT(stub->GetStats(&wrong, request, &stats).error_message(),
              HasSubstr("\"proces\" is not a top-level field"));

  request.mutable_read_mask()->set_paths(0, "rpc");
  grpc::ClientContext again;
  ASSERT_TRUE(stub->GetStats(&again, request, &stats).ok());
  EXPECT_EQ(stats.rpc().started(), 3u);
  EXPECT_EQ(stats.rpc().failed(), 1u);
  EXPECT_EQ(stats.rpc().by_code().at("INVALID_ARGUMENT"), 1u);
}

TEST_F(RpcTest, StatsHaveTheSinks) {
  const auto stub = v1::StatsService::NewStub(channel_);
  v1::GetStatsRequest request;
  request.mutable_read_mask()->add_paths("sinks");
  v1::Stats stats;
  grpc::ClientContext context;
  ASSERT_TRUE(stub->GetStats(&context, request, &stats).ok());
  ASSERT_EQ(stats.sinks_size(), 1);
  const v1::SinkStats& sink = stats.sinks(0);
  EXPECT_EQ(sink.name(), "sinks/a");
  EXPECT_EQ(sink.delivered_events(), 1u);
  EXPECT_EQ(sink.delivered_bytes(), 2u);
  EXPECT_EQ(sink.failed_attempts(), 3u);
  EXPECT_EQ(sink.rejected_events(), 4u);
  EXPECT_EQ(sink.missed_events(), 5u);
  EXPECT_EQ(sink.lag_events(), 6u);
  EXPECT_EQ(sink.cursor(), "fake-7");
  EXPECT_EQ(sink.last_error(), "no\n");
  EXPECT_EQ(sink.last_delivery_time().seconds(), 8);
}

TEST_F(RpcTest, WatchStatsSendsOneAfterTheOther) {
  const auto stub = v1::StatsService::NewStub(channel_);
  v1::WatchStatsRequest request;
  request.mutable_interval()->set_nanos(1);  // Raised to 100 ms.
  grpc::ClientContext context;
  const auto stream = stub->WatchStats(&context, request);
  v1::Stats stats;
  for (uint64_t index = 1; index <= 3; ++index) {
    ASSERT_TRUE(stream->Read(&stats));
    EXPECT_EQ(stats.snapshot_index(), index);
  }
  context.TryCancel();
  while (stream->Read(&stats)) {
  }
  EXPECT_EQ(stream->Finish().error_code(), grpc::StatusCode::CANCELLED);
}

TEST(ServerTest, RefusesAPortThatIsInUse) {
  RpcCounter counter;
  ServerOptions options;
  options.listeners.push_back({.tcp = "127.0.0.1:0"});
  const auto first = Server::Start(options, {}, counter);
  ASSERT_TRUE(first.ok()) << first.status();
  options.listeners[0].tcp = (*first)->addresses()[0];
  const auto second = Server::Start(options, {}, counter);
  EXPECT_EQ(second.status().code(), absl::StatusCode::kAlreadyExists);
  EXPECT_THAT(std::string(second.status().message()),
              HasSubstr("address in use: 127.0.0.1:"));
}

TEST(ServerTest, ReplacesAStaleSocketAndLeavesAnythingElse) {
  const ShortTempDir dir;
  RpcCounter counter;
  ServerOptions options;
  options.listeners.push_back({.unix_path = dir.path() + "/a.sock"});
  {
    const auto first = Server::Start(options, {}, counter);
    ASSERT_TRUE(first.ok()) << first.status();
    const auto second = Server::Start(options, {}, counter);
    EXPECT_EQ(second.status().code(), absl::StatusCode::kAlreadyExists);
  }
  const auto again = Server::Start(options, {}, counter);
  EXPECT_TRUE(again.ok()) << again.status();

  options.listeners[0].unix_path = dir.path();  // A directory.
  EXPECT_THAT(
      std::string(Server::Start(options, {}, counter).status().message()),
      HasSubstr("is no socket"));
}

}  // namespace
}  // namespace weir
