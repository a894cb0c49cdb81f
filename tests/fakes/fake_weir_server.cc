#include "tests/fakes/fake_weir_server.h"

#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server_builder.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "google/protobuf/util/field_mask_util.h"
#include "google/rpc/error_details.pb.h"

namespace weir {
namespace {

// How often a waiting stream looks whether its client has left; gRPC's
// synchronous server has no call for that.
constexpr absl::Duration kLook = absl::Milliseconds(5);

std::string Id(uint64_t seq) {
  return absl::StrCat(FakeWeirServer::kEpoch, "-", seq);
}

uint64_t SeqOf(const std::string& id) {
  uint64_t seq = 0;
  const std::vector<std::string> parts = absl::StrSplit(id, '-');
  return absl::SimpleAtoi(parts.back(), &seq) ? seq : 0;
}

void SetDuration(absl::Duration duration, google::protobuf::Duration* into) {
  into->set_seconds(absl::ToInt64Seconds(duration));
  into->set_nanos(static_cast<int32_t>(
      absl::ToInt64Nanoseconds(duration % absl::Seconds(1))));
}

// Copies the page of `items` that `token` names, and sets the next one's.
template <typename Item, typename Field>
void Page(const std::vector<Item>& items, int size, const std::string& token,
          Field* page, std::string* next) {
  size_t at = 0;
  if (!absl::SimpleAtoi(token, &at)) at = 0;
  const size_t end = std::min(items.size(), at + static_cast<size_t>(size));
  for (; at < end; ++at) *page->Add() = items[at];
  if (end < items.size()) *next = absl::StrCat(end);
}

// The item with the name that `request` asks for.
template <typename Item>
grpc::Status Find(const std::vector<Item>& items, const std::string& name,
                  const std::string& reason, Item* found) {
  for (const Item& item : items) {
    if (item.name() != name) continue;
    *found = item;
    return grpc::Status::OK;
  }
  return FakeWeirServer::Error(grpc::StatusCode::NOT_FOUND,
                               absl::StrCat(name, " is not there"), reason);
}

}  // namespace

class FakeWeirServer::Events final : public weir::v1::EventService::Service {
 public:
  explicit Events(FakeWeirServer& server) : server_(server) {}

  grpc::Status Subscribe(grpc::ServerContext* context,
                         const weir::v1::SubscribeRequest* request,
                         Writer* writer) override {
    {
      client::MutexLock lock(&server_.mu_);
      server_.subscribes_.push_back(*request);
    }
    return server_.Play(context, writer, server_.StartSeq(request->start()),
                        request->stop_at_latest(), "");
  }

  grpc::Status GetLogInfo(grpc::ServerContext*,
                          const weir::v1::GetLogInfoRequest*,
                          weir::v1::LogInfo* info) override {
    client::MutexLock lock(&server_.mu_);
    info->set_epoch(kEpoch);
    info->set_earliest_id(Id(1));
    info->set_latest_id(Id(server_.log_.size()));
    info->set_event_count(server_.log_.size());
    return grpc::Status::OK;
  }

 private:
  FakeWeirServer& server_;
};

class FakeWeirServer::Stats final : public weir::v1::StatsService::Service {
 public:
  explicit Stats(FakeWeirServer& server) : server_(server) {}

  grpc::Status GetStats(grpc::ServerContext*, const weir::v1::GetStatsRequest*,
                        weir::v1::Stats* stats) override {
    *stats = server_.stats;
    return grpc::Status::OK;
  }

  // Two snapshots, and then the stream stays open.
  grpc::Status WatchStats(
      grpc::ServerContext* context, const weir::v1::WatchStatsRequest*,
      grpc::ServerWriter<weir::v1::Stats>* writer) override {
    for (int index : {1, 2}) {
      weir::v1::Stats stats = server_.stats;
      stats.set_snapshot_index(index);
      writer->Write(stats);
    }
    server_.WaitForEnd(context);
    return grpc::Status::OK;
  }

  grpc::Status GetServerInfo(grpc::ServerContext*,
                             const weir::v1::GetServerInfoRequest*,
                             weir::v1::ServerInfo* info) override {
    *info = server_.server_info;
    return grpc::Status::OK;
  }

