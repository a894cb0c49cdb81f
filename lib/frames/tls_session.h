#ifndef WEIR_LIB_FRAMES_TLS_SESSION_H_
#define WEIR_LIB_FRAMES_TLS_SESSION_H_

#include <sys/types.h>
#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/strings/string_view.h"
#include "lib/client/mutex.h"

struct ssl_st;

namespace weir::frames {

// TLS over one connection whose descriptor does not block. Read, Send and Peek
// are as the kernel's: bytes, 0 at the end, or -1 with errno, where EAGAIN is
// that the connection must be waited for, and EPROTO that TLS has failed, for
// the reason that `failure` has; a connection that failed does nothing more.
// The handshake is made by whichever is called.
//
// Thread-safe.
class TlsSession {
 public:
  // Takes the session over; `fd` must outlive this. See TlsContext.
  TlsSession(ssl_st* ssl, int fd);
  ~TlsSession();

  TlsSession(const TlsSession&) = delete;
  TlsSession& operator=(const TlsSession&) = delete;

  // Reads what is there, as readv does.
  ssize_t Read(std::span<const iovec> parts) ABSL_LOCKS_EXCLUDED(mu_);
  // As sendmsg: what is returned the kernel has taken, encrypted. After EAGAIN
  // the next call must begin with the same bytes, which may have been encrypted
  // already.
  ssize_t Send(std::span<const iovec> parts) ABSL_LOCKS_EXCLUDED(mu_);
  // 1 if a byte can be read.
  ssize_t Peek() ABSL_LOCKS_EXCLUDED(mu_);
  // 1 once the handshake is made.
  ssize_t Handshake() ABSL_LOCKS_EXCLUDED(mu_);
  // Sends what is encrypted and not sent. Returns false, with errno, if
  // something is left.
  bool Flush() ABSL_LOCKS_EXCLUDED(mu_);
  // Tells the peer that nothing more comes, as far as that can be sent now.
  void SayEnd() ABSL_LOCKS_EXCLUDED(mu_);

  // Whether the peer has proven who we are and that it takes us for it.
  bool handshaking() const ABSL_LOCKS_EXCLUDED(mu_);
  // Whether the own end's certificate is with the peer, which has not said what
  // it thinks of it: who dials by TLS 1.3 may send before it knows.
  bool unconfirmed() const ABSL_LOCKS_EXCLUDED(mu_);
  // Whether Read left bytes that no event of the connection tells of.
  bool more() const ABSL_LOCKS_EXCLUDED(mu_);
  // Whether a record has begun, and its end is not there.
  bool in_record() const ABSL_LOCKS_EXCLUDED(mu_);
  // Whether Flush has something to do.
  bool wants_write() const ABSL_LOCKS_EXCLUDED(mu_);
  // Bytes that Read has returned.
  uint64_t bytes_read() const ABSL_LOCKS_EXCLUDED(mu_);
  // What went wrong, for a person; empty if nothing has.
  std::string failure() const ABSL_LOCKS_EXCLUDED(mu_);

  // What the context's callbacks say.
  void OnCertificateAsked() { asked_ = true; }
  void OnTicket() { ticket_ = true; }
  static TlsSession* Of(const ssl_st* ssl);

 private:
  // Returns what a call that returned no bytes means, as ssize_t with errno.
  ssize_t Outcome(int result) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  bool FlushLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  ssize_t Fail(absl::string_view why) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  const int fd_;
  mutable client::Mutex mu_;
  ssl_st* const ssl_ ABSL_PT_GUARDED_BY(mu_);
  std::string out_ ABSL_GUARDED_BY(mu_);  // Encrypted, not sent.
  size_t out_from_ ABSL_GUARDED_BY(mu_) = 0;
  size_t owed_ ABSL_GUARDED_BY(mu_) = 0;  // Taken by Send and not returned.
  uint64_t bytes_read_ ABSL_GUARDED_BY(mu_) = 0;
  bool more_ ABSL_GUARDED_BY(mu_) = false;
  // Set in callbacks, in calls that have the lock.
  bool asked_ = false;
  bool ticket_ = false;
  std::string failure_ ABSL_GUARDED_BY(mu_);
};

}  // namespace weir::frames

#endif  // WEIR_LIB_FRAMES_TLS_SESSION_H_
