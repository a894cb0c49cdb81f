// SubscriptionService over subscriptions that wait for a disk.
#include "host/rpc/subscription_service.h"

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "google/rpc/error_details.pb.h"
#include "grpcpp/grpcpp.h"
#include "gtest/gtest.h"
#include "host/control/subscriptions.h"
#include "host/rpc/access.h"
#include "host/rpc/rpc_counter.h"
#include "host/rpc/server.h"
#include "host/rpc/slow_calls.h"
#include "host/sync/mutex.h"
#include "weir/v1/subscription.grpc.pb.h"

namespace weir {
namespace {

// Finds a time only when the test says so, as a disk does that takes its time.
class WaitingSubscriptions final : public Subscriptions {
 public:
  void AwaitSeeking() ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(&mu_);
    while (seeking_ == 0) changed_.Wait(&mu_);
  }
  void Answer() ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(&mu_);
    answers_ = true;
    changed_.NotifyAll();
  }

  absl::StatusOr<Subscription> Create(absl::string_view, Subscription,
                                      StartPosition start, absl::string_view,
                                      bool) override {
    return Find(start);
  }
  absl::StatusOr<Subscription> Seek(absl::string_view,
                                    const StartPosition& start) override {
    return Find(start);
  }
  absl::StatusOr<Subscription> Get(absl::string_view) const override {
    return Subscription();
  }
  std::vector<Subscription> List() const override { return {}; }
  absl::StatusOr<Subscription> Update(absl::string_view, Subscription,
                                      SubscriptionFields,
                                      absl::string_view) override {
    return absl::UnimplementedError("");
  }
  absl::Status Delete(absl::string_view, absl::string_view, bool) override {
    return absl::UnimplementedError("");
  }
  absl::StatusOr<std::unique_ptr<EventStream>> Consume(
      ConsumeOptions, std::function<void()>) override {
    return absl::UnimplementedError("");
  }
  absl::StatusOr<Acknowledged> Acknowledge(absl::string_view, absl::string_view,
                                           absl::string_view) override {
    return absl::UnimplementedError("");
  }

 private:
  absl::StatusOr<Subscription> Find(const StartPosition& start)
      ABSL_LOCKS_EXCLUDED(mu_) {
    if (start.kind != StartPosition::Kind::kAtTime) return Subscription();
    MutexLock lock(&mu_);
    ++seeking_;
    changed_.NotifyAll();
    while (!answers_) changed_.Wait(&mu_);
    Subscription found;
    found.display_name = "found";
    return found;
  }

  Mutex mu_;
  CondVar changed_;
  int seeking_ ABSL_GUARDED_BY(mu_) = 0;
  bool answers_ ABSL_GUARDED_BY(mu_) = false;
};

class SubscriptionServiceTest : public testing::Test {
 protected:
  SubscriptionServiceTest() {
    ServerOptions options;
    options.listeners.push_back({.tcp = "127.0.0.1:0"});
    auto server = Server::Start(options, {&service_}, counter_);
    EXPECT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
    stub_ = v1::SubscriptionService::NewStub(grpc::CreateChannel(
        server_->addresses()[0], grpc::InsecureChannelCredentials()));
  }
  ~SubscriptionServiceTest() override { subscriptions_.Answer(); }

  // Calls that only a disk can answer; they go on by themselves.
  struct Call {
    grpc::ClientContext context;
    v1::SeekSubscriptionRequest seek;
    v1::CreateSubscriptionRequest create;
    v1::Subscription answer;
    grpc::Status status;
  };

  // The last one is a Create.
  void SeekToATime(int n) {
    for (int i = 0; i < n; ++i) {
      Call& call = *calls_.emplace_back(std::make_unique<Call>());
      const auto done = [this, &call](const grpc::Status& status) {
        MutexLock lock(&mu_);
        call.status = status;
        ++n_done_;
        done_.NotifyAll();
      };
      if (i + 1 < n) {
        call.seek.mutable_start()->mutable_at_time()->set_seconds(1);
        stub_->async()->SeekSubscription(&call.context, &call.seek,
                                         &call.answer, done);
      } else {
        call.create.mutable_start()->mutable_at_time()->set_seconds(1);
        stub_->async()->CreateSubscription(&call.context, &call.create,
                                           &call.answer, done);
      }
    }
  }
  void AwaitDone(size_t n) {
    MutexLock lock(&mu_);
    while (n_done_ < n) done_.Wait(&mu_);
  }

  WaitingSubscriptions subscriptions_;
  Access access_{Access::Options()};
  RpcCounter counter_;
  SubscriptionService service_{subscriptions_, access_, "1.2.3"};
  std::unique_ptr<Server> server_;
  std::unique_ptr<v1::SubscriptionService::Stub> stub_;
  std::vector<std::unique_ptr<Call>> calls_;
  Mutex mu_;
  CondVar done_;
  size_t n_done_ ABSL_GUARDED_BY(mu_) = 0;
};

TEST_F(SubscriptionServiceTest, AnswersOthersWhileTheJournalIsSearched) {
  // Many more than gRPC has threads.
  SeekToATime(20);
  subscriptions_.AwaitSeeking();
  v1::Subscription answer;
  grpc::ClientContext get_context;
  EXPECT_TRUE(stub_->GetSubscription(&get_context, {}, &answer).ok());
  // What is in memory needs no disk.
  v1::SeekSubscriptionRequest latest;
  latest.mutable_start()->mutable_latest();
  grpc::ClientContext seek_context;
  EXPECT_TRUE(stub_->SeekSubscription(&seek_context, latest, &answer).ok());

  subscriptions_.Answer();
  AwaitDone(20);
  for (const auto& call : calls_) {
    EXPECT_TRUE(call->status.ok()) << call->status.error_message();
    EXPECT_EQ(call->answer.display_name(), "found");
  }
}

TEST_F(SubscriptionServiceTest, RefusesWhatWouldWaitTooLong) {
  const size_t most = SlowCalls::kMostWaiting + 1;  // One of them is served.
  SeekToATime(static_cast<int>(most) + 10);
  AwaitDone(10);
  subscriptions_.Answer();
  AwaitDone(most + 10);
  int refused = 0;
  for (const auto& call : calls_) {
    if (call->status.ok()) continue;
    ++refused;
    EXPECT_EQ(call->status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
    google::rpc::Status details;
    ASSERT_TRUE(details.ParseFromString(call->status.error_details()));
    google::rpc::ErrorInfo info;
    ASSERT_TRUE(details.details(0).UnpackTo(&info));
    EXPECT_EQ(info.reason(), "RATE_LIMITED");
    EXPECT_EQ(info.metadata().at("limit"), "64");
  }
  // The first may have been counted as waiting before the thread took it.
  EXPECT_GE(refused, 10);
  EXPECT_LE(refused, 11);
}

TEST_F(SubscriptionServiceTest, EndsThoughACallWaits) {
  SeekToATime(3);
  subscriptions_.AwaitSeeking();
  EXPECT_TRUE(server_->Stop(absl::ZeroDuration(), absl::Seconds(60)));
  AwaitDone(3);
  for (const auto& call : calls_) EXPECT_FALSE(call->status.ok());
}

}  // namespace
}  // namespace weir
