#include "plugins/origin_watch/watch_list.h"

#include <algorithm>
#include <iterator>
#include <optional>
#include <utility>

namespace weir {

namespace {

void SortAndUnique(std::vector<uint32_t>& numbers) {
  std::sort(numbers.begin(), numbers.end());
  numbers.erase(std::unique(numbers.begin(), numbers.end()), numbers.end());
}

}  // namespace

Origin Origin::Of(const bgp::AsPath& path) {
  const auto set = path.origin_set();
  Origin origin;
  origin.is_set = !set.empty();
  if (origin.is_set) {
    origin.members.assign(set.begin(), set.end());
    SortAndUnique(origin.members);
  } else {
    origin.members = {path.numbers().back()};
  }
  return origin;
}

std::string Origin::ToString() const {
  std::string text;
  for (const uint32_t member : members) {
    text += (text.empty() ? "AS" : ",AS") + std::to_string(member);
  }
  return is_set ? "AS_SET {" + text + '}' : text;
}

WatchList::WatchList(Settings& settings) {
  for (Settings& entry : settings.Objects("watch", kMaxPrefixes)) {
    std::string why = "missing; say which prefix to watch";
    const bool has_prefix = entry.Has("prefix");
    const std::string text = entry.Text("prefix", "", 64);
    const auto prefix = bgp::Prefix::Parse(text, has_prefix ? &why : nullptr);
    // Text itself has said so if it is not text at all.
    if (!prefix && (!has_prefix || !text.empty())) entry.Refuse("prefix", why);

    Watched watched;
    watched.prefix = prefix.value_or(bgp::Prefix());
    watched.origins = entry.AsNumbers("origins", kMaxOrigins);
    SortAndUnique(watched.origins);
    watched.name = entry.Text("name", "", 63);
    const int length = watched.prefix.length();
    const int longest = prefix && prefix->family() == 4 ? 32 : 128;
    watched.max_length = static_cast<int>(
        entry.Integer("max_length", length, prefix ? length : 0, longest));
    entry.RefuseOthers();
    if (prefix && !map_.Insert(*prefix, std::move(watched)).second) {
      entry.Refuse("prefix", text +
                                 " is watched already; name all of its "
                                 "origins in one entry");
    }
  }
}

const Watched* WatchList::Match(const bgp::Prefix& announced) const {
  const Watched* const watched = map_.LongestMatch(announced).first;
  if (watched == nullptr || watched->prefix == announced) return watched;
  return announced.length() > watched->max_length ? watched : nullptr;
}

std::vector<uint32_t> WatchList::Unexpected(const Watched& watched,
                                            const Origin& origin) {
  std::vector<uint32_t> unexpected;
  std::set_difference(origin.members.begin(), origin.members.end(),
                      watched.origins.begin(), watched.origins.end(),
                      std::back_inserter(unexpected));
  return unexpected;
}

}  // namespace weir
