// The fake Nakadi server as a program, for end-to-end tests and benchmarks. It
// prints its URL, serves until it is killed, and takes /_control requests.
//
//   fake-nakadi [milliseconds that are a second [max commit timeout [port]]]

#include <unistd.h>

#include <cstdio>
#include <cstdlib>

#include "absl/time/time.h"
#include "tests/fakes/nakadi/fake_nakadi.h"

int main(int argc, char** argv) {
  weir::fake_nakadi::FakeNakadi::Options options;
  if (argc > 1) options.second = absl::Milliseconds(std::atoi(argv[1]));
  if (argc > 2) options.max_commit_timeout = std::atoi(argv[2]);
  if (argc > 3) options.port = static_cast<uint16_t>(std::atoi(argv[3]));
  const weir::fake_nakadi::FakeNakadi server(options);
  std::printf("%s\n", server.url().c_str());
  std::fflush(stdout);
  while (true) pause();
}
