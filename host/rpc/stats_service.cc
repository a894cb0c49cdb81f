#include "host/rpc/stats_service.h"

#include <algorithm>
#include <atomic>
#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "google/protobuf/descriptor.h"
#include "grpcpp/alarm.h"
#include "host/rpc/proto_time.h"
#include "host/rpc/server.h"
#include "host/rpc/stats_convert.h"
#include "host/rpc/stream_convert.h"
#include "host/rpc/to_grpc.h"
#include "host/status/error_info.h"
#include "host/sync/mutex.h"
#include "weir/plugin_abi.h"

namespace weir {
namespace {

constexpr absl::Duration kDefaultInterval = absl::Seconds(1);
constexpr absl::Duration kMinInterval = absl::Milliseconds(100);
constexpr absl::Duration kMaxInterval = absl::Hours(1);

absl::Status CheckMask(const google::protobuf::FieldMask& mask) {
  const auto* const descriptor = v1::Stats::descriptor();
  for (const std::string& path : mask.paths()) {
    if (descriptor->FindFieldByName(path) != nullptr) continue;
    std::vector<std::string> known;
    for (int i = 0; i < descriptor->field_count(); ++i) {
      known.push_back(descriptor->field(i)->name());
    }
    const std::string fault = absl::StrCat(
        "\"", path, "\" is not a top-level field of Stats; those are ",
        absl::StrJoin(known, ", "));
    return MakeError(absl::StatusCode::kInvalidArgument,
                     absl::StrCat("read_mask: ", fault),
                     {.reason = "INVALID_FIELD",
                      .metadata = {{"field", "read_mask"}, {"value", path}},
                      .field_violations = {{"read_mask", fault}}});
  }
  return absl::OkStatus();
}

bool Wanted(const google::protobuf::FieldMask& mask, const char* field) {
  return mask.paths().empty() ||
         std::find(mask.paths().begin(), mask.paths().end(), field) !=
             mask.paths().end();
}

// Writes a snapshot at once, and then one per interval. Deletes itself when
// gRPC is done with it.
class Watch final : public grpc::ServerWriteReactor<v1::Stats> {
 public:
  Watch(const StatsService& service, google::protobuf::FieldMask mask,
        absl::Duration interval)
      : service_(service), mask_(std::move(mask)), interval_(interval) {}

  void Send() {
    stats_ = service_.Snapshot(mask_);
    stats_.set_snapshot_index(++index_);
    StartWrite(&stats_);
  }

  void End(const absl::Status& status) {
    {
      MutexLock lock(&mu_);
      if (finished_) return;
      finished_ = true;
    }
    alarm_.Cancel();
    Finish(ToGrpc(status));
  }

  void OnWriteDone(bool ok) override {
    if (!ok) {
      End(absl::CancelledError("the client is gone"));
      return;
    }
    MutexLock lock(&mu_);
    if (finished_) return;
    holders_.fetch_add(1, std::memory_order_relaxed);  // The alarm's call.
    alarm_.Set(absl::ToChronoTime(absl::Now() + interval_), [this](bool) {
      bool finished = false;
      {
        MutexLock in_alarm(&mu_);
        finished = finished_;
      }
      if (!finished) Send();
      LetGo();
    });
  }

  void OnCancel() override {
    End(absl::CancelledError("cancelled by the client"));
  }

  void OnDone() override { LetGo(); }

 private:
  ~Watch() override = default;

  // gRPC may be done while an alarm's call is still to come.
  void LetGo() {
    if (holders_.fetch_sub(1, std::memory_order_acq_rel) == 1) delete this;
  }

