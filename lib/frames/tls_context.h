#ifndef WEIR_LIB_FRAMES_TLS_CONTEXT_H_
#define WEIR_LIB_FRAMES_TLS_CONTEXT_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "lib/client/mutex.h"
#include "lib/frames/log.h"
#include "lib/frames/tls_options.h"
#include "lib/frames/tls_session.h"

struct ssl_ctx_st;

namespace weir::frames {

// What connections by TLS have in common: the certificate, the key, and whom to
// trust, as the files say when a connection begins.
//
// Thread-safe.
class TlsContext {
 public:
  enum class Side { kAccepts, kDials };

  // `log` is told when files changed into what is none, and when that is over;
  // it may be empty.
  TlsContext(TlsOptions options, Side side, LogLine log);
  ~TlsContext();

  TlsContext(const TlsContext&) = delete;
  TlsContext& operator=(const TlsContext&) = delete;

  // Returns a session for the connection `fd`, which must outlive it. `host` is
  // what was dialled; who accepts leaves it empty.
  //
  // Reads the files if they are not as they were. If one is no good, goes on
  // with what it read before; returns Unavailable, with its path, the reason
  // and the cure, if there was nothing good before.
  absl::StatusOr<std::unique_ptr<TlsSession>> NewSession(
      int fd, const std::string& host) ABSL_LOCKS_EXCLUDED(mu_);

  // OK if the files can be used now; else as NewSession.
  absl::Status Check() ABSL_LOCKS_EXCLUDED(mu_);

 private:
  struct Deleter {
    void operator()(ssl_ctx_st* context) const;
  };
  using Context = std::unique_ptr<ssl_ctx_st, Deleter>;

  // What tells one state of a file from the next.
  struct Stamp {
    int64_t changed_ns = 0, modified_ns = 0, size = -1;
    uint64_t inode = 0;
    bool operator==(const Stamp& other) const = default;
  };

  static Stamp StampOf(const std::string& path);
  absl::Status Refresh() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  absl::StatusOr<Context> Load() const;

  const TlsOptions options_;
  const Side side_;
  const LogLine log_;
  client::Mutex mu_;
  Context context_ ABSL_GUARDED_BY(mu_);
  std::vector<Stamp> stamps_ ABSL_GUARDED_BY(mu_);
  absl::Status failed_ ABSL_GUARDED_BY(mu_);  // What was wrong with those.
};

}  // namespace weir::frames

#endif  // WEIR_LIB_FRAMES_TLS_CONTEXT_H_