 private:
  FakeWeirServer& server_;
};

class FakeWeirServer::Plugins final : public weir::v1::PluginService::Service {
 public:
  explicit Plugins(FakeWeirServer& server) : server_(server) {}

  grpc::Status ListPlugins(grpc::ServerContext*,
                           const weir::v1::ListPluginsRequest* request,
                           weir::v1::ListPluginsResponse* response) override {
    Page(server_.plugins, server_.page_size, request->page_token(),
         response->mutable_plugins(), response->mutable_next_page_token());
    return grpc::Status::OK;
  }

  grpc::Status GetPlugin(grpc::ServerContext*,
                         const weir::v1::GetPluginRequest* request,
                         weir::v1::Plugin* plugin) override {
    return Find(server_.plugins, request->name(), "PLUGIN_NOT_FOUND", plugin);
  }

  grpc::Status LoadPlugin(grpc::ServerContext*,
                          const weir::v1::LoadPluginRequest* request,
                          weir::v1::Plugin* plugin) override {
    Remember("LoadPlugin", *request);
    *plugin = server_.plugins.at(0);
    return grpc::Status::OK;
  }

  grpc::Status UnloadPlugin(grpc::ServerContext*,
                            const weir::v1::UnloadPluginRequest* request,
                            weir::v1::UnloadPluginResponse* response) override {
    response->set_discarded_messages(server_.discarded_messages);
    const grpc::Status status =
        Change("UnloadPlugin", *request, response->mutable_plugin());
    if (request->remove()) response->clear_plugin();
    return status;
  }

  grpc::Status ReloadPlugin(grpc::ServerContext*,
                            const weir::v1::ReloadPluginRequest* request,
                            weir::v1::Plugin* plugin) override {
    return Change("ReloadPlugin", *request, plugin);
  }

  grpc::Status UpgradePlugin(grpc::ServerContext*,
                             const weir::v1::UpgradePluginRequest* request,
                             weir::v1::Plugin* plugin) override {
    return Change("UpgradePlugin", *request, plugin);
  }

  grpc::Status UpdatePluginConfig(
      grpc::ServerContext*, const weir::v1::UpdatePluginConfigRequest* request,
      weir::v1::Plugin* plugin) override {
    return Change("UpdatePluginConfig", *request, plugin);
  }

  grpc::Status RollbackPlugin(grpc::ServerContext*,
                              const weir::v1::RollbackPluginRequest* request,
                              weir::v1::Plugin* plugin) override {
    return Change("RollbackPlugin", *request, plugin);
  }

  grpc::Status PausePlugin(grpc::ServerContext*,
                           const weir::v1::PausePluginRequest* request,
                           weir::v1::Plugin* plugin) override {
    return Change("PausePlugin", *request, plugin);
  }

  grpc::Status ResumePlugin(grpc::ServerContext*,
                            const weir::v1::ResumePluginRequest* request,
                            weir::v1::Plugin* plugin) override {
    return Change("ResumePlugin", *request, plugin);
  }

  grpc::Status QuarantinePlugin(
      grpc::ServerContext*, const weir::v1::QuarantinePluginRequest* request,
      weir::v1::Plugin* plugin) override {
    return Change("QuarantinePlugin", *request, plugin);
  }

  grpc::Status ReleasePlugin(grpc::ServerContext*,
                             const weir::v1::ReleasePluginRequest* request,
                             weir::v1::Plugin* plugin) override {
    return Change("ReleasePlugin", *request, plugin);
  }

  grpc::Status ResetPluginStats(
      grpc::ServerContext*, const weir::v1::ResetPluginStatsRequest* request,
      weir::v1::ResetPluginStatsResponse* response) override {
    Remember("ResetPluginStats", *request);
    response->mutable_reset_time()->set_seconds(100);
    return grpc::Status::OK;
  }

 private:
  template <typename Request>
  void Remember(const char* method, const Request& request) {
    client::MutexLock lock(&server_.mu_);
    server_.plugin_calls_.push_back(
        absl::StrCat(method, " ", request.ShortDebugString()));
  }

