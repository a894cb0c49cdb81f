#ifndef WEIR_PLUGINS_STEWARD_METHODS_ANSIC_TIME_H_
#define WEIR_PLUGINS_STEWARD_METHODS_ANSIC_TIME_H_

#include <cstdint>
#include <string>

namespace weir {

// As the originals' files and answers tell it: "Mon Jan  2 15:04:05 2006",
// local time, of a moment in nanoseconds since 1970.
std::string AnsicTime(int64_t unix_ns);

}  // namespace weir

#endif  // WEIR_PLUGINS_STEWARD_METHODS_ANSIC_TIME_H_
