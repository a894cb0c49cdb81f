#ifndef WEIR_CLI_SESSION_H_
#define WEIR_CLI_SESSION_H_

#include <grpcpp/client_context.h>
#include <grpcpp/support/status.h>

#include <chrono>
#include <memory>
#include <ostream>
#include <string>

#include "absl/random/bit_gen_ref.h"
#include "absl/time/time.h"
#include "cli/interrupt.h"
#include "lib/client/channel.h"
#include "lib/client/clock.h"
#include "lib/client/sleeper.h"

namespace weir::cli {

// Exit codes of all commands.
constexpr int kDone = 0;
constexpr int kRefused = 1;     // by the server, or there is none
constexpr int kUsageError = 2;  // the command line is wrong

// What a command runs in: whom it asks, where it writes, and what it may not
// ask the machine for itself. The references outlive it.
struct Session {
  std::ostream& out;
  std::ostream& err;
  Interrupt& interrupt;
  const client::Clock& clock;
  client::Sleeper& sleeper;
  absl::BitGenRef random;
  absl::TimeZone time_zone = absl::UTCTimeZone();
  // `out` is a terminal: a repeated table may overwrite itself.
  bool terminal = false;
  bool colour = false;  // only ever with `terminal`
  // "host:port" or "unix:///path".
  std::string server = "127.0.0.1:50051";
  bool json = false;

  // A connection to `server`.
  std::shared_ptr<grpc::Channel> Connect() const {
    return client::OpenChannel(server);
  }

  // Makes one unary call, `(stub.*method)(&context, request, response)`, which
  // has ten seconds: the slowest answer of a host that lives takes one.
  template <typename Stub, typename Method, typename Request, typename Response>
  grpc::Status Call(Stub& stub, Method method, const Request& request,
                    Response* response) const {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() +
                         std::chrono::seconds(10));
    return (stub.*method)(&context, request, response);
  }
};

}  // namespace weir::cli

#endif  // WEIR_CLI_SESSION_H_