  template <typename Request>
  grpc::Status Change(const char* method, const Request& request,
                      weir::v1::Plugin* plugin) {
    Remember(method, request);
    return Find(server_.plugins, request.name(), "PLUGIN_NOT_FOUND", plugin);
  }

  FakeWeirServer& server_;
};

class FakeWeirServer::Sources final : public weir::v1::SourceService::Service {
 public:
  explicit Sources(FakeWeirServer& server) : server_(server) {}

  grpc::Status ListSources(grpc::ServerContext*,
                           const weir::v1::ListSourcesRequest* request,
                           weir::v1::ListSourcesResponse* response) override {
    Page(server_.sources, server_.page_size, request->page_token(),
         response->mutable_sources(), response->mutable_next_page_token());
    return grpc::Status::OK;
  }

  grpc::Status GetSource(grpc::ServerContext*,
                         const weir::v1::GetSourceRequest* request,
                         weir::v1::Source* source) override {
    return Find(server_.sources, request->name(), "SOURCE_NOT_FOUND", source);
  }

  grpc::Status PauseSource(grpc::ServerContext*,
                           const weir::v1::PauseSourceRequest* request,
                           weir::v1::Source* source) override {
    return Do("pause", request->name(), request->reason(),
              weir::v1::Source::STATE_PAUSED, source);
  }

  grpc::Status ResumeSource(grpc::ServerContext*,
                            const weir::v1::ResumeSourceRequest* request,
                            weir::v1::Source* source) override {
    return Do("resume", request->name(), request->reason(),
              weir::v1::Source::STATE_CONNECTING, source);
  }

  grpc::Status ReconnectSource(grpc::ServerContext*,
                               const weir::v1::ReconnectSourceRequest* request,
                               weir::v1::Source* source) override {
    return Do("reconnect", request->name(), request->reason(),
              weir::v1::Source::STATE_CONNECTING, source);
  }

 private:
  grpc::Status Do(const std::string& what, const std::string& name,
                  const std::string& reason, weir::v1::Source::State state,
                  weir::v1::Source* source) {
    {
      client::MutexLock lock(&server_.mu_);
      server_.source_calls_.push_back(
          absl::StrCat(what, " ", name, " ", reason));
    }
    const grpc::Status found =
        Find(server_.sources, name, "SOURCE_NOT_FOUND", source);
    source->set_state(state);
    return found;
  }

  FakeWeirServer& server_;
};

class FakeWeirServer::Steward final : public weir::v1::StewardService::Service {
 public:
  explicit Steward(FakeWeirServer& server) : server_(server) {}

  grpc::Status ListProcesses(
      grpc::ServerContext*, const weir::v1::ListProcessesRequest* request,
      weir::v1::ListProcessesResponse* response) override {
    Remember("ListProcesses", request->ShortDebugString());
    Page(server_.processes, server_.page_size, request->page_token(),
         response->mutable_processes(), response->mutable_next_page_token());
    return grpc::Status::OK;
  }

  grpc::Status StartProcess(grpc::ServerContext*,
                            const weir::v1::StartProcessRequest* request,
                            weir::v1::StewardProcessStatus* process) override {
    return Change("StartProcess", *request, process);
  }

  grpc::Status StopProcess(grpc::ServerContext*,
                           const weir::v1::StopProcessRequest* request,
                           weir::v1::StewardProcessStatus* process) override {
    return Change("StopProcess", *request, process);
  }

 private:
  void Remember(const char* method, const std::string& request) {
    client::MutexLock lock(&server_.mu_);
    server_.steward_calls_.push_back(absl::StrCat(method, " ", request));
  }

  template <typename Request>
  grpc::Status Change(const char* method, Request request,
                      weir::v1::StewardProcessStatus* process) {
    if (request.request_id().empty()) {
      return {grpc::StatusCode::INVALID_ARGUMENT, "no request_id"};
    }
    request.clear_request_id();
    Remember(method, request.ShortDebugString());
    for (const weir::v1::StewardProcessStatus& one : server_.processes) {
      if (one.method() != request.method()) continue;
      *process = one;
      return grpc::Status::OK;
    }
    return Error(grpc::StatusCode::NOT_FOUND, "no such process",
                 "PROCESS_NOT_FOUND");
  }