  const StatsService& service_;
  const google::protobuf::FieldMask mask_;
  const absl::Duration interval_;
  uint64_t index_ = 0;
  v1::Stats stats_;  // gRPC's, while it is being written.
  std::atomic<int> holders_{1};
  grpc::Alarm alarm_;
  Mutex mu_;
  bool finished_ ABSL_GUARDED_BY(mu_) = false;
};

}  // namespace

v1::Stats StatsService::Snapshot(
    const google::protobuf::FieldMask& mask) const {
  v1::Stats stats;
  *stats.mutable_snapshot_time() = ToProto(asked_.clock.Now());
  *stats.mutable_start_time() = ToProto(identity_.start_time);
  if (Wanted(mask, "process")) {
    ToProto(asked_.process(), stats.mutable_process());
    AddChildren(asked_.plugins.Stats(), stats.mutable_process());
  }
  if (Wanted(mask, "broker")) {
    ToProto(asked_.log.Stats(), stats.mutable_broker());
  }
  if (Wanted(mask, "journal")) {
    if (const auto journal = asked_.log.Journal(); journal.has_value()) {
      ToProto(*journal, stats.mutable_journal());
    }
  }
  if (Wanted(mask, "sources")) {
    for (const SourceStats& source : asked_.sources.Stats()) {
      ToProto(source, stats.add_sources());
    }
  }
  if (Wanted(mask, "plugins")) {
    for (const PluginStats& plugin : asked_.plugins.Stats()) {
      ToProto(plugin, stats.add_plugins());
    }
  }
  if (Wanted(mask, "subscribers")) {
    for (const SubscriberStats& subscriber : asked_.log.Subscribers()) {
      ToProto(subscriber, stats.add_subscribers());
    }
  }
  if (Wanted(mask, "sinks")) {
    for (const SinkStats& sink : asked_.sinks()) {
      ToProto(sink, stats.add_sinks());
    }
  }
  if (Wanted(mask, "rpc")) ToProto(asked_.rpcs, stats.mutable_rpc());
  if (Wanted(mask, "total_dropped")) {
    stats.set_total_dropped(asked_.plugins.total_dropped());
  }
  return stats;
}

grpc::ServerUnaryReactor* StatsService::GetStats(
    grpc::CallbackServerContext* context, const v1::GetStatsRequest* request,
    v1::Stats* response) {
  absl::Status status = access_.Require(context->peer(), Role::kViewer);
  if (status.ok()) status = CheckMask(request->read_mask());
  if (status.ok()) *response = Snapshot(request->read_mask());
  return Finish(context, status);
}

grpc::ServerWriteReactor<v1::Stats>* StatsService::WatchStats(
    grpc::CallbackServerContext* context,
    const v1::WatchStatsRequest* request) {
  absl::Status status = access_.Require(context->peer(), Role::kViewer);
  if (status.ok()) status = CheckMask(request->read_mask());
  absl::Duration interval = kDefaultInterval;
  if (status.ok() && request->has_interval()) {
    const auto asked = DurationFromRequest(request->interval(), "interval");
    status = asked.status();
    if (asked.ok()) interval = std::clamp(*asked, kMinInterval, kMaxInterval);
  }
  auto* const watch = new Watch(*this, request->read_mask(), interval);
  if (status.ok()) {
    watch->Send();
  } else {
    watch->End(status);
  }
  return watch;
}

grpc::ServerUnaryReactor* StatsService::GetServerInfo(
    grpc::CallbackServerContext* context, const v1::GetServerInfoRequest*,
    v1::ServerInfo* response) {
  const absl::Status status = access_.Require(context->peer(), Role::kViewer);
  if (!status.ok()) return Finish(context, status);
  response->set_version(identity_.version);
  response->set_git_revision(identity_.git_revision);
  response->set_node_id(identity_.node_id);
  *response->mutable_start_time() = ToProto(identity_.start_time);
  for (const std::string& feature : identity_.features) {
    response->add_features(feature);
  }
  response->set_plugin_abi_version(WEIR_ABI_MAJOR);
  response->set_max_event_bytes(256 * 1024);
  response->set_max_batch_bytes(1024 * 1024);
  response->set_max_subscribers(identity_.max_subscribers);
  response->set_max_subscriptions(identity_.max_subscriptions);
  response->set_max_streams_per_connection(
      identity_.max_streams_per_connection);
  response->set_max_request_bytes(Server::kMaxRequestBytes);
  response->set_publish_limit_per_second(identity_.publish_limit_per_second);
  *response->mutable_streams() = identity_.streams;
  *response->mutable_filters() = identity_.filters;
  return Finish(context, absl::OkStatus());
}

}  // namespace weir
