// What does it cost to send a message that is kept and acknowledged: one at a
// time, as the original programs do (two synced transactions, then the message,
// then the wait for its acknowledgement), and through the outbox, to a receiver
// that acknowledges as they do and to one of our own kind. The server and the
// receiver are processes of their own, on loopback; the disk is that of TMPDIR.
#include <nats.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "host/pipeline/event.h"
#include "host/pipeline/event_sink.h"
#include "host/steward/node_outbox.h"
#include "host/steward/outbox_store.h"
#include "host/steward/outgoing.h"
#include "host/sync/system_clock.h"
#include "lib/steward/compression.h"
#include "lib/steward/message.h"
#include "lib/steward/profile.h"
#include "tests/fakes/nats/nats_server.h"

namespace weir {
namespace {

constexpr int kOneAtATime = 500;
constexpr int kThroughTheOutbox = 20'000;

void Check(bool ok) {
  if (!ok) abort();
}

// In a process of its own: acknowledges all there is.
pid_t StartReceiver(const std::string& url, bool own_kind) {
  const pid_t pid = fork();
  if (pid != 0) return pid;
  natsConnection* connection = nullptr;
  natsSubscription* subscription = nullptr;
  Check(natsConnection_ConnectTo(&connection, url.c_str()) == NATS_OK);
  Check(natsConnection_SubscribeSync(&subscription, connection,
                                     "central.*.EventACK") == NATS_OK);
  natsMsg* message = nullptr;
  while (natsSubscription_NextMsg(&message, subscription, 600'000) == NATS_OK) {
    natsMsg* answer = nullptr;
    natsMsg_Create(&answer, natsMsg_GetReply(message), nullptr, "", 0);
    if (own_kind) natsMsgHeader_Set(answer, "weir-ack", "received");
    natsConnection_PublishMsg(connection, answer);
    natsMsg_Destroy(answer);
    natsMsg_Destroy(message);
  }
  _exit(0);
}

steward::Message Make(int number) {
  steward::Message message;
  message.to_node = "central";
  message.from_node = "bench";
  message.method = "REQToFileAppend";
  message.id = number;
  message.data.emplace(1, std::string(100, 'x'));
  message.ack_timeout = 60;
  return message;
}

// Prints a row, and returns the messages per second.
double Print(const char* name, int messages, absl::Duration wall) {
  const double rate = messages / absl::ToDoubleSeconds(wall);
  printf("outbox/%s: wall_ns=%.0f messages_per_second=%.0f\n", name,
         absl::ToDoubleNanoseconds(wall) / messages, rate);
  fflush(stdout);
  return rate;
}

double OneAtATime(const std::string& url, const std::string& dir) {
  std::string moved_away;
  auto values = OutboxStore::Open(dir + "/values.db", "", &moved_away);
  auto index = OutboxStore::Open(dir + "/index.db", "", &moved_away);
  Check(values.ok() && index.ok());
  natsConnection* connection = nullptr;
  Check(natsConnection_ConnectTo(&connection, url.c_str()) == NATS_OK);
  const absl::Time begin = absl::Now();
  for (int i = 1; i <= kOneAtATime; ++i) {
    const Outgoing out = MakeOutgoing(Make(i), steward::Profile::kS1,
                                      steward::Compression::kZstd);
    const auto number = static_cast<uint64_t>(i);
    Check((*values)->Add({{number, out.payload.bytes}}).ok());
    Check((*index)->Add({{number, "index"}}).ok());
    natsMsg* answer = nullptr;
    Check(natsConnection_Request(&answer, connection, out.subject.c_str(),
                                 out.payload.bytes.data(),
                                 static_cast<int>(out.payload.bytes.size()),
                                 60'000) == NATS_OK);
    natsMsg_Destroy(answer);
    Check((*values)->Remove({number}).ok());
  }
  const double rate = Print("one_at_a_time", kOneAtATime, absl::Now() - begin);
  natsConnection_Close(connection);
  natsConnection_Destroy(connection);
  return rate;
}

class NoEvents final : public EventSink {
 public:
  absl::Status Publish(Event) override { return absl::OkStatus(); }
};

double ThroughTheOutbox(const char* name, const std::string& url,
                        const std::string& path) {
  const SystemClock clock;
  NoEvents events;
  NodeOutboxOptions options;
  options.source = "sources/bench";
  options.identity.node = "bench";
  options.server.servers = {url};
  options.path = path;
  auto outbox = NodeOutbox::Open(std::move(options), clock, events);
  Check(outbox.ok());
  (*outbox)->Start();
  const absl::Time begin = absl::Now();
  for (int i = 1; i <= kThroughTheOutbox; ++i) {
    (*outbox)->Post({Make(i)}, nullptr);
  }
  while ((*outbox)->counters()["outbox_delivered"] < kThroughTheOutbox) {
    absl::SleepFor(absl::Milliseconds(1));
  }
  return Print(name, kThroughTheOutbox, absl::Now() - begin);
}

int Main() {
  const char* const tmp = getenv("TMPDIR");
  std::string dir =
      absl::StrCat(tmp == nullptr ? "/tmp" : tmp, "/weir-outbox-bench-XXXXXX");
  Check(mkdtemp(dir.data()) != nullptr);
  const NatsServer server;
  for (const bool own_kind : {false, true}) {
    // Forked before cnats has threads in this process, but for the second.
    const pid_t receiver = StartReceiver(server.url(), own_kind);
    const pid_t bench = fork();
    if (bench == 0) {
      absl::SleepFor(absl::Milliseconds(300));  // It subscribes.
      const std::string path = absl::StrCat(dir, "/", own_kind, ".db");
      if (own_kind) {
        const double one = OneAtATime(server.url(), dir);
        const double all =
            ThroughTheOutbox("to_our_own_kind", server.url(), path);
        printf("outbox/our_own_kind_to_one_at_a_time: times=%.1f\n", all / one);
      } else {
        ThroughTheOutbox("to_the_originals", server.url(), path);
      }
      fflush(stdout);
      _exit(0);
    }
    int status = 0;
    waitpid(bench, &status, 0);
    kill(receiver, SIGKILL);
    waitpid(receiver, nullptr, 0);
    Check(status == 0);
  }
  return 0;
}

}  // namespace
}  // namespace weir

int main() { return weir::Main(); }