  FakeWeirServer& server_;
};

class FakeWeirServer::Subscriptions final
    : public weir::v1::SubscriptionService::Service {
 public:
  explicit Subscriptions(FakeWeirServer& server) : server_(server) {}

  grpc::Status CreateSubscription(
      grpc::ServerContext*, const weir::v1::CreateSubscriptionRequest* request,
      weir::v1::Subscription* subscription) override {
    const uint64_t seq = server_.StartSeq(request->start());
    client::MutexLock lock(&server_.mu_);
    *subscription = request->subscription();
    subscription->set_name("subscriptions/" + request->subscription_id());
    subscription->set_state(weir::v1::Subscription::STATE_IDLE);
    subscription->set_ack_cursor(Id(seq));
    server_.subscriptions_.push_back(*subscription);
    return grpc::Status::OK;
  }

  grpc::Status GetSubscription(grpc::ServerContext*,
                               const weir::v1::GetSubscriptionRequest* request,
                               weir::v1::Subscription* subscription) override {
    return Find(server_.subscriptions(), request->name(),
                "SUBSCRIPTION_NOT_FOUND", subscription);
  }

  grpc::Status ListSubscriptions(
      grpc::ServerContext*, const weir::v1::ListSubscriptionsRequest* request,
      weir::v1::ListSubscriptionsResponse* response) override {
    Page(server_.subscriptions(), server_.page_size, request->page_token(),
         response->mutable_subscriptions(),
         response->mutable_next_page_token());
    return grpc::Status::OK;
  }

  grpc::Status UpdateSubscription(
      grpc::ServerContext*, const weir::v1::UpdateSubscriptionRequest* request,
      weir::v1::Subscription* subscription) override {
    return Change(request->subscription().name(), subscription,
                  [&](weir::v1::Subscription* kept) {
                    google::protobuf::util::FieldMaskUtil::MergeOptions options;
                    options.set_replace_repeated_fields(true);
                    google::protobuf::util::FieldMaskUtil::MergeMessageTo(
                        request->subscription(), request->update_mask(),
                        options, kept);
                  });
  }

  grpc::Status SeekSubscription(
      grpc::ServerContext*, const weir::v1::SeekSubscriptionRequest* request,
      weir::v1::Subscription* subscription) override {
    const uint64_t seq = server_.StartSeq(request->start());
    return Change(
        request->name(), subscription,
        [&](weir::v1::Subscription* kept) { kept->set_ack_cursor(Id(seq)); });
  }

  grpc::Status DeleteSubscription(
      grpc::ServerContext*, const weir::v1::DeleteSubscriptionRequest* request,
      weir::v1::DeleteSubscriptionResponse*) override {
    weir::v1::Subscription found;
    const grpc::Status status = Find(server_.subscriptions(), request->name(),
                                     "SUBSCRIPTION_NOT_FOUND", &found);
    client::MutexLock lock(&server_.mu_);
    std::erase_if(server_.subscriptions_, [&](const auto& subscription) {
      return subscription.name() == request->name();
    });
    return status;
  }

  grpc::Status Consume(grpc::ServerContext* context,
                       const weir::v1::ConsumeRequest* request,
                       Writer* writer) override {
    weir::v1::Subscription found;
    const grpc::Status status = Find(server_.subscriptions(), request->name(),
                                     "SUBSCRIPTION_NOT_FOUND", &found);
    if (!status.ok()) return status;
    return server_.Play(context, writer, SeqOf(found.ack_cursor()),
                        /*stop_at_latest=*/false, "lease");
  }

  grpc::Status Acknowledge(grpc::ServerContext*,
                           const weir::v1::AcknowledgeRequest* request,
                           weir::v1::AcknowledgeResponse* response) override {
    client::MutexLock lock(&server_.mu_);
    server_.acknowledged_.push_back(request->cursor());
    for (weir::v1::Subscription& subscription : server_.subscriptions_) {
      if (subscription.name() != request->name()) continue;
      if (SeqOf(request->cursor()) > SeqOf(subscription.ack_cursor())) {
        subscription.set_ack_cursor(request->cursor());
      }
      response->set_ack_cursor(subscription.ack_cursor());
    }
    return grpc::Status::OK;
  }

 private:
  template <typename Changes>
  grpc::Status Change(const std::string& name,
                      weir::v1::Subscription* subscription,
                      const Changes& changes) {
    client::MutexLock lock(&server_.mu_);
    for (weir::v1::Subscription& kept : server_.subscriptions_) {
      if (kept.name() != name) continue;
      changes(&kept);
      *subscription = kept;
      return grpc::Status::OK;
    }
    return grpc::Status(grpc::StatusCode::NOT_FOUND, name);
  }

  FakeWeirServer& server_;
};

FakeWeirServer::FakeWeirServer() {
  services_.push_back(std::make_unique<Events>(*this));
  services_.push_back(std::make_unique<Stats>(*this));
  services_.push_back(std::make_unique<Plugins>(*this));
  services_.push_back(std::make_unique<Sources>(*this));
  services_.push_back(std::make_unique<Steward>(*this));
  services_.push_back(std::make_unique<Subscriptions>(*this));
  int port = 0;
  grpc::ServerBuilder builder;
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(),
                           &port);
  for (const auto& service : services_) builder.RegisterService(service.get());
  server_ = builder.BuildAndStart();
  address_ = absl::StrCat("127.0.0.1:", port);
}

