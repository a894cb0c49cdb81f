// weir-plugin-runner: runs one plugin for weir-host, in a process of its own,
// so that whatever the plugin does to its process it does not do to the host.
//
//   weir-plugin-runner NAME MODULE     started by weir-host only
//   weir-plugin-runner --probe MODULE  loads it and says what it is
#include <cstdio>
#include <string>

#include "runner/probe.h"
#include "runner/run_child.h"

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr,
                 "usage: weir-plugin-runner --probe MODULE\n"
                 "weir-host starts it for each plugin with isolation CHILD\n");
    return 2;
  }
  const std::string first = argv[1];
  return first == "--probe" ? weir::Probe(argv[2])
                            : weir::RunChild(first, argv[2]);
}
