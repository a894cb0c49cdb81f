#include "lib/frames/tls_session.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "lib/frames/socket.h"

namespace weir::frames {
namespace {

using client::MutexLock;

// The longest record. Shorter ones are put together.
constexpr size_t kRecordBytes = 16 << 10;
// What one Send encrypts at most.
constexpr size_t kSendBytes = 4 * kRecordBytes;

// Copies from `parts` on, past `skip` bytes, until `out` is full.
size_t CopyFrom(std::span<const iovec> parts, size_t skip,
                std::span<char> out) {
  size_t copied = 0;
  for (const iovec& part : parts) {
    if (skip >= part.iov_len) {
      skip -= part.iov_len;
      continue;
    }
    const size_t some = std::min(part.iov_len - skip, out.size() - copied);
    std::memcpy(out.data() + copied,
                static_cast<const char*>(part.iov_base) + skip, some);
    copied += some;
    skip = 0;
    if (copied == out.size()) break;
  }
  return copied;
}

}  // namespace

TlsSession::TlsSession(ssl_st* ssl, int fd) : fd_(fd), ssl_(ssl) {
  // Reads from the connection itself; writes into memory, since OpenSSL would
  // have a connection that broke end the process with SIGPIPE.
  SSL_set0_rbio(ssl, BIO_new_socket(fd, BIO_NOCLOSE));
  SSL_set0_wbio(ssl, BIO_new(BIO_s_mem()));
  SSL_set_app_data(ssl, this);
}

TlsSession::~TlsSession() { SSL_free(ssl_); }

TlsSession* TlsSession::Of(const ssl_st* ssl) {
  return static_cast<TlsSession*>(SSL_get_app_data(ssl));
}

ssize_t TlsSession::Read(std::span<const iovec> parts) {
  MutexLock lock(&mu_);
  more_ = false;
  size_t total = 0;
  ssize_t outcome = 0;
  for (const iovec& part : parts) {
    size_t have = 0;
    while (have < part.iov_len) {
      size_t got = 0;
      ERR_clear_error();
      const int result =
          SSL_read_ex(ssl_, static_cast<char*>(part.iov_base) + have,
                      part.iov_len - have, &got);
      if (result != 1) {
        outcome = Outcome(result);
        break;
      }
      have += got;
    }
    total += have;
    if (have < part.iov_len) break;
  }
  const int error = errno;
  // That is the handshake's, or an alert.
  FlushLocked();
  errno = error;
  bytes_read_ += total;
  if (total == 0) return outcome;
  size_t room = 0;
  for (const iovec& part : parts) room += part.iov_len;
  more_ = total == room && SSL_has_pending(ssl_) == 1;
  return static_cast<ssize_t>(total);
}

ssize_t TlsSession::Send(std::span<const iovec> parts) {
  MutexLock lock(&mu_);
  if (!FlushLocked()) return -1;
  if (owed_ > 0) return static_cast<ssize_t>(std::exchange(owed_, 0));
  size_t taken = 0;
  ssize_t outcome = 0;
  while (taken < kSendBytes) {
    char record[kRecordBytes];
    const size_t bytes = CopyFrom(parts, taken, record);
    if (bytes == 0) break;
    size_t written = 0;
    ERR_clear_error();
    const int result = SSL_write_ex(ssl_, record, bytes, &written);
    if (result != 1) {
      outcome = Outcome(result);
      break;
    }
    taken += written;
  }
  if (taken == 0) {
    const int error = errno;
    FlushLocked();
    errno = error;
    return outcome;
  }
  if (FlushLocked()) return static_cast<ssize_t>(taken);
  owed_ = taken;
  return -1;
}

ssize_t TlsSession::Peek() {
  MutexLock lock(&mu_);
  char byte = 0;
  size_t got = 0;
  ERR_clear_error();
  const int result = SSL_peek_ex(ssl_, &byte, 1, &got);
  const ssize_t outcome = result == 1 ? 1 : Outcome(result);
  const int error = errno;
  FlushLocked();
  errno = error;
  return outcome;
}

ssize_t TlsSession::Handshake() {
  MutexLock lock(&mu_);
  ERR_clear_error();
  const int result = SSL_do_handshake(ssl_);
  const ssize_t outcome = result == 1 ? 1 : Outcome(result);
  const int error = errno;
  const bool flushed = FlushLocked();
  if (outcome == 1) return flushed ? 1 : -1;
  errno = error;
  return outcome;
}

bool TlsSession::Flush() {
  MutexLock lock(&mu_);
  return FlushLocked();
}

void TlsSession::SayEnd() {
  MutexLock lock(&mu_);
  if (!failure_.empty() || SSL_in_init(ssl_) == 1) return;
  ERR_clear_error();
  SSL_shutdown(ssl_);
  FlushLocked();
}

bool TlsSession::handshaking() const {
  MutexLock lock(&mu_);
  return SSL_in_init(ssl_) == 1;
}

bool TlsSession::unconfirmed() const {
  MutexLock lock(&mu_);
  return asked_ && !ticket_ && SSL_version(ssl_) >= TLS1_3_VERSION;
}

bool TlsSession::more() const {
  MutexLock lock(&mu_);
  return more_;
}

bool TlsSession::in_record() const {
  MutexLock lock(&mu_);
  return !more_ && SSL_has_pending(ssl_) == 1;
}

bool TlsSession::wants_write() const {
  MutexLock lock(&mu_);
  return !out_.empty();
}

uint64_t TlsSession::bytes_read() const {
  MutexLock lock(&mu_);
  return bytes_read_;
}

std::string TlsSession::failure() const {
  MutexLock lock(&mu_);
  return failure_;
}

ssize_t TlsSession::Outcome(int result) {
  const int error = errno;
  if (!failure_.empty()) return Fail(failure_);
  const bool handshaking = SSL_in_init(ssl_) == 1;
  switch (SSL_get_error(ssl_, result)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE:
      errno = EAGAIN;
      return -1;
    case SSL_ERROR_ZERO_RETURN:
      if (!handshaking) return 0;
      // Who looks whether somebody listens says nothing.
      if (BIO_number_read(SSL_get_rbio(ssl_)) == 0) return 0;
      return Fail("the peer closed in the handshake");
    case SSL_ERROR_SYSCALL:
      if (error != 0) {
        errno = error;
        return -1;
      }
      if (BIO_number_read(SSL_get_rbio(ssl_)) == 0) return 0;
      return Fail("the peer closed in the handshake");
    default:
      break;
  }
  const int64_t verified = SSL_get_verify_result(ssl_);
  const unsigned long code = ERR_peek_error();
  const char* const reason = ERR_reason_error_string(code);
  if (verified != X509_V_OK && handshaking) {
    return Fail(absl::StrCat("the peer's certificate is refused: ",
                             X509_verify_cert_error_string(verified)));
  }
  // What OpenSSL says of bytes that are no record, as an end sends that does
  // not speak TLS.
  const int number = ERR_GET_REASON(code);
  const bool no_tls = number == SSL_R_WRONG_VERSION_NUMBER ||
                      number == SSL_R_HTTP_REQUEST ||
                      number == SSL_R_PACKET_LENGTH_TOO_LONG;
  return Fail(absl::StrCat(reason == nullptr ? "failed" : reason,
                           no_tls ? "; does the peer speak TLS?" : ""));
}

bool TlsSession::FlushLocked() {
  BIO* const memory = SSL_get_wbio(ssl_);
  while (true) {
    if (out_from_ == out_.size()) {
      const size_t bytes = BIO_ctrl_pending(memory);
      if (bytes == 0) {
        // Idle connections are many.
        std::string().swap(out_);
        out_from_ = 0;
        return true;
      }
      out_.resize(bytes);
      out_from_ = 0;
      const int read = BIO_read(memory, out_.data(), static_cast<int>(bytes));
      out_.resize(static_cast<size_t>(std::max(read, 0)));
    }
    const ssize_t sent =
        send(fd_, out_.data() + out_from_, out_.size() - out_from_,
             MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent >= 0) {
      out_from_ += static_cast<size_t>(sent);
      continue;
    }
    if (errno == EINTR) continue;
    return false;
  }
}

ssize_t TlsSession::Fail(absl::string_view why) {
  if (failure_.empty()) failure_ = absl::StrCat("TLS: ", why);
  errno = EPROTO;
  return -1;
}

}  // namespace weir::frames
