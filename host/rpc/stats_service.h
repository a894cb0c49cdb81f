#ifndef WEIR_HOST_RPC_STATS_SERVICE_H_
#define WEIR_HOST_RPC_STATS_SERVICE_H_

#include <functional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "host/control/event_log.h"
#include "host/control/plugin_control.h"
#include "host/control/sink_stats.h"
#include "host/control/source_control.h"
#include "host/metrics/process_stats.h"
#include "host/rpc/access.h"
#include "host/rpc/rpc_counter.h"
#include "host/sync/clock.h"
#include "weir/v1/stats.grpc.pb.h"

namespace weir {

// weir.v1.StatsService. Thread-safe.
class StatsService final : public v1::StatsService::CallbackService {
 public:
  // What is asked; all of it must outlive the service.
  struct Asked {
    const EventLog& log;
    const SourceControl& sources;
    const PluginControl& plugins;
    const RpcCounter& rpcs;
    const Clock& clock;
    std::function<ProcessStats()> process;
    std::function<std::vector<SinkStats>()> sinks;
  };

  // What does not change while the host runs.
  struct Identity {
    std::string version;
    std::string git_revision;
    std::string node_id;
    absl::Time start_time;
    std::vector<std::string> features;
    uint32_t max_subscribers = 0;
    uint32_t max_subscriptions = 0;
    uint32_t max_streams_per_connection = 0;
    uint32_t publish_limit_per_second = 0;  // 0: Publish is off.
    v1::ServerInfo::StreamLimits streams;
    v1::ServerInfo::FilterLimits filters;
  };

  // `access` must outlive the service.
  StatsService(Asked asked, Identity identity, const Access& access)
      : asked_(std::move(asked)),
        identity_(std::move(identity)),
        access_(access) {}

  grpc::ServerUnaryReactor* GetStats(grpc::CallbackServerContext* context,
                                     const v1::GetStatsRequest* request,
                                     v1::Stats* response) override;
  grpc::ServerWriteReactor<v1::Stats>* WatchStats(
      grpc::CallbackServerContext* context,
      const v1::WatchStatsRequest* request) override;
  grpc::ServerUnaryReactor* GetServerInfo(
      grpc::CallbackServerContext* context,
      const v1::GetServerInfoRequest* request,
      v1::ServerInfo* response) override;

  // The present numbers: those parts that `mask` names, all for an empty one.
  v1::Stats Snapshot(const google::protobuf::FieldMask& mask) const;

 private:
  const Asked asked_;
  const Identity identity_;
  const Access& access_;
};

}  // namespace weir

#endif  // WEIR_HOST_RPC_STATS_SERVICE_H_