FakeWeirServer::~FakeWeirServer() {
  {
    client::MutexLock lock(&mu_);
    stopping_ = true;
    changed_.NotifyAll();
  }
  server_->Shutdown(std::chrono::system_clock::now());
}

void FakeWeirServer::Append(weir::v1::Event event) {
  client::MutexLock lock(&mu_);
  event.set_seq(log_.size() + 1);
  event.set_id(Id(event.seq()));
  log_.push_back(std::move(event));
  changed_.NotifyAll();
}

void FakeWeirServer::Plan(StreamPlan plan) {
  client::MutexLock lock(&mu_);
  plans_.push_back(std::move(plan));
}

StreamPlan FakeWeirServer::TakePlan() {
  client::MutexLock lock(&mu_);
  if (plans_.empty()) return {};
  StreamPlan plan = std::move(plans_.front());
  plans_.pop_front();
  return plan;
}

std::vector<weir::v1::SubscribeRequest> FakeWeirServer::subscribes() const {
  client::MutexLock lock(&mu_);
  return subscribes_;
}

std::vector<std::string> FakeWeirServer::plugin_calls() const {
  client::MutexLock lock(&mu_);
  return plugin_calls_;
}

std::vector<std::string> FakeWeirServer::source_calls() const {
  client::MutexLock lock(&mu_);
  return source_calls_;
}

std::vector<std::string> FakeWeirServer::steward_calls() const {
  client::MutexLock lock(&mu_);
  return steward_calls_;
}

std::vector<std::string> FakeWeirServer::acknowledged() const {
  client::MutexLock lock(&mu_);
  return acknowledged_;
}

std::vector<weir::v1::Subscription> FakeWeirServer::subscriptions() const {
  client::MutexLock lock(&mu_);
  return subscriptions_;
}

grpc::Status FakeWeirServer::Error(grpc::StatusCode code,
                                   const std::string& message,
                                   const std::string& reason,
                                   std::optional<absl::Duration> retry) {
  google::rpc::Status status;
  status.set_code(code);
  status.set_message(message);
  google::rpc::ErrorInfo info;
  info.set_reason(reason);
  info.set_domain("weir.v1");
  status.add_details()->PackFrom(info);
  if (retry.has_value()) {
    google::rpc::RetryInfo retry_info;
    SetDuration(*retry, retry_info.mutable_retry_delay());
    status.add_details()->PackFrom(retry_info);
  }
  return {code, message, status.SerializeAsString()};
}

uint64_t FakeWeirServer::StartSeq(const weir::v1::StartPosition& start) {
  client::MutexLock lock(&mu_);
  switch (start.position_case()) {
    case weir::v1::StartPosition::kAfterId:
      return SeqOf(start.after_id());
    case weir::v1::StartPosition::kEarliest:
    case weir::v1::StartPosition::kAtTime:
      return 0;
    case weir::v1::StartPosition::kTail:
      return log_.size() - std::min<uint64_t>(log_.size(), start.tail());
    case weir::v1::StartPosition::kLatest:
    case weir::v1::StartPosition::POSITION_NOT_SET:
      return log_.size();
  }
  return 0;
}

