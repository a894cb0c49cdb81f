#ifndef WEIR_HOST_RPC_ACCESS_H_
#define WEIR_HOST_RPC_ACCESS_H_

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace weir {

// What a caller may do. The numbers of weir.v1.Role; each may do what the ones
// before it may, except that an operator may not publish.
enum class Role {
  kNone = 0,
  kViewer = 1,
  kSubscriber = 2,
  kPublisher = 3,
  kOperator = 4,
  kAdmin = 5,
};

// Decides who may call what, by the way a call came in: whoever can open the
// Unix socket operates the host, but every user of the machine reaches
// loopback. Immutable.
class Access {
 public:
  struct Options {
    Role unix_role = Role::kAdmin;
    Role loopback_role = Role::kSubscriber;
    Role anonymous_role = Role::kNone;  // Other addresses; kNone: refused.
  };

  explicit Access(Options options) : options_(options) {}

  // Checks that a call from `peer`, as gRPC writes it ("unix:...",
  // "ipv4:127.0.0.1:5", "ipv6:[::1]:5"), has `role`.
  //
  // Returns Unauthenticated / TOKEN_MISSING if the peer has no role at all, and
  // PermissionDenied / ROLE_REQUIRED if it has a lesser one: use the Unix
  // socket, or have `security.loopback_role` raised.
  absl::Status Require(absl::string_view peer, Role role) const;

  // Returns who calls from `peer`, as transitions and events name an actor:
  // "operator:local" through the Unix socket, "operator:192.0.2.1" and
  // "operator:2001:db8::1" from elsewhere.
  static std::string ActorOf(absl::string_view peer);

 private:
  Role RoleOf(absl::string_view peer) const;

  const Options options_;
};

}  // namespace weir

#endif  // WEIR_HOST_RPC_ACCESS_H_
