#ifndef WEIR_LIB_PROGRAMS_RUNNER_PATH_H_
#define WEIR_LIB_PROGRAMS_RUNNER_PATH_H_

#include <string>

namespace weir {

// Where weir-plugin-runner is: beside this program, as both are installed, or
// in runner/ beside its folder, as both are built. If it is in neither, the
// first of them, for the error that names it.
std::string FindPluginRunner();

}  // namespace weir

#endif  // WEIR_LIB_PROGRAMS_RUNNER_PATH_H_
