#ifndef WEIR_SIM_STREAM_SERVER_H_
#define WEIR_SIM_STREAM_SERVER_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "sim/fault.h"
#include "sim/fault_script.h"
#include "sim/session_pool.h"
#include "sim/stop_signal.h"

struct MHD_Daemon;

namespace weir::sim {

// Serves GET /v1/stream/ as RIS Live does over HTTP, to any number of clients
// at once, with a thread for each connection.
//
// What it answers apart from the stream, each with a line of text that says
// why: 400 without `format=json` (RIS Live then sends Server-Sent Events, which
// weir does not read), for a `fault` or `after` that makes no sense and for a
// bad X-RIS-Subscribe; 404 for another path; 405 for another method.
//
// Thread-safe.
class StreamServer {
 public:
  struct Options {
    std::string address = "127.0.0.1";  // To listen at; IPv4 or IPv6.
    uint16_t port = 0;                  // 0: any that is free.
    bool hold_at_end = false;           // See StreamBody.
    std::vector<ScriptedFault> faults;
  };

  // Listens, and serves each client the stream that `factory` makes for it;
  // that is called from several threads.
  //
  // Returns InvalidArgument if `address` is none, and FailedPrecondition or
  // another code if the port is in use or may not be used: choose another.
  static absl::StatusOr<std::unique_ptr<StreamServer>> Start(
      const Options& options, SessionPool::SourceFactory factory);

  // Hangs up on everyone, at once.
  ~StreamServer();

  StreamServer(const StreamServer&) = delete;
  StreamServer& operator=(const StreamServer&) = delete;

  // "http://127.0.0.1:8480/v1/stream/"
  const std::string& url() const { return url_; }

  // Messages of streams handed to connections so far; what faults put in is not
  // counted, nor what a filter left out.
  uint64_t messages_sent() const { return sent_; }

  // Requests for the stream so far.
  uint64_t connections() const { return connections_; }

 private:
  friend struct StreamRequest;

  StreamServer(const Options& options, SessionPool::SourceFactory factory);

  const bool hold_at_end_;
  FaultScript script_;
  SessionPool pool_;
  StopSignal stop_;
  std::atomic<uint64_t> sent_ = 0;
  std::atomic<uint64_t> connections_ = 0;
  std::string url_;
  MHD_Daemon* daemon_ = nullptr;
};

}  // namespace weir::sim

#endif  // WEIR_SIM_STREAM_SERVER_H_
