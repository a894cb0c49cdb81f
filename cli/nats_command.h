#ifndef WEIR_CLI_NATS_COMMAND_H_
#define WEIR_CLI_NATS_COMMAND_H_

#include <cstdint>
#include <string>
#include <vector>

#include "cli/session.h"

namespace weir::cli {

struct NatsArguments {
  std::string source;  // "central" or "sources/central"; empty: the only one.
  std::string file;    // ReadStewardMessages; "-" is standard input.
  std::vector<uint64_t> numbers;
  // Of a process.
  std::string method;
  std::vector<std::string> allowed_senders;
  bool require_signature = false;
  bool stop_on_error = false;
  bool acknowledge_done = false;
};

// weir nats send FILE: hands the messages in it to the node that `source` is,
// all or none. Returns the exit code, as all of these.
int RunNatsSend(const NatsArguments& arguments, Session& session);

// weir nats undelivered: what was given up, as rows, or with session.json one
// weir.v1.UndeliveredMessage a line.
int RunNatsUndelivered(const NatsArguments& arguments, Session& session);

// weir nats resend NUMBER...: sends it again.
int RunNatsResend(const NatsArguments& arguments, Session& session);

// weir nats processes: what a node takes, as rows, or with session.json one
// weir.v1.StewardProcessStatus a line.
int RunNatsProcesses(const NatsArguments& arguments, Session& session);

// weir nats start METHOD, weir nats stop METHOD.
int RunNatsStart(const NatsArguments& arguments, Session& session);
int RunNatsStop(const NatsArguments& arguments, Session& session);

}  // namespace weir::cli

#endif  // WEIR_CLI_NATS_COMMAND_H_
