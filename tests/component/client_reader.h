#ifndef WEIR_TESTS_COMPONENT_CLIENT_READER_H_
#define WEIR_TESTS_COMPONENT_CLIENT_READER_H_

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <random>
#include <string>
#include <thread>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "host/control/event_stream.h"
#include "host/control/stream_options.h"
#include "host/sync/mutex.h"
#include "lib/client/call_status.h"
#include "lib/client/clock.h"
#include "lib/client/event_client.h"
#include "lib/client/event_observer.h"
#include "tests/component/model_socket.h"
#include "tests/fakes/fake_client_sleeper.h"
#include "weir/v1/event.pb.h"

namespace weir {

// What the reference client hands over, as a stream: each event is an item, and
// so is what else a message says, or that it moved the cursor (as a heartbeat).
// The client waits while many are not taken, so a reader that pauses is a
// client that does not read; and when a stream ends, until all are.
//
// The calls of EventStream are of the thread of the driver.
class ClientReader final : public EventStream, private client::EventObserver {
 public:
  // Starts a client that subscribes as `options` say. Returns what it ends with
  // if it is not greeted.
  static absl::StatusOr<std::unique_ptr<EventStream>> Open(
      std::shared_ptr<ModelSocket> socket, const StreamOptions& options);
  // Stops the client, wherever it is.
  ~ClientReader() override;

  // Returns false if everything that the log has to say to this client was
  // handed over. Waits until that is so, or there is an item; what is waiting
  // for the disk meanwhile is read.
  //
  // An item of kEnd ends one stream. If the client comes back by itself, it has
  // done so when this returns.
  bool Next(StreamItem* item) override;
  absl::Status forced_end() const override { return absl::OkStatus(); }
  void OnWritten(uint64_t /*bytes*/) override {}

  // Of the last item, which was of kEnd.
  bool comes_back() const { return comes_back_; }

 private:
  ClientReader(std::shared_ptr<ModelSocket> socket,
               const StreamOptions& options);

  void OnEvent(const v1::Event& event) override;
  void OnHello(const Response::Hello& hello) override;
  void OnGap(const Response::Gap& gap) override;
  void OnCaughtUp(const Response::CaughtUp&) override;
  void OnNotice(const Response::Notice&) override;
  void OnCursor(const std::string& cursor) override;
  void OnReconnect(const client::CallStatus& why, absl::Duration) override;

  // Waits until there is room for `item`; at an end, until all was taken.
  // `messages` more were received.
  void Hand(StreamItem item, uint64_t messages);
  // Returns whether there is an item; false if there will be none, because the
  // log has no more to say. `greeted` waits until there is one.
  bool AwaitItem(bool greeted);
  bool HasItem() const;
  Mutex* mu() const { return &socket_->mu_; }

  const std::shared_ptr<ModelSocket> socket_;
  const std::string name_;
  const client::SystemClock clock_;
  FakeClientSleeper sleeper_;
  std::mt19937_64 random_;
  client::EventClient client_;

  // Of the client's thread.
  StreamItem next_;  // What the present message says.
  uint64_t index_ = 0;

  // Guarded by the socket's mutex, which no annotation can name.
  CondVar taken_;
  std::deque<StreamItem> items_;
  uint64_t received_ = 0;  // Messages of the present stream.
  bool over_ = false;      // The client has ended.
  bool closed_ = false;

  bool comes_back_ = false;  // The driver's.
  std::thread thread_;
};

}  // namespace weir

#endif  // WEIR_TESTS_COMPONENT_CLIENT_READER_H_
