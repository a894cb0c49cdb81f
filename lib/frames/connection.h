#ifndef WEIR_LIB_FRAMES_CONNECTION_H_
#define WEIR_LIB_FRAMES_CONNECTION_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "lib/client/mutex.h"
#include "lib/frames/channel.h"
#include "lib/frames/close_reason.h"
#include "lib/frames/frame_list.h"
#include "lib/frames/frame_parser.h"
#include "lib/frames/peer.h"
#include "lib/frames/peer_options.h"
#include "lib/frames/socket.h"
#include "lib/frames/tls_session.h"

namespace weir::frames {

// One connection of a PeerSet. It is served in turns: epoll tells one thread
// that bytes wait, that thread reads once, does with the frames what is to be
// done, and ends its turn; then epoll may tell the next. A turn that takes long
// leaves the bytes with the kernel, which in the end holds the peer up.
//
// Thread-safe but for Read, which belongs to the turn. Times are those of the
// caller's clock.
class Connection {
 public:
  // `epoll` must outlive the connection, which is registered there under
  // `epoll_id`, for one event at a time, by Start.
  Connection(Peer peer, Channel channel, const PeerOptions& options, int epoll,
             uint64_t epoll_id, absl::Duration now);

  absl::Status Start() ABSL_LOCKS_EXCLUDED(mu_);

  // Begins a turn. Returns false if it is another's, or if it is closed.
  bool BeginTurn() ABSL_LOCKS_EXCLUDED(mu_);
  // Reads once, no more than `space` holds, into that and the parser's own.
  // Sets `used`, the bytes of `space` that `out` points into. Returns kNone if
  // the connection goes on.
  CloseReason Read(std::span<char> space, FrameList* out, size_t* used);
  // Sends what waits. Only in a turn.
  void Flush() ABSL_LOCKS_EXCLUDED(mu_);
  // Ends the turn, and closes the connection if `reason` says so, or if someone
  // asked for it meanwhile. Returns why it is closed, or kNone.
  CloseReason EndTurn(CloseReason reason, absl::Duration now)
      ABSL_LOCKS_EXCLUDED(mu_);

  // Closes, at the end of a turn if there is one. Returns `reason` if it
  // closed, kNone if it was closed or is going to be.
  CloseReason Close(CloseReason reason) ABSL_LOCKS_EXCLUDED(mu_);
  // Closes if too much time went by.
  CloseReason CloseIfLate(absl::Duration now) ABSL_LOCKS_EXCLUDED(mu_);
  // Closes if nothing is on its way: no bytes wait, no frame has begun, and no
  // reply is unsent.
  CloseReason CloseIfDrained() ABSL_LOCKS_EXCLUDED(mu_);

  // See PeerSet::Send.
  absl::StatusOr<size_t> Send(absl::string_view payload)
      ABSL_LOCKS_EXCLUDED(mu_);

  // What went wrong with TLS, for a person.
  std::string tls_failure() const {
    return tls_ == nullptr ? "speaks TLS, which is not spoken here"
                           : tls_->failure();
  }
  // Whether bytes were read of the kernel that no event tells of any more.
  bool has_more() const { return tls_ != nullptr && tls_->more(); }

  PeerStats Stats(absl::Duration now) const ABSL_LOCKS_EXCLUDED(mu_);
  // Its numbers alone, without who it is: for sums over many.
  PeerStats Numbers(absl::Duration now) const ABSL_LOCKS_EXCLUDED(mu_);
  const Peer& peer() const { return peer_; }

 private:
  // Asks epoll for one more event.
  void Arm() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  CloseReason CloseNow(CloseReason reason) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void SendWaiting() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  bool BytesWait() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Looks what has begun: a frame, or what of TLS is in front of one.
  void NoteBegun(absl::Duration now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  const Peer peer_;
  const std::string local_address_;
  const PeerOptions& options_;
  const int epoll_, fd_;
  const uint64_t epoll_id_;
  const std::unique_ptr<TlsSession> tls_;  // If it speaks it.
  const Pipe pipe_;
  const absl::Duration accepted_;

  FrameParser parser_;       // The turn's.
  uint64_t wire_bytes_ = 0;  // The turn's.

  mutable client::Mutex mu_;
  Socket socket_ ABSL_GUARDED_BY(mu_);
  bool registered_ ABSL_GUARDED_BY(mu_) = false;
  bool in_turn_ ABSL_GUARDED_BY(mu_) = false;
  // Why it is to be closed at the end of the turn, or when the peer, which
  // sends no more, has read what waits.
  CloseReason closing_ ABSL_GUARDED_BY(mu_) = CloseReason::kNone;
  bool peer_ended_ ABSL_GUARDED_BY(mu_) = false;
  // The frame that has begun, or the handshake or record in front of one, as of
  // the last turn, and since when. What tells one from the next is how many
  // frames have begun and what TLS has brought before.
  bool in_frame_ ABSL_GUARDED_BY(mu_) = false;
  std::pair<uint64_t, uint64_t> begun_ ABSL_GUARDED_BY(mu_);
  absl::Duration begun_at_ ABSL_GUARDED_BY(mu_);
  absl::Duration allowed_ ABSL_GUARDED_BY(mu_);
  absl::Duration last_turn_ ABSL_GUARDED_BY(mu_);
  std::string unsent_ ABSL_GUARDED_BY(mu_);
  size_t unsent_from_ ABSL_GUARDED_BY(mu_) = 0;
  // Counts, as of the last turn.
  PeerStats stats_ ABSL_GUARDED_BY(mu_);
};

}  // namespace weir::frames

#endif  // WEIR_LIB_FRAMES_CONNECTION_H_
