#include "tests/component/model_socket.h"

#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "host/broker/broker.h"
#include "host/rpc/access.h"
#include "host/rpc/event_service.h"
#include "host/rpc/rpc_counter.h"
#include "host/rpc/server.h"
#include "tests/component/client_reader.h"
#include "tests/support/status_matchers.h"

namespace weir {
namespace {

// How long the calls of a host that ends well may take to end, too: of a reader
// that does not read they never do.
constexpr absl::Duration kGrace = absl::Milliseconds(20);
constexpr absl::Duration kLimit = absl::Seconds(20);

}  // namespace

// The log as the driver sees it: opening a stream starts a client.
class ModelSocket::ServedLog final : public EventLog {
 public:
  ServedLog(std::shared_ptr<ModelSocket> socket,
            std::unique_ptr<EventLog> broker)
      : socket_(std::move(socket)),
        broker_(std::move(broker)),
        watched_(*broker_,
                 [this] {
                   MutexLock lock(&socket_->mu_);
                   socket_->changed_.NotifyAll();
                 }),
        access_({}),
        service_(watched_, access_, "1.2.3") {
    ServerOptions options;
    options.listeners.push_back({.tcp = "127.0.0.1:0"});
    auto server = Server::Start(options, {&service_}, counter_);
    EXPECT_THAT(server, IsOk());
    server_ = *std::move(server);
    socket_->log_ = &watched_;
    MutexLock lock(&socket_->mu_);
    socket_->address_ = server_->addresses()[0];
  }
  ~ServedLog() override { Stop(false); }

  // As a host ends: well, or killed.
  void Stop(bool clean) {
    if (server_ == nullptr) return;
    if (clean) dynamic_cast<Broker&>(*broker_).Drain(absl::Seconds(1));
    EXPECT_TRUE(server_->Stop(clean ? kGrace : absl::ZeroDuration(), kLimit));
    server_ = nullptr;
    socket_->log_ = nullptr;
  }

  absl::StatusOr<std::unique_ptr<EventStream>> Open(
      StreamOptions options, std::function<void()> /*ready*/) override {
    return ClientReader::Open(socket_, options);
  }
  LogInfo Info() const override { return broker_->Info(); }
  BrokerStats Stats() const override { return broker_->Stats(); }
  std::vector<SubscriberStats> Subscribers() const override {
    return broker_->Subscribers();
  }

 private:
  const std::shared_ptr<ModelSocket> socket_;
  const std::unique_ptr<EventLog> broker_;
  WatchedLog watched_;
  const Access access_;
  EventService service_;
  RpcCounter counter_;
  std::unique_ptr<Server> server_;
};

ModelledBroker ModelSocket::Serve(const std::shared_ptr<ModelSocket>& self,
                                  ModelledBroker broker) {
  ModelledBroker served = std::move(broker);
  auto log = std::make_unique<ServedLog>(self, std::move(served.log));
  ServedLog* const l = log.get();
  served.log = std::move(log);
  // The reader reads the disk when it waits for what is there.
  self->read_ = std::exchange(served.read, nullptr);
  served.comes_back = [](const EventStream& stream) {
    return dynamic_cast<const ClientReader&>(stream).comes_back();
  };
  served.cut = [self](const std::string& client) { self->log_->Break(client); };
  if (served.reincarnate != nullptr) {
    served.reincarnate = [self, l,
                          live = std::move(served.reincarnate)](Ending ending) {
      l->Stop(ending == Ending::kClean);
      return Serve(self, live(ending));
    };
  }
  return served;
}

std::string ModelSocket::address() const {
  MutexLock lock(&mu_);
  return address_;
}

}  // namespace weir
