#ifndef WEIR_HOST_SOURCE_FRAME_TCP_SOURCE_H_
#define WEIR_HOST_SOURCE_FRAME_TCP_SOURCE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "host/pipeline/frame_batch.h"
#include "host/source/source.h"
#include "host/sync/clock.h"
#include "host/sync/mutex.h"
#include "lib/frames/clock.h"
#include "lib/frames/frame_list.h"
#include "lib/frames/log.h"
#include "lib/frames/peer_set.h"
#include "lib/frames/socket.h"
#include "lib/frames/tls_context.h"
#include "lib/frames/tls_options.h"

namespace weir {

struct FrameTcpOptions {
  // "127.0.0.1:5031"; one or several, or...
  std::vector<std::string> listen;
  // ... a peer that sends once it is connected to.
  std::string connect;
  // The peers' own; see lib/frames/frame_header.h.
  uint32_t max_message_size = 4096;
  // Longer payloads are skipped and counted as "too_long".
  size_t max_payload_bytes = size_t{2} << 20;
  size_t max_connections = 1024;
  absl::Duration idle_timeout = absl::ZeroDuration();  // Zero: never.
  bool deliver_empty = false;
  // See lib/frames/peer_options.h.
  absl::Duration frame_timeout = absl::Seconds(30);
  absl::Duration connect_timeout = absl::Seconds(10);
  // Whether peers must speak TLS, or the one that is connected to does.
  std::optional<frames::TlsOptions> tls;
  frames::LogLine log;  // What TLS has to say of its files; may be empty.
};

// Length-prefixed frames over TCP, those of buffstreams, from all who connect,
// or from one peer that is connected to: each payload is a frame. Those of one
// connection come in order; those of several are mixed in the order in which
// they are read.
//
// While nobody reads, or reads slowly, the bytes stay with the kernel, and then
// with the peers, whose writes block. Connections are read in turn, each at
// most kTurnBytes at a time, so one that sends much does not keep the others
// waiting for longer than that takes.
//
// What is wrong with one connection closes that one and is counted in
// "closed.*"; the source goes on. A frame must be whole `frame_timeout` after
// it began, and as much later as it takes at 64 KiB/s.
//
//   what happens                              error
//   an address is taken, or not there         connect, try again
//   an address that is none, or forbidden     connect, final
//   a file of TLS is no good                  connect, try again
//   nobody answers (connect)                  connect, try again
//   the peer closes, or is closed (connect)   end_of_stream, try again
//
// Connect after Interrupt goes on listening, with all connections: a source
// that was paused has held its peers up and lost nothing.
class FrameTcpSource final : public Source {
 public:
  static constexpr size_t kTurnBytes = 64 << 10;

  // `clock` must outlive the source.
  FrameTcpSource(FrameTcpOptions options, const Clock& clock);
  ~FrameTcpSource() override;

  absl::Status Connect() override ABSL_LOCKS_EXCLUDED(mu_);
  absl::Status Read(FrameBatch* batch) override ABSL_LOCKS_EXCLUDED(mu_);
  void Interrupt() override ABSL_LOCKS_EXCLUDED(mu_);
  void Rearm() override ABSL_LOCKS_EXCLUDED(mu_);
  const Description& description() const override { return description_; }
  Progress GetProgress() const override ABSL_LOCKS_EXCLUDED(mu_);

 private:
  // The host's clock, as the library wants it.
  class FramesClock final : public frames::Clock {
   public:
    explicit FramesClock(const weir::Clock& clock) : clock_(clock) {}
    absl::Duration Elapsed() const override {
      return absl::Nanoseconds(clock_.MonotonicNs());
    }

   private:
    const weir::Clock& clock_;
  };

  bool listens() const { return options_.connect.empty(); }
  // Makes the set that what comes is read from.
  absl::Status Open() ABSL_LOCKS_EXCLUDED(mu_);
  // Dials the peer, and takes it in.
  absl::Status DialPeer() ABSL_LOCKS_EXCLUDED(mu_);
  // Takes what has arrived, and waits for the first of it.
  frames::PeerSet::Event Gather(frames::PeerSet& peers);
  // Looks at time-outs, if it is time.
  void SweepIfDue(frames::PeerSet& peers);

  const FrameTcpOptions options_;
  const Clock& clock_;
  const FramesClock frames_clock_;
  const Description description_;
  const absl::Duration sweep_interval_;
  const std::unique_ptr<frames::TlsContext> tls_;  // To dial with.
  frames::Socket wake_;                            // An eventfd, for Dial.

  // The reading thread's.
  std::vector<char> space_;
  frames::FrameList list_;
  absl::Duration swept_;

  mutable Mutex mu_;
  // Shared with whoever asks something while another is made.
  std::shared_ptr<frames::PeerSet> peers_ ABSL_GUARDED_BY(mu_);
  bool interrupted_ ABSL_GUARDED_BY(mu_) = false;
  uint64_t too_long_ ABSL_GUARDED_BY(mu_) = 0;
};

}  // namespace weir

#endif  // WEIR_HOST_SOURCE_FRAME_TCP_SOURCE_H_
