#ifndef WEIR_LIB_FRAMES_LISTENER_H_
#define WEIR_LIB_FRAMES_LISTENER_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "lib/client/mutex.h"
#include "lib/frames/clock.h"
#include "lib/frames/close_reason.h"
#include "lib/frames/frame_list.h"
#include "lib/frames/log.h"
#include "lib/frames/peer.h"
#include "lib/frames/peer_options.h"
#include "lib/frames/peer_set.h"

namespace weir::frames {

struct ListenerOptions {
  PeerOptions peers;
  // Threads that read and call back. More are made while all of them are held
  // up in a callback, up to `max_threads`, and end when they have been idle.
  int threads = 2;
  int max_threads = 64;
  // How often time-outs are looked at.
  absl::Duration sweep_interval = absl::Seconds(1);
  // Told of each connection that is no more; thread-safe, quick. Must not close
  // the listener, nor must `log`: see Close. May be empty.
  std::function<void(const Peer& peer, CloseReason reason)> on_closed;
  // Says what a callback returned, and why a connection was closed that did not
  // end between two frames. Empty: nothing.
  LogLine log;
};

// Accepts connections and calls back for each message of each of them. Messages
// of one connection come in order, one after the other; those of several at the
// same time, so the callback must be thread-safe.
//
// A callback that blocks holds up its own connection: its bytes stay with the
// kernel, and the peer's writes block in the end. The others go on, as long as
// fewer than max_threads callbacks block.
//
// What is wrong with a connection closes that connection and is counted. The
// protocol has no acknowledgement: what a peer wrote and was not read when the
// connection broke is lost, and nobody is told.
//
// Thread-safe.
class Listener {
 public:
  // `message` is valid during the call. An error is counted and logged, and the
  // connection goes on. Must not throw.
  using Callback =
      std::function<absl::Status(const Peer& from, absl::string_view message)>;

  struct Stats {
    PeerSet::Totals totals;
    uint64_t callback_errors = 0;
    int threads = 0;  // Now.
  };

  // Takes the addresses; nothing is accepted before Serve or Start. `clock`
  // must outlive the listener. Returns InvalidArgument for bad options, and the
  // error of ListenOn.
  static absl::StatusOr<std::unique_ptr<Listener>> Open(
      ListenerOptions options, Callback callback,
      const Clock& clock = SteadyClock::Get());
  // Closes at once. Not in a callback, which would go on in what is no more:
  // that ends the process.
  ~Listener();

  // Serves until Close: in threads of its own, and Serve returns when they are
  // done, Start at once. FailedPrecondition the second time.
  absl::Status Serve() ABSL_LOCKS_EXCLUDED(mu_);
  absl::Status Start() ABSL_LOCKS_EXCLUDED(mu_);

  // Stops listening; reads what has arrived and lets frames that have begun
  // come to their end, at most for `drain`; then closes all connections, and
  // returns when no callback runs any more. Any number of times.
  //
  // Returns DeadlineExceeded if connections were cut that still sent, and
  // FailedPrecondition from a callback, on_closed or log, which would wait for
  // itself.
  absl::Status Close(absl::Duration drain) ABSL_LOCKS_EXCLUDED(mu_);

  // Replies, or says something unasked. See PeerSet::Send. What a peer does not
  // read yet goes out later, but while a callback of that peer's blocks.
  absl::StatusOr<size_t> Send(PeerId to, absl::string_view message) {
    return peers_->Send(to, message);
  }
  // Closes one connection. NotFound if there is none.
  absl::Status ClosePeer(PeerId peer) { return peers_->Close(peer); }

  // With the port that was free.
  std::vector<std::string> Addresses() const { return peers_->Addresses(); }
  std::vector<PeerStats> Peers() const { return peers_->Peers(); }
  Stats GetStats() const ABSL_LOCKS_EXCLUDED(mu_);

 private:
  Listener(ListenerOptions options, Callback callback,
           std::unique_ptr<PeerSet> peers, const Clock& clock);

  absl::Status Begin() ABSL_LOCKS_EXCLUDED(mu_);
  // Starts a thread that works.
  void AddThread() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void Work() ABSL_LOCKS_EXCLUDED(mu_);
  void CallBack(const PeerSet::Turn& turn, const FrameList& list);
  // Whether this thread, which found nothing to do, may end, and has then.
  bool MayEnd() ABSL_LOCKS_EXCLUDED(mu_);
  // The last that a thread does.
  void End() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Looks at time-outs, and at whether all threads are held up, until the end.
  void Watch() ABSL_LOCKS_EXCLUDED(mu_);

  const ListenerOptions options_;
  const Callback callback_;
  const Clock& clock_;
  const std::unique_ptr<PeerSet> peers_;

  std::atomic<int> idle_{0};         // Threads that wait for something to do.
  std::atomic<uint64_t> turns_{0};   // That ended.
  std::atomic<bool> relaxed_{true};  // The watch sleeps until someone is busy.
  std::atomic<uint64_t> callback_errors_{0};

  mutable client::Mutex mu_;
  client::CondVar changed_;
  bool begun_ ABSL_GUARDED_BY(mu_) = false;
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;
  std::map<std::thread::id, std::thread> threads_ ABSL_GUARDED_BY(mu_);
  std::vector<std::thread> ended_ ABSL_GUARDED_BY(mu_);  // To be joined.
  std::thread watch_ ABSL_GUARDED_BY(mu_);
  bool watching_ ABSL_GUARDED_BY(mu_) = false;
};

}  // namespace weir::frames

#endif  // WEIR_LIB_FRAMES_LISTENER_H_
