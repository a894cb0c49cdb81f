#include "host/rpc/server.h"

#include <unistd.h>

#include <chrono>
#include <thread>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "google/rpc/error_details.pb.h"
#include "grpc/health/v1/health.pb.h"
#include "grpcpp/ext/proto_server_reflection_plugin.h"
#include "grpcpp/health_check_service_interface.h"
#include "grpcpp/resource_quota.h"
#include "host/rpc/bind_check.h"
#include "host/sync/mutex.h"

namespace weir {
namespace {

void SetChannelArguments(const ServerOptions& options,
                         grpc::ServerBuilder* builder) {
  // Two servers on one port would each get some of the calls.
  builder->AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  builder->AddChannelArgument(
      GRPC_ARG_MAX_CONCURRENT_STREAMS,
      static_cast<int>(options.max_streams_per_connection));
  // A dead client is noticed within 30 s; one that pings every 10 s is welcome,
  // which gRPC's own default would answer with ENHANCE_YOUR_CALM.
  builder->AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, 20'000);
  builder->AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 10'000);
  builder->AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  builder->AddChannelArgument(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  builder->AddChannelArgument(
      GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 10'000);
  builder->SetMaxReceiveMessageSize(Server::kMaxRequestBytes);
}

absl::Status CheckAddresses(const ServerOptions& options) {
  for (const ListenerOptions& listener : options.listeners) {
    absl::Status status = listener.unix_path.empty()
                              ? CheckTcpAddress(listener.tcp)
                              : PrepareUnixSocket(listener.unix_path);
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

// gRPC's health service has no descriptor of its own, and the details of errors
// travel as Any: linking these in is what lets a reflection client describe
// them.
void KeepDescriptors() {
  grpc::health::v1::HealthCheckRequest::descriptor();
  google::rpc::ErrorInfo::descriptor();
}

}  // namespace

absl::StatusOr<std::unique_ptr<Server>> Server::Start(
    const ServerOptions& options, const std::vector<grpc::Service*>& services,
    RpcCounter& counter) {
  if (absl::Status status = CheckAddresses(options); !status.ok()) {
    return status;
  }
  KeepDescriptors();
  grpc::EnableDefaultHealthCheckService(true);
  grpc::reflection::InitProtoReflectionServerBuilderPlugin();

  grpc::ServerBuilder builder;
  SetChannelArguments(options, &builder);
  grpc::ResourceQuota quota("weir");
  quota.Resize(options.memory_bytes);
  builder.SetResourceQuota(quota);
  std::vector<
      std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface>>
      interceptors;
  interceptors.push_back(counter.MakeInterceptor());
  builder.experimental().SetInterceptorCreators(std::move(interceptors));
  for (grpc::Service* service : services) builder.RegisterService(service);
  std::vector<int> ports(options.listeners.size());
  for (size_t i = 0; i < options.listeners.size(); ++i) {
    const ListenerOptions& listener = options.listeners[i];
    builder.AddListeningPort(listener.unix_path.empty()
                                 ? listener.tcp
                                 : absl::StrCat("unix:", listener.unix_path),
                             grpc::InsecureServerCredentials(), &ports[i]);
  }

  auto server = std::unique_ptr<Server>(new Server);
  server->server_ = builder.BuildAndStart();
  if (server->server_ == nullptr) {
    return absl::FailedPreconditionError(absl::StrCat(
        "listening on ",
        absl::StrJoin(options.listeners, ", ",
                      [](std::string* out, const ListenerOptions& listener) {
                        absl::StrAppend(out, listener.tcp, listener.unix_path);
                      }),
        ": gRPC refused one of them"));
  }
  for (const std::string& name : options.health_names) {
    server->server_->GetHealthCheckService()->SetServingStatus(name, true);
  }
  for (size_t i = 0; i < options.listeners.size(); ++i) {
    const ListenerOptions& listener = options.listeners[i];
    if (listener.unix_path.empty()) {
      server->addresses_.push_back(absl::StrCat(
          listener.tcp.substr(0, listener.tcp.rfind(':')), ":", ports[i]));
      continue;
    }
    server->addresses_.push_back(absl::StrCat("unix://", listener.unix_path));
    server->socket_paths_.push_back(listener.unix_path);
    absl::Status access = SetSocketAccess(
        listener.unix_path, listener.unix_mode, listener.unix_group);
    if (!access.ok()) return access;
  }
  return server;
}

Server::~Server() { Stop(absl::ZeroDuration(), absl::Seconds(3)); }

void Server::SetHealth(const std::string& name, bool serving) {
  if (server_ == nullptr) return;
  server_->GetHealthCheckService()->SetServingStatus(name, serving);
}

bool Server::Stop(absl::Duration grace, absl::Duration limit) {
  if (stopped_) return true;
  stopped_ = true;
  if (server_ == nullptr) return true;
  for (const std::string& path : socket_paths_) unlink(path.c_str());
  server_->GetHealthCheckService()->Shutdown();
  struct Done {
    Mutex mu;
    CondVar changed;
    bool done ABSL_GUARDED_BY(mu) = false;
  };
  // Shared with the thread: if it never comes back, it outlives this call.
  auto done = std::make_shared<Done>();
  grpc::Server* const server = server_.get();
  std::thread helper([server, done, grace] {
    server->Shutdown(std::chrono::system_clock::now() +
                     absl::ToChronoNanoseconds(grace));
    MutexLock lock(&done->mu);
    done->done = true;
    done->changed.NotifyAll();
  });
  const absl::Time end = absl::Now() + grace + limit;
  bool in_time = false;
  {
    MutexLock lock(&done->mu);
    while (!done->done && absl::Now() < end) {
      done->changed.WaitFor(&done->mu, end - absl::Now());
    }
    in_time = done->done;
  }
  if (in_time) {
    helper.join();
  } else {
    // A peer holds a call up. The thread and the server are given up: whoever
    // stops the server ends the process next.
    helper.detach();
    (void)server_.release();
  }
  return in_time;
}

}  // namespace weir
