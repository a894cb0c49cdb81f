#ifndef WEIR_SIM_FAULT_H_
#define WEIR_SIM_FAULT_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace weir::sim {

// What can be wrong with a connection.
enum class FaultKind {
  // In place of the stream:
  kHttp500,      // "http-500"
  kHttp404,      // "http-404"
  kRedirect,     // "redirect": 302 to the same address without the fault
  kSlowHeaders,  // "slow-headers": the answer begins late
  kGzip,         // "gzip": the body is compressed if the client accepts that

  // In the middle of it:
  kCutMidLine,   // "cut-mid-line": the connection ends within a line
  kEof,          // "eof": a clean end between two lines
  kStall,        // "stall": silence
  kGarbage,      // "garbage": a line that is no JSON
  kUnknownType,  // "unknown-type": of a message, and of a wrapper
  kLongLine,     // "long-line"
  kRisError,     // "ris-error": the farewell to a slow client, then the end
  kOldFormat,    // "old-format": all further lines are as in 2019
  kBurst,        // "burst": a table transfer
};

// A fault that someone asked for. A plain value.
struct Fault {
  // Reads "KIND" or "KIND:ARG". Returns InvalidArgument, naming what is
  // possible, for an unknown kind, an ARG that the kind does not take, and one
  // that is no number or out of its range.
  //
  //   stall:SECONDS         0 (default): until the client leaves; to 86400
  //   slow-headers:SECONDS  default 3; 1 to 86400
  //   long-line:BYTES       default 3145728 (3 MiB, above the 2 MiB that a
  //                         client should take); 1024 to 67108864
  //   burst:MESSAGES        default 1000; 1 to 1000000
  static absl::StatusOr<Fault> Parse(absl::string_view text);

  // Whether it is one of those that come in place of the stream.
  bool of_request() const { return kind <= FaultKind::kGzip; }

  bool operator==(const Fault& other) const = default;

  FaultKind kind = FaultKind::kEof;
  uint64_t arg = 0;
};

// A fault and where in the stream it is. A plain value.
struct ScriptedFault {
  // Reads "AFTER_N_MESSAGES:KIND" or "AFTER_N_MESSAGES:KIND:ARG". Returns
  // InvalidArgument as Fault::Parse does, and if the number is none.
  static absl::StatusOr<ScriptedFault> Parse(absl::string_view text);

  uint64_t after = 0;
  Fault fault;
};

}  // namespace weir::sim

#endif  // WEIR_SIM_FAULT_H_
