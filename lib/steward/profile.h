#ifndef WEIR_LIB_STEWARD_PROFILE_H_
#define WEIR_LIB_STEWARD_PROFILE_H_

#include <optional>

#include "absl/strings/string_view.h"
#include "lib/steward/layout.h"

namespace weir::steward {

// What a node speaks: the layout of its messages, its headers and the form of
// its subjects. A configuration names the profile of a network.
enum class Profile {
  kS0,  // steward of 2022-01: no `fromNode` header, acknowledges with a text.
  kS1,  // steward from 2022-06: subjects end in the kind of the method.
  kC1,  // ctrl of 2024: S1's layout, subjects without a kind.
  kC2,  // ctrl of 2024-11-27: with JetStream's field.
  kC3,  // ctrl v0.1: no header but `fromNode`, always zstd.
  kC4,  // ctrl v0.2 and main: also JSON.
};

constexpr Layout LayoutOf(Profile profile) {
  switch (profile) {
    case Profile::kS0:
      return Layout::kS0;
    case Profile::kS1:
    case Profile::kC1:
      return Layout::kS1;
    case Profile::kC2:
      return Layout::kC2;
    case Profile::kC3:
      return Layout::kC3;
    case Profile::kC4:
      return Layout::kC4;
  }
  return Layout::kS1;
}

constexpr absl::string_view ProfileName(Profile profile) {
  return profile == Profile::kC1 ? "C1" : LayoutName(LayoutOf(profile));
}

// The profile of that name; absent if there is none. Upper case, as
// ProfileName.
constexpr std::optional<Profile> FindProfile(absl::string_view name) {
  for (const Profile profile : {Profile::kS0, Profile::kS1, Profile::kC1,
                                Profile::kC2, Profile::kC3, Profile::kC4}) {
    if (ProfileName(profile) == name) return profile;
  }
  return std::nullopt;
}

}  // namespace weir::steward

#endif  // WEIR_LIB_STEWARD_PROFILE_H_
