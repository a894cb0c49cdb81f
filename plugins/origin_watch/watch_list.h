#ifndef WEIR_PLUGINS_ORIGIN_WATCH_WATCH_LIST_H_
#define WEIR_PLUGINS_ORIGIN_WATCH_WATCH_LIST_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "plugins/support/settings.h"
#include "weir/as_path.h"
#include "weir/prefix.h"
#include "weir/prefix_map.h"

namespace weir {

// One entry of the setting `watch`.
struct Watched {
  bgp::Prefix prefix;
  std::vector<uint32_t> origins;  // Sorted; who may originate it.
  int max_length = 0;             // More specifics up to here are ignored.
  std::string name;               // Empty: none.
};

// Who originates a route: one AS, or the AS_SET that its path ends in.
struct Origin {
  std::vector<uint32_t> members;  // Sorted, without repetitions.
  bool is_set = false;

  // Of a path that is not empty.
  static Origin Of(const bgp::AsPath& path);

  // "AS64500" or "AS_SET {AS64500,AS64501}".
  std::string ToString() const;

  bool operator==(const Origin&) const = default;
};

// The prefixes that are watched, and what is expected of them. Immutable.
class WatchList {
 public:
  // 10,000 prefixes are more than any one network announces; 32 origins leave
  // room for the route's own among the 64 AS numbers of an event.
  static constexpr size_t kMaxPrefixes = 10'000;
  static constexpr size_t kMaxOrigins = 32;

  // Reads the setting `watch`; what is wrong with it goes to its faults.
  explicit WatchList(Settings& settings);

  bool empty() const { return map_.empty(); }

  // The most specific watched prefix that `announced` is or lies in; null if
  // there is none, or if it lies so little deeper that it is ignored.
  const Watched* Match(const bgp::Prefix& announced) const;

  // The members of `origin` that `watched` does not expect.
  static std::vector<uint32_t> Unexpected(const Watched& watched,
                                          const Origin& origin);

 private:
  bgp::PrefixMap<Watched> map_;
};

}  // namespace weir

#endif  // WEIR_PLUGINS_ORIGIN_WATCH_WATCH_LIST_H_
