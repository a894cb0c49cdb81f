// What an operator does to the processes of a node, over gRPC.
#include "host/rpc/steward_service.h"

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "google/rpc/error_details.pb.h"
#include "grpcpp/grpcpp.h"
#include "gtest/gtest.h"
#include "host/control/steward_outboxes.h"
#include "host/control/steward_undelivered.h"
#include "host/rpc/access.h"
#include "host/rpc/rpc_counter.h"
#include "host/rpc/server.h"
#include "host/source/steward_node_set.h"
#include "host/source/steward_processes.h"
#include "lib/steward/profile.h"
#include "tests/fakes/fake_clock.h"

namespace weir {
namespace {

using Stub = v1::StewardService::Stub;
using Status = v1::StewardProcessStatus;
using testing::ElementsAre;
using testing::HasSubstr;

// A host none of whose nodes sends.
class NoOutboxes final : public StewardOutboxes, public StewardUndelivered {
 public:
  StewardOutbox* Find(absl::string_view) override { return nullptr; }
  std::vector<std::string> sources() const override { return {}; }
  absl::StatusOr<std::vector<UndeliveredMessage>> ListUndelivered(
      absl::string_view, uint64_t, size_t) override {
    return absl::UnimplementedError("");
  }
  absl::Status Resend(absl::string_view,
                      const std::vector<uint64_t>&) override {
    return absl::UnimplementedError("");
  }
};

class StewardServiceTest : public testing::Test {
 protected:
  StewardServiceTest() {
    nodes_.Add("sources/central", central_);
    Serve(Role::kOperator);
  }

  void Serve(Role role) {
    server_.reset();
    access_ = std::make_unique<Access>(Access::Options{.loopback_role = role});
    service_ = std::make_unique<StewardService>(outboxes_, outboxes_, nodes_,
                                                *access_, clock_);
    ServerOptions listeners;
    listeners.listeners.push_back({.tcp = "127.0.0.1:0"});
    auto server = Server::Start(listeners, {service_.get()}, counter_);
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
    stub_ = v1::StewardService::NewStub(grpc::CreateChannel(
        server_->addresses()[0], grpc::InsecureChannelCredentials()));
  }

  // Makes one call; what it is answered with goes into `response`.
  template <typename Method, typename Request, typename Response>
  grpc::Status Call(Method method, const Request& request, Response* response) {
    grpc::ClientContext context;
    return (stub_.get()->*method)(&context, request, response);
  }

  grpc::Status Start(const v1::StartProcessRequest& request, Status* process) {
    return Call(&Stub::StartProcess, request, process);
  }
  grpc::Status Stop(const std::string& method, Status* process) {
    v1::StopProcessRequest request;
    request.set_method(method);
    return Call(&Stub::StopProcess, request, process);
  }

  std::vector<std::string> Methods() {
    std::vector<std::string> methods;
    for (const auto& process : central_->Processes()) {
      methods.push_back(process.method);
    }
    return methods;
  }

  static google::rpc::ErrorInfo InfoOf(const grpc::Status& status) {
    google::rpc::Status details;
    EXPECT_TRUE(details.ParseFromString(status.error_details()));
    google::rpc::ErrorInfo info;
    for (const auto& any : details.details()) any.UnpackTo(&info);
    return info;
  }

  static v1::StartProcessRequest Named(const std::string& method) {
    v1::StartProcessRequest request;
    request.set_method(method);
    return request;
  }

