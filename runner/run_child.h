#ifndef WEIR_RUNNER_RUN_CHILD_H_
#define WEIR_RUNNER_RUN_CHILD_H_

#include <string>

namespace weir {

// Runs one plugin for the host that started this process, with the descriptors
// of child_channel.h. Does not come back before the instance is destroyed.
// Returns the exit status: 0; or 70 after a line on standard error that says
// why it could not even begin, such as a host of another build.
//
// Ends with the host: by the kernel's signal, and, because that one is tied to
// the host's thread and is lost if the host died before it was asked for, by
// the end of the life pipe, too.
int RunChild(const std::string& name, const std::string& module);

}  // namespace weir

#endif  // WEIR_RUNNER_RUN_CHILD_H_
