#include "host/rpc/access.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/strip.h"
#include "host/status/error_info.h"

namespace weir {
namespace {

absl::string_view NameOf(Role role) {
  switch (role) {
    case Role::kNone:
      return "none";
    case Role::kViewer:
      return "viewer";
    case Role::kSubscriber:
      return "subscriber";
    case Role::kPublisher:
      return "publisher";
    case Role::kOperator:
      return "operator";
    case Role::kAdmin:
      return "admin";
  }
  return "";
}

bool IsLoopback(absl::string_view peer) {
  for (const char* prefix : {"ipv4:127.", "ipv6:[::1]:", "ipv6:%5B::1%5D:",
                             "ipv6:[::ffff:127.", "ipv6:%5B::ffff:127."}) {
    if (absl::StartsWith(peer, prefix)) return true;
  }
  return false;
}

}  // namespace

Role Access::RoleOf(absl::string_view peer) const {
  if (absl::StartsWith(peer, "unix:")) return options_.unix_role;
  if (IsLoopback(peer)) return options_.loopback_role;
  return options_.anonymous_role;
}

std::string Access::ActorOf(absl::string_view peer) {
  if (!absl::ConsumePrefix(&peer, "ipv4:") &&
      !absl::ConsumePrefix(&peer, "ipv6:")) {
    return "operator:local";
  }
  const absl::string_view address = peer.substr(0, peer.rfind(':'));
  return absl::StrCat(
      "operator:",
      absl::StrReplaceAll(address,
                          {{"%5B", ""}, {"%5D", ""}, {"[", ""}, {"]", ""}}));
}

absl::Status Access::Require(absl::string_view peer, Role role) const {
  const Role has = RoleOf(peer);
  if (has == Role::kNone) {
    return MakeError(absl::StatusCode::kUnauthenticated,
                     "calls from this address need a role; see "
                     "security.anonymous_role",
                     {.reason = "TOKEN_MISSING", .metadata = {}});
  }
  const bool allowed =
      has >= role && !(role == Role::kPublisher && has == Role::kOperator);
  if (allowed) return absl::OkStatus();
  return MakeError(absl::StatusCode::kPermissionDenied,
                   absl::StrCat("this call needs the role ", NameOf(role),
                                "; yours is ", NameOf(has),
                                ": call through the Unix socket, or raise "
                                "security.loopback_role"),
                   {.reason = "ROLE_REQUIRED",
                    .metadata = {{"role", std::string(NameOf(role))}}});
}

}  // namespace weir
