#include "plugins/steward_methods/ansic_time.h"

#include <array>
#include <cstddef>
#include <ctime>

namespace weir {

std::string AnsicTime(int64_t unix_ns) {
  const time_t seconds = unix_ns / 1'000'000'000;
  std::tm local = {};
  localtime_r(&seconds, &local);
  std::array<char, 64> text;
  const size_t size =
      std::strftime(text.data(), text.size(), "%a %b %e %H:%M:%S %Y", &local);
  return {text.data(), size};
}

}  // namespace weir
