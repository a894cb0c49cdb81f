#ifndef WEIR_LIB_NAKADI_OPTIONS_H_
#define WEIR_LIB_NAKADI_OPTIONS_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "lib/nakadi/token_provider.h"

namespace weir::nakadi {

// How to reach a Nakadi server.
struct ClientOptions {
  std::string url;      // "https://nakadi.example.net", without a path.
  TokenProvider token;  // Empty: requests bear none.
  bool gzip = true;     // Ask for packed streams.
  // Begins each X-Flow-Id that is sent, so that the server's logs lead back to
  // us; empty: the server makes flow ids up.
  std::string flow_id_prefix;
  // Dial, TLS and the answer's header. A whole call that is no stream.
  absl::Duration connect_timeout = absl::Seconds(30);
  std::string ca_file;    // PEM; empty is the system's.
  std::string cert_file;  // PEM; the client's own, if one is wanted.
  std::string key_file;
  bool insecure_skip_verify = false;  // Tests only.
};

// What a stream is asked for; Nakadi's names and meanings. Zero is not sent, so
// the server's default holds, which stands behind it.
struct StreamParameters {
  uint32_t batch_limit = 0;              // Events a line; 1.
  absl::Duration batch_flush_timeout;    // Whole seconds; 30 s.
  absl::Duration batch_timespan;         // Whole seconds; none.
  uint32_t max_uncommitted_events = 10;  // The window; always sent.
  uint64_t stream_limit = 0;             // Events; none.
  absl::Duration stream_timeout;         // Whole seconds; about 1 h.
  uint32_t stream_keep_alive_limit = 0;  // Empty lines; none.
  absl::Duration commit_timeout;         // Whole seconds, at most 60; 60 s.
  // Event type and partition; empty: the server assigns them.
  std::vector<std::pair<std::string, std::string>> partitions;

  // A line longer than this ends the stream.
  size_t max_line_bytes = 64 << 20;
  // Without a byte for this long the connection is taken for dead; zero is
  // the larger of twice the flush timeout and that plus 30 s.
  absl::Duration read_timeout;
  // The same before a stream's first line. A server says nothing while the
  // stream waits for its partitions, which another may hold back for a commit
  // timeout; after two of them it ends the stream by itself. Whoever gave up
  // sooner would hold a slot for its next try to wait for.
  absl::Duration FirstLineTimeout() const;

  absl::Duration EffectiveFlushTimeout() const;
  absl::Duration EffectiveCommitTimeout() const;
  absl::Duration EffectiveReadTimeout() const;
  // Returns InvalidArgument, with the reason and the cure, if a server would
  // refuse it or take it for something else than is meant.
  absl::Status Check() const;
};

// When what is handled is committed. Whatever it says, a commit is made before
// the server's commit timeout runs out, and before the window is full.
struct CommitStrategy {
  uint64_t every_events = 0;  // Once so many are to commit; 0: not by count.
  absl::Duration interval;    // So long after the first; zero: not by time.
  // Neither: at once. What becomes ready while a call is on its way goes along
  // in the next, so it is never a call for each event.

  // A commit that fails by the network or by the server is made again with
  // waits of 100 ms to 1 s, for so long, and never past the commit timeout.
  bool retry = true;
  absl::Duration max_elapsed = absl::Seconds(30);
};

}  // namespace weir::nakadi

#endif  // WEIR_LIB_NAKADI_OPTIONS_H_
