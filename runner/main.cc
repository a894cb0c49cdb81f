// weir-plugin-runner: runs one plugin for weir-host, in a process of its own,
// so that whatever the plugin does to its process it does not do to the host.
//
//   weir-plugin-runner NAME MODULE     started by weir-host only
//   weir-plugin-runner --probe MODULE  loads it and says what it is;
//                      --probe-fenced  within the fence of profile strict
//   weir-plugin-runner --check ...     checks it; see check/check_main.h
//   weir-plugin-runner --fuzz ...      tries it; see fuzz/fuzz_main.h
#include <cstdio>
#include <string>

#include "runner/check/check_main.h"
#include "runner/check/run_one.h"
#include "runner/fuzz/fuzz_child.h"
#include "runner/fuzz/fuzz_main.h"
#include "runner/probe.h"
#include "runner/run_child.h"

int main(int argc, char** argv) {
  if (argc > 1 && argv[1] == std::string("--check")) {
    return weir::CheckMain({argv + 2, argv + argc});
  }
  if (argc > 1 && argv[1] == std::string("--fuzz")) {
    return weir::FuzzMain({argv + 2, argv + argc});
  }
  if (argc > 2 && argv[1] == std::string("--fuzz-some")) {
    weir::FuzzRange range;
    if (weir::FromWords({argv + 3, argv + argc}, &range)) {
      return weir::RunFuzzChild(range, argv[2]);
    }
  }
  if (argc == 4 && argv[1] == std::string("--check-one")) {
    return weir::RunOneCheck(argv[2], argv[3]);
  }
  if (argc != 3) {
    std::fprintf(stderr,
                 "usage: weir-plugin-runner --probe MODULE\n"
                 "weir-host starts it for each plugin with isolation CHILD\n");
    return 2;
  }
  const std::string first = argv[1];
  if (first == "--probe") return weir::Probe(argv[2], /*fenced=*/false);
  if (first == "--probe-fenced") return weir::Probe(argv[2], /*fenced=*/true);
  return weir::RunChild(first, argv[2]);
}