  FakeClock clock_;
  NoOutboxes outboxes_;
  StewardNodeSet nodes_;
  const std::shared_ptr<StewardProcesses> central_ =
      std::make_shared<StewardProcesses>(
          StewardNode{.name = "central",
                      .profile = steward::Profile::kS1,
                      .processes = {{.method = "REQPing",
                                     .allowed_senders = {"a", "b"},
                                     .stop_on_error = true,
                                     .acknowledge_done = true},
                                    {.method = "REQHello"}},
                      .stopped = {"REQHello"}},
          clock_);
  RpcCounter counter_;
  std::unique_ptr<Access> access_;
  std::unique_ptr<StewardService> service_;
  std::unique_ptr<Server> server_;
  std::unique_ptr<Stub> stub_;
};

TEST_F(StewardServiceTest, TellsAllThatIsKnownOfAProcess) {
  central_->SetRunning(central_->ToRun());
  central_->Fail(central_->FindMethod("REQPing")->run, "a handler failed");
  v1::ListProcessesResponse list;
  ASSERT_TRUE(
      Call(&Stub::ListProcesses, v1::ListProcessesRequest(), &list).ok());
  ASSERT_EQ(list.processes_size(), 2);
  const Status& ping = list.processes(0);
  EXPECT_EQ(ping.source(), "sources/central");
  EXPECT_EQ(ping.id(), 1u);
  EXPECT_EQ(ping.method(), "REQPing");
  EXPECT_EQ(ping.subject(), "central.REQPing.EventACK");
  EXPECT_EQ(ping.name(), "central.REQPing.EventACK_subscriber");
  EXPECT_EQ(ping.state(), Status::STATE_ENDED);
  EXPECT_EQ(ping.why(), "a handler failed");
  EXPECT_TRUE(ping.has_state_time());
  EXPECT_TRUE(ping.configured());
  EXPECT_THAT(ping.allowed_senders(), ElementsAre("a", "b"));
  EXPECT_FALSE(ping.require_signature());
  EXPECT_TRUE(ping.stop_on_error());
  EXPECT_TRUE(ping.acknowledge_done());
  EXPECT_EQ(list.processes(1).state(), Status::STATE_STOPPED);
}

TEST_F(StewardServiceTest, ListsPageByPage) {
  for (int i = 0; i < 5; ++i) {
    ASSERT_TRUE(central_->Start({.method = absl::StrCat("x", i)}).ok());
  }
  ASSERT_TRUE(central_->Stop("x1").ok());
  v1::ListProcessesRequest request;
  request.set_page_size(2);
  std::vector<std::string> methods;
  int pages = 0;
  do {
    v1::ListProcessesResponse list;
    ASSERT_TRUE(Call(&Stub::ListProcesses, request, &list).ok());
    for (const Status& one : list.processes()) methods.push_back(one.method());
    request.set_page_token(list.next_page_token());
    ++pages;
  } while (!request.page_token().empty());
  EXPECT_EQ(pages, 3);
  EXPECT_THAT(methods,
              ElementsAre("REQPing", "REQHello", "x0", "x2", "x3", "x4"));
  request.set_page_token("x");
  v1::ListProcessesResponse list;
  EXPECT_EQ(InfoOf(Call(&Stub::ListProcesses, request, &list)).reason(),
            "INVALID_FIELD");
}

TEST_F(StewardServiceTest, StartsAndStopsAProcess) {
  v1::StartProcessRequest request = Named("REQTest");
  request.set_source("sources/central");
  request.add_allowed_senders("node1");
  request.set_stop_on_error(true);
  Status process;
  ASSERT_TRUE(Start(request, &process).ok());
  EXPECT_EQ(process.id(), 3u);
  EXPECT_EQ(process.state(), Status::STATE_STARTING);
  EXPECT_FALSE(process.configured());
  EXPECT_THAT(process.allowed_senders(), ElementsAre("node1"));
  EXPECT_TRUE(process.stop_on_error());
  EXPECT_THAT(central_->FindMethod("REQTest")->settings->allowed_senders,
              ElementsAre("node1"));
  ASSERT_TRUE(Stop("REQTest", &process).ok());
  EXPECT_EQ(process.state(), Status::STATE_STOPPED);
  EXPECT_THAT(Methods(), ElementsAre("REQPing", "REQHello"));
}

TEST_F(StewardServiceTest, StartsOneOfTheConfigurationWithItsSettings) {
  Status process;
  ASSERT_TRUE(Stop("REQPing", &process).ok());
  EXPECT_EQ(process.state(), Status::STATE_STOPPED);
  ASSERT_TRUE(Start(Named("REQPing"), &process).ok());
  EXPECT_EQ(process.state(), Status::STATE_STARTING);
  EXPECT_THAT(process.allowed_senders(), ElementsAre("a", "b"));
  v1::StartProcessRequest other = Named("REQPing");
  other.add_allowed_senders("c");
  const grpc::Status status = Start(other, &process);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::ALREADY_EXISTS);
  EXPECT_EQ(InfoOf(status).reason(), "PROCESS_CONFIGURED");
}

TEST_F(StewardServiceTest, ARepeatIsAnsweredAsTheFirst) {
  v1::StartProcessRequest request = Named("REQTest");
  request.set_request_id("1");
  Status first, again;
  ASSERT_TRUE(Start(request, &first).ok());
  ASSERT_TRUE(central_->Stop("REQTest").ok());
  ASSERT_TRUE(Start(request, &again).ok());
  EXPECT_EQ(again.SerializeAsString(), first.SerializeAsString());
  EXPECT_THAT(Methods(), ElementsAre("REQPing", "REQHello"));
}

TEST_F(StewardServiceTest, RefusesWithAReason) {
  Status process;
  grpc::Status status = Start(Named("a b"), &process);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(InfoOf(status).metadata().at("field"), "method");
  status = Stop("REQTest", &process);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(InfoOf(status).reason(), "PROCESS_NOT_FOUND");
  v1::StartProcessRequest request = Named("x");
  request.set_source("sources/none");
  status = Start(request, &process);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(InfoOf(status).reason(), "SOURCE_NOT_FOUND");
  EXPECT_THAT(status.error_message(), HasSubstr("sources/central"));
  nodes_.Add("sources/other", std::make_shared<StewardProcesses>(
                                  StewardNode{.name = "other"}, clock_));
  request.clear_source();
  status = Start(request, &process);
  EXPECT_EQ(InfoOf(status).metadata().at("field"), "source");
  EXPECT_THAT(status.error_message(),
              HasSubstr("sources/central, sources/other"));
  EXPECT_THAT(Methods(), ElementsAre("REQPing", "REQHello"));
}

TEST_F(StewardServiceTest, AViewerSeesThemAndChangesNone) {
  Serve(Role::kViewer);
  v1::ListProcessesResponse list;
  EXPECT_TRUE(
      Call(&Stub::ListProcesses, v1::ListProcessesRequest(), &list).ok());
  Status process;
  EXPECT_EQ(Start(Named("x"), &process).error_code(),
            grpc::StatusCode::PERMISSION_DENIED);
  EXPECT_EQ(Stop("REQPing", &process).error_code(),
            grpc::StatusCode::PERMISSION_DENIED);
  EXPECT_THAT(Methods(), ElementsAre("REQPing", "REQHello"));
}

}  // namespace
}  // namespace weir
