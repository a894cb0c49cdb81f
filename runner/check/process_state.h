#ifndef WEIR_RUNNER_CHECK_PROCESS_STATE_H_
#define WEIR_RUNNER_CHECK_PROCESS_STATE_H_

#include <cstddef>
#include <map>
#include <string>
#include <vector>

namespace weir {

// What a plugin must leave as it is in its process: the signals' dispositions,
// the locale, the working directory, the environment, the umask and the
// rounding of floating point. By name, as text: {"umask": "22"}.
std::map<std::string, std::string> ProcessState();

// The numbers of the descriptors that are open.
std::vector<int> OpenFiles();

size_t ThreadCount();

// Waits for up to a second until there are no more than `most` threads: one
// that was joined may be seen for a moment longer. Returns how many there are.
size_t AwaitThreadCount(size_t most);

// Bytes of the heap that are in use; 0 where malloc does not tell.
size_t HeapBytes();

}  // namespace weir

#endif  // WEIR_RUNNER_CHECK_PROCESS_STATE_H_
