#ifndef WEIR_LIB_FRAMES_PEER_SET_H_
#define WEIR_LIB_FRAMES_PEER_SET_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "lib/client/mutex.h"
#include "lib/frames/channel.h"
#include "lib/frames/clock.h"
#include "lib/frames/close_reason.h"
#include "lib/frames/connection.h"
#include "lib/frames/frame_list.h"
#include "lib/frames/peer.h"
#include "lib/frames/peer_options.h"
#include "lib/frames/socket.h"
#include "lib/frames/tls_context.h"

namespace weir::frames {

// Sockets that listen and the connections that they accepted, without threads
// of its own: whoever calls Take reads for them, one thread or several. What is
// wrong with one connection closes that one and is counted; nothing that a peer
// sends does more.
//
// Thread-safe.
class PeerSet {
 public:
  // What all connections have done up to now, those that are closed among them.
  struct Totals {
    uint64_t accepted = 0;
    uint64_t accept_errors = 0;  // No more descriptors, as a rule.
    uint64_t frames = 0;         // Delivered.
    uint64_t payload_bytes = 0;
    uint64_t wire_bytes = 0;
    uint64_t empty_skipped = 0;
    uint64_t odd_padding = 0;
    uint64_t frames_sent = 0;
    uint64_t bytes_sent = 0;
    size_t open = 0;  // Now.
    std::array<uint64_t, kCloseReasons> closed = {};
    // Of those that were closed for a reason; by its name.
    std::map<std::string, uint64_t> ClosedByReason() const;
  };

  // A connection's turn, from Take to Release. Movable.
  struct Turn {
    std::shared_ptr<Connection> connection;
    CloseReason reason = CloseReason::kNone;  // It ended, and so.
    size_t used = 0;  // Bytes of Take's space that the frames point into.
    const Peer& peer() const { return connection->peer(); }
  };

  enum class Event {
    kFrames,   // There are some, and a turn to release.
    kNothing,  // Something happened that brought none.
    kTimeout,
    kWoken,
  };

  // Told of each connection that is no more, by whoever noticed; with no lock.
  // `detail` is empty, or more than the reason's name says.
  using Closed = std::function<void(const Peer& peer, CloseReason reason,
                                    absl::string_view detail)>;

  // Listens on all addresses, or, without one, has only what Adopt gives it.
  // Returns the error of ListenOn, or that of TlsContext. `clock` must outlive
  // the set; `closed` may be empty.
  static absl::StatusOr<std::unique_ptr<PeerSet>> Open(
      const PeerOptions& options, const Clock& clock, Closed closed = {});
  ~PeerSet();

  // Waits until something happens, at most `timeout`, and reads once if it is
  // bytes: into `space`, which limits how much of one peer is taken before it
  // is the next one's turn. kFrames: appends to `out` and sets `turn`; the
  // connection is left alone until the turn is released. The frames stay valid
  // after that, as long as `space` and `out`.
  Event Take(absl::Duration timeout, std::span<char> space, FrameList* out,
             Turn* turn) ABSL_LOCKS_EXCLUDED(mu_);
  void Release(const Turn& turn) ABSL_LOCKS_EXCLUDED(mu_);

  // Makes every Take return kWoken, at once from then on, until Rearm.
  void Wake();
  void Rearm();

  // Closes connections that take too long, and accepts again after there were
  // no descriptors. Call it about once a second.
  void Sweep() ABSL_LOCKS_EXCLUDED(mu_);

  // Takes a connection in that was dialled.
  absl::StatusOr<PeerId> Adopt(Channel channel) ABSL_LOCKS_EXCLUDED(mu_);

  // Sends a frame to a peer, or keeps what the peer does not read yet and sends
  // it later; never blocks. Returns its bytes, with the header.
  //
  // Returns NotFound if there is no such connection, InvalidArgument for more
  // than the longest message, ResourceExhausted if max_unsent_bytes wait for
  // this peer, Unavailable if the connection broke. Nothing of the frame is
  // sent then, or, with Unavailable, maybe a part that the peer cannot take for
  // one.
  absl::StatusOr<size_t> Send(PeerId id, absl::string_view payload)
      ABSL_LOCKS_EXCLUDED(mu_);

  // Closes a connection, at the end of its turn if it has one. NotFound if
  // there is none.
  absl::Status Close(PeerId id) ABSL_LOCKS_EXCLUDED(mu_);

  // Accepts what waits to be, stops listening, and closes each connection as
  // soon as no byte of it waits, no frame has begun, and no reply is unsent. Go
  // on with Take meanwhile.
  void StartDraining() ABSL_LOCKS_EXCLUDED(mu_);
  // Waits until no connection is open. Returns false if `timeout` passed first.
  bool AwaitEmpty(absl::Duration timeout) ABSL_LOCKS_EXCLUDED(mu_);
  // Closes all that are still open: kShutdown.
  void CloseAll() ABSL_LOCKS_EXCLUDED(mu_);

  // What it listens on, with the ports that were free; empty after
  // StartDraining.
  std::vector<std::string> Addresses() const ABSL_LOCKS_EXCLUDED(mu_);
  size_t open() const ABSL_LOCKS_EXCLUDED(mu_);
  std::vector<PeerStats> Peers() const ABSL_LOCKS_EXCLUDED(mu_);
  Totals GetTotals() const ABSL_LOCKS_EXCLUDED(mu_);
  // Of the last connection that TLS failed with, who it was and why.
  std::string LastTlsFailure() const ABSL_LOCKS_EXCLUDED(mu_);

 private:
  struct ListeningSocket {
    Socket socket;
    std::string address;
    bool armed = true;  // The set's lock guards it.
  };

  PeerSet(const PeerOptions& options, const Clock& clock, Closed closed);
  absl::Status Start() ABSL_LOCKS_EXCLUDED(mu_);
  // Accepts what waits at the socket of that index, at most so many.
  void Accept(size_t index, int most) ABSL_LOCKS_EXCLUDED(mu_);
  // Takes one in that was accepted.
  void Admit(Socket socket) ABSL_LOCKS_EXCLUDED(mu_);
  void Arm(size_t index, int operation) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  absl::StatusOr<PeerId> Insert(Channel channel)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void NoteTlsFailure(absl::string_view text)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  std::shared_ptr<Connection> Find(PeerId id) const ABSL_LOCKS_EXCLUDED(mu_);
  std::vector<std::shared_ptr<Connection>> All() const ABSL_LOCKS_EXCLUDED(mu_);
  // Takes a connection that closed out of the set and into the totals. Nothing
  // for kNone.
  void Forget(const Connection& connection, CloseReason reason)
      ABSL_LOCKS_EXCLUDED(mu_);

  const PeerOptions options_;
  const Clock& clock_;
  const Closed closed_;
  Socket epoll_, wake_;
  const std::unique_ptr<TlsContext> tls_;  // Of those who connect.

  mutable client::Mutex mu_;
  client::CondVar emptied_;
  std::vector<std::shared_ptr<ListeningSocket>> listening_ ABSL_GUARDED_BY(mu_);
  std::unordered_map<PeerId, std::shared_ptr<Connection>> connections_
      ABSL_GUARDED_BY(mu_);
  bool draining_ ABSL_GUARDED_BY(mu_) = false;
  std::string tls_failure_ ABSL_GUARDED_BY(mu_);
  Totals totals_ ABSL_GUARDED_BY(mu_);  // Of those that closed.
};

}  // namespace weir::frames

#endif  // WEIR_LIB_FRAMES_PEER_SET_H_