// Numbers the messages of one stream, and spoils them as its plan says.
struct FakeWeirServer::Stream {
  // Sends `response`; false once the stream is to end.
  bool Send(Response response) {
    response.set_batch_index(++index);
    const int times = plan.skip_message == index     ? 0
                      : plan.repeat_message == index ? 2
                                                     : 1;
    for (int i = 0; i < times; ++i) {
      if (!writer->Write(response)) return false;
    }
    return !plan.end_after_messages.has_value() ||
           index < static_cast<uint64_t>(*plan.end_after_messages);
  }

  const StreamPlan& plan;
  Writer* writer;
  uint64_t index = 0;
};

grpc::Status FakeWeirServer::Play(grpc::ServerContext* context, Writer* writer,
                                  uint64_t seq, bool stop_at_latest,
                                  const std::string& lease_id) {
  const StreamPlan plan = TakePlan();
  if (plan.refuse.has_value()) return *plan.refuse;
  Stream stream{plan, writer};
  Response response;
  response.set_cursor(Id(seq));
  response.mutable_hello()->set_epoch(kEpoch);
  response.mutable_hello()->set_lease_id(lease_id);
  SetDuration(plan.heartbeat_interval,
              response.mutable_hello()->mutable_heartbeat_interval());
  if (plan.no_hello) {
    WaitForEnd(context);
    return plan.end;
  }
  if (!stream.Send(response)) return plan.end;
  response.clear_hello();
  if (plan.gap.has_value()) {
    *response.mutable_gap() = *plan.gap;
    if (!stream.Send(response)) return plan.end;
    response.clear_gap();
  }
  if (plan.notice.has_value()) {
    *response.mutable_notice() = *plan.notice;
    if (!stream.Send(response)) return plan.end;
    response.clear_notice();
  }
  if (plan.only_heartbeats) {
    response.mutable_heartbeat();
    while (stream.Send(response) && Linger(context)) {
    }
    return plan.end;
  }
  if (plan.silent_after_hello) {
    WaitForEnd(context);
    return plan.end;
  }
  seq -= std::min(seq, plan.resend_events);
  bool caught_up = false;
  while (true) {
    const std::vector<weir::v1::Event> events =
        Next(context, seq, plan.events_per_message, caught_up);
    if (events.empty() && caught_up) return plan.end;
    response.clear_events();
    response.clear_caught_up();
    if (events.empty()) {
      caught_up = true;
      response.mutable_caught_up()->set_latest_id(Id(seq));
    } else {
      seq = events.back().seq();
      for (const auto& event : events) *response.add_events() = event;
    }
    response.set_cursor(Id(seq));
    if (!stream.Send(response)) return plan.end;
    if (caught_up && stop_at_latest) return grpc::Status::OK;
  }
}

std::vector<weir::v1::Event> FakeWeirServer::Next(grpc::ServerContext* context,
                                                  uint64_t seq, int count,
                                                  bool wait) {
  client::MutexLock lock(&mu_);
  while (wait && !stopping_ && log_.size() <= seq && !context->IsCancelled()) {
    changed_.WaitFor(&mu_, kLook);
  }
  if (stopping_ || seq >= log_.size()) return {};
  const auto begin = log_.begin() + static_cast<ptrdiff_t>(seq);
  const auto end = begin + std::min<ptrdiff_t>(count, log_.end() - begin);
  return {begin, end};
}

bool FakeWeirServer::Linger(grpc::ServerContext* context) {
  client::MutexLock lock(&mu_);
  changed_.WaitFor(&mu_, kLook);
  return !stopping_ && !context->IsCancelled();
}

void FakeWeirServer::WaitForEnd(grpc::ServerContext* context) {
  client::MutexLock lock(&mu_);
  while (!stopping_ && !context->IsCancelled()) {
    changed_.WaitFor(&mu_, kLook);
  }
}

}  // namespace weir
