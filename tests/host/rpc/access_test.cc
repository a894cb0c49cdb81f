#include "host/rpc/access.h"

#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace weir {
namespace {

TEST(AccessTest, DecidesByTheWayACallCameIn) {
  const Access access({});
  struct Case {
    const char* why;
    const char* peer;
    Role role;
    absl::StatusCode want;
  };
  for (const Case& c : std::vector<Case>{
           {"the socket's owner operates the host", "unix:/run/weir.sock",
            Role::kAdmin, absl::StatusCode::kOk},
           {"every user reaches loopback: read only", "ipv4:127.0.0.1:4711",
            Role::kSubscriber, absl::StatusCode::kOk},
           {"and may not steer", "ipv4:127.0.0.1:4711", Role::kOperator,
            absl::StatusCode::kPermissionDenied},
           {"IPv6 loopback, as gRPC writes it", "ipv6:%5B::1%5D:4711",
            Role::kSubscriber, absl::StatusCode::kOk},
           {"the rest of the world is refused", "ipv4:192.0.2.1:4711",
            Role::kViewer, absl::StatusCode::kUnauthenticated},
           {"an address that only looks like loopback", "ipv4:12.7.0.1:4711",
            Role::kViewer, absl::StatusCode::kUnauthenticated},
       }) {
    EXPECT_EQ(access.Require(c.peer, c.role).code(), c.want) << c.why;
  }
}

TEST(AccessTest, AnOperatorMayNotPublish) {
  const Access access({.unix_role = Role::kOperator});
  EXPECT_EQ(access.Require("unix:", Role::kPublisher).code(),
            absl::StatusCode::kPermissionDenied);
  EXPECT_TRUE(access.Require("unix:", Role::kSubscriber).ok());
}

TEST(AccessTest, NamesTheActorByWhereItCallsFrom) {
  struct Case {
    const char* why;
    const char* peer;
    const char* want;
  };
  for (const Case& c : std::vector<Case>{
           {"a socket's client has no name", "unix:", "operator:local"},
           {"nor has one that gRPC shows a path for", "unix:/run/weir.sock",
            "operator:local"},
           {"the port says nothing", "ipv4:192.0.2.1:4711",
            "operator:192.0.2.1"},
           {"IPv6, as gRPC writes it", "ipv6:%5B2001:db8::1%5D:4711",
            "operator:2001:db8::1"},
           {"... and as it used to", "ipv6:[::1]:4711", "operator:::1"},
       }) {
    EXPECT_EQ(Access::ActorOf(c.peer), c.want) << c.why;
  }
}

}  // namespace
}  // namespace weir
