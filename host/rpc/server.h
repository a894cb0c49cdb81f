#ifndef WEIR_HOST_RPC_SERVER_H_
#define WEIR_HOST_RPC_SERVER_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "grpcpp/grpcpp.h"
#include "host/rpc/rpc_counter.h"

namespace weir {

// Where the API is served.
struct ListenerOptions {
  std::string tcp;            // "host:port"; port 0 = any free one. Or ...
  std::string unix_path;      // ... the path of a socket.
  uint32_t unix_mode = 0660;  // Of the socket.
  std::string unix_group;     // Of the socket; empty: the process's.
};

struct ServerOptions {
  std::vector<ListenerOptions> listeners;
  uint32_t max_streams_per_connection = 256;
  uint64_t memory_bytes = 256 << 20;  // Of gRPC's own buffers.
  // What the health service says SERVING of, beside the server as a whole:
  // "weir.v1.EventService".
  std::vector<std::string> health_names;
};

// The gRPC server: the services, standard health and reflection, on all
// listeners. Thread-safe.
class Server {
 public:
  // The largest request that anybody needs, with room to spare: 16 filters of
  // 1,024 prefixes each, a thousand events to publish.
  static constexpr int kMaxRequestBytes = 1 << 20;

  // Starts to serve `services`, which must outlive the server, as must
  // `counter`. A stale Unix socket is replaced; a live one is not.
  //
  // Returns AlreadyExists if an address is in use, and FailedPrecondition if it
  // cannot be listened on for another reason; the message names the address.
  static absl::StatusOr<std::unique_ptr<Server>> Start(
      const ServerOptions& options, const std::vector<grpc::Service*>& services,
      RpcCounter& counter);

  // Stops at once.
  ~Server();

  // The addresses that are listened on, as a client writes them, with the real
  // port: "127.0.0.1:50051", "unix:///run/weir/weir.sock".
  const std::vector<std::string>& addresses() const { return addresses_; }

  // Says of one of the health names whether it serves. Until Stop.
  void SetHealth(const std::string& name, bool serving);

  // Takes no new calls, waits for the present ones for at most `grace`, cancels
  // the rest, and waits for at most `limit` more. Returns false if even that
  // was not enough: a peer that does not read can hold a call up for ever, and
  // the process has to end without it. Safe to call twice.
  bool Stop(absl::Duration grace, absl::Duration limit);

 private:
  Server() = default;

  std::unique_ptr<grpc::Server> server_;
  std::vector<std::string> addresses_;
  std::vector<std::string> socket_paths_;
  bool stopped_ = false;
};

}  // namespace weir

#endif  // WEIR_HOST_RPC_SERVER_H_
