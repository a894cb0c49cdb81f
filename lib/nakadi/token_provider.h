#ifndef WEIR_LIB_NAKADI_TOKEN_PROVIDER_H_
#define WEIR_LIB_NAKADI_TOKEN_PROVIDER_H_

#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace weir::nakadi {

// Gives the bearer token, without "Bearer ". It is asked anew for each request,
// since tokens rotate, and from several threads. An error is one of the
// request, which is tried again as after a 401.
using TokenProvider = std::function<absl::StatusOr<std::string>()>;

// Reads the file `path`; white space around the token is no part of it.
TokenProvider TokenFromFile(std::string path);

// Reads the environment variable `name`.
TokenProvider TokenFromEnvironment(std::string name);

// Runs `argv`, without a shell, and takes what it writes to standard output. It
// has 10 s, is then killed, and must end with 0.
TokenProvider TokenFromCommand(std::vector<std::string> argv);

}  // namespace weir::nakadi

#endif  // WEIR_LIB_NAKADI_TOKEN_PROVIDER_H_
