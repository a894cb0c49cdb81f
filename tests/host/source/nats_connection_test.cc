#include "host/source/nats_connection.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "tests/fakes/nats/nats_server.h"
#include "tests/support/status_matchers.h"

namespace weir {
namespace {

// A write that waits for ever would hold up whoever acknowledges, and whoever
// wants to end the connection.
TEST(NatsConnectionTest, EndsWhenItsServerTakesNothingAnyMore) {
  NatsServer server;
  NatsConnection connection({.servers = {server.url()}});
  ASSERT_THAT(connection.Connect({{.subject = "a", .queue_group = ""}}),
              IsOk());
  server.Freeze();
  // More than sockets and cnats hold for it.
  const std::string data(512 << 10, 'x');
  absl::Status status;
  for (int i = 0; i < 1000 && status.ok(); ++i) {
    status = connection.Publish("b", {}, data);
  }
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable) << status;
  std::vector<natsMsg*> messages;
  EXPECT_EQ(connection.Take(1, 1, &messages).code(),
            absl::StatusCode::kUnavailable);
  connection.Disconnect();
}

}  // namespace
}  // namespace weir
