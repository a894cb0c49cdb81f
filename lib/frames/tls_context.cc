#include "lib/frames/tls_context.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace weir::frames {
namespace {

using client::MutexLock;

// What OpenSSL has against a file, and what to do.
absl::Status FileError(const std::string& path, absl::string_view what,
                       absl::string_view cure) {
  const char* reason = ERR_reason_error_string(ERR_peek_error());
  const std::string text =
      absl::StrCat(path, ": ", what, ": ",
                   reason == nullptr ? "OpenSSL failed" : reason, "; ", cure);
  ERR_clear_error();
  return absl::UnavailableError(text);
}

// A key with a passphrase would have it asked for at the terminal.
int NoPassphrase(char* /*buffer*/, int /*size*/, int /*writing*/,
                 void* /*data*/) {
  return 0;
}

int OnCertificateAsked(SSL* ssl, void* /*data*/) {
  TlsSession::Of(ssl)->OnCertificateAsked();
  return 1;
}

int OnTicket(SSL* ssl, SSL_SESSION* /*session*/) {
  TlsSession::Of(ssl)->OnTicket();
  return 0;  // It is not kept.
}

bool IsIpAddress(const std::string& host) {
  in6_addr address;
  return inet_pton(AF_INET, host.c_str(), &address) == 1 ||
         inet_pton(AF_INET6, host.c_str(), &address) == 1;
}

// The host of "host:port", without brackets.
std::string HostOf(const std::string& address) {
  std::string host = address.substr(0, address.rfind(':'));
  if (host.size() >= 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
  }
  return host;
}

bool ExpectPeer(SSL* ssl, const std::string& name) {
  X509_VERIFY_PARAM* const param = SSL_get0_param(ssl);
  if (IsIpAddress(name)) {
    return X509_VERIFY_PARAM_set1_ip_asc(param, name.c_str()) == 1;
  }
  X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  return SSL_set_tlsext_host_name(ssl, name.c_str()) == 1 &&
         X509_VERIFY_PARAM_set1_host(param, name.c_str(), name.size()) == 1;
}

}  // namespace

void TlsContext::Deleter::operator()(ssl_ctx_st* context) const {
  SSL_CTX_free(context);
}

TlsContext::TlsContext(TlsOptions options, Side side, LogLine log)
    : options_(std::move(options)), side_(side), log_(std::move(log)) {}

TlsContext::~TlsContext() = default;

absl::StatusOr<std::unique_ptr<TlsSession>> TlsContext::NewSession(
    int fd, const std::string& host) {
  SSL* ssl = nullptr;
  {
    MutexLock lock(&mu_);
    if (absl::Status status = Refresh(); !status.ok()) return status;
    ssl = SSL_new(context_.get());
  }
  if (ssl == nullptr) return absl::UnavailableError("TLS: no memory");
  auto session = std::make_unique<TlsSession>(ssl, fd);
  if (side_ == Side::kAccepts) {
    SSL_set_accept_state(ssl);
    return session;
  }
  SSL_set_connect_state(ssl);
  const std::string name =
      options_.server_name.empty() ? HostOf(host) : options_.server_name;
  if (!ExpectPeer(ssl, name)) {
    return absl::UnavailableError(
        absl::StrCat("\"", name, "\": is no name that a certificate is for"));
  }
  return session;
}

absl::Status TlsContext::Check() {
  MutexLock lock(&mu_);
  return Refresh();
}

TlsContext::Stamp TlsContext::StampOf(const std::string& path) {
  struct stat found = {};
  if (path.empty() || stat(path.c_str(), &found) != 0) return {};
  const auto ns = [](const timespec& time) {
    return int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
  };
  return {ns(found.st_ctim), ns(found.st_mtim), found.st_size, found.st_ino};
}

absl::Status TlsContext::Refresh() {
  std::vector<Stamp> stamps = {StampOf(options_.cert_file),
                               StampOf(options_.key_file),
                               StampOf(options_.ca_file)};
  // What is missing may be there in the next moment, and looks the same.
  if (stamps != stamps_ || context_ == nullptr) {
    const bool failed_before = !failed_.ok();
    stamps_ = std::move(stamps);
    absl::StatusOr<Context> loaded = Load();
    failed_ = loaded.status();
    if (loaded.ok()) context_ = std::move(*loaded);
    if (log_ && context_ != nullptr && !failed_.ok()) {
      log_(absl::StrCat(failed_.message(),
                        "; connections go on with what it was before"));
    } else if (log_ && context_ != nullptr && failed_before) {
      log_("the files of TLS are good again");
    }
  }
  return context_ == nullptr ? failed_ : absl::OkStatus();
}

absl::StatusOr<TlsContext::Context> TlsContext::Load() const {
  const bool accepts = side_ == Side::kAccepts;
  ERR_clear_error();
  Context context(
      SSL_CTX_new(accepts ? TLS_server_method() : TLS_client_method()));
  SSL_CTX* const ctx = context.get();
  if (ctx == nullptr) return FileError("TLS", "cannot begin", "free memory");
  SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
  // Frames say by themselves whether they are whole, so many peers say no end.
  SSL_CTX_set_options(ctx, SSL_OP_IGNORE_UNEXPECTED_EOF |
                               SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
  SSL_CTX_set_mode(
      ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_read_ahead(ctx, 1);
  SSL_CTX_set_default_passwd_cb(ctx, NoPassphrase);
  const std::string& cert = options_.cert_file;
  const std::string& key = options_.key_file;
  if (!cert.empty() &&
      SSL_CTX_use_certificate_chain_file(ctx, cert.c_str()) != 1) {
    return FileError(cert, "no certificate can be read",
                     "cert_file must be a PEM file that we may read");
  }
  if (!key.empty() &&
      SSL_CTX_use_PrivateKey_file(ctx, key.c_str(), SSL_FILETYPE_PEM) != 1) {
    return FileError(key, "no key of the certificate can be read",
                     "key_file must be a PEM file that we may read, without a "
                     "passphrase, and belong to cert_file");
  }
  if (accepts && (cert.empty() || key.empty())) {
    return absl::InvalidArgumentError(
        "TLS: who listens needs cert_file and key_file");
  }
  const std::string& ca = options_.ca_file;
  if (!ca.empty() &&
      SSL_CTX_load_verify_locations(ctx, ca.c_str(), nullptr) != 1) {
    return FileError(ca, "no certificates can be read",
                     "ca_file must be a PEM file that we may read");
  }
  if (accepts) {
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    if (!ca.empty()) {
      SSL_CTX_set_client_CA_list(ctx, SSL_load_client_CA_file(ca.c_str()));
      SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT,
                         nullptr);
      // Without a name nobody can go on with a session that was verified.
      static constexpr unsigned char kName[] = "weir";
      SSL_CTX_set_session_id_context(ctx, kName, sizeof(kName) - 1);
    }
  } else {
    if (ca.empty()) SSL_CTX_set_default_verify_paths(ctx);
    SSL_CTX_set_verify(
        ctx, options_.insecure_skip_verify ? SSL_VERIFY_NONE : SSL_VERIFY_PEER,
        nullptr);
    SSL_CTX_set_cert_cb(ctx, frames::OnCertificateAsked, nullptr);
    SSL_CTX_set_session_cache_mode(
        ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(ctx, OnTicket);
  }
  return context;
}

}  // namespace weir::frames
