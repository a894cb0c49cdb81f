#include "host/nats/nats_options.h"

#include <cstdlib>
#include <cstring>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "host/nats/nkey.h"

namespace weir {
namespace {

// How long a server may take nothing of what is written to it. cnats writes
// with its lock held, so without an end a server that hangs would also hold up
// who disconnects and whoever publishes.
constexpr int64_t kWriteTimeoutMs = 5000;

std::string WithoutCredentials(const std::string& url) {
  const size_t scheme = url.find("://");
  const size_t at = url.rfind('@');
  if (at == std::string::npos) return url;
  const size_t start = scheme == std::string::npos ? 0 : scheme + 3;
  return at < start ? url
                    : absl::StrCat(url.substr(0, start), url.substr(at + 1));
}

NatsOptionFault FaultOf(natsStatus code, absl::string_view field) {
  return {code, field, absl::StrCat(natsStatus_GetText(code), "; check it")};
}

// Signs what the server gave, as cnats wants it: in memory that it frees.
natsStatus SignNonce(char** error, unsigned char** signature, int* size,
                     const char* nonce, void* options) {
  const std::string& path =
      static_cast<const NatsServerOptions*>(options)->nkey_seed_file;
  const absl::StatusOr<Nkey> key = Nkey::FromFile(path);
  const std::string signed_text = key.ok() ? key->Sign(nonce) : "";
  if (signed_text.empty()) {
    *error =
        strdup(absl::StrCat("nkey_seed_file \"", path, "\" ",
                            key.ok() ? "does not sign" : key.status().message())
                   .c_str());
    return NATS_ERR;
  }
  *signature = static_cast<unsigned char*>(malloc(signed_text.size()));
  if (*signature == nullptr) return NATS_NO_MEMORY;
  memcpy(*signature, signed_text.data(), signed_text.size());
  *size = static_cast<int>(signed_text.size());
  return NATS_OK;
}

NatsOptionFault SetNkey(const NatsServerOptions& wanted, natsOptions* options) {
  const absl::StatusOr<Nkey> key = Nkey::FromFile(wanted.nkey_seed_file);
  if (!key.ok()) {
    return {NATS_ERR, "nkey_seed_file",
            absl::StrCat("\"", wanted.nkey_seed_file, "\" ",
                         key.status().message())};
  }
  const natsStatus code =
      natsOptions_SetNKey(options, key->public_key().c_str(), &SignNonce,
                          const_cast<NatsServerOptions*>(&wanted));
  return code == NATS_OK ? NatsOptionFault() : FaultOf(code, "nkey_seed_file");
}

// cnats reads the file when it connects, and then says "Error" of it.
NatsOptionFault CheckCredentials(const std::string& path) {
  const absl::Status status = Nkey::FromFile(path).status();
  if (status.ok()) return {};
  return {NATS_ERR, "credentials_file",
          absl::IsInvalidArgument(status)
              ? absl::StrCat("\"", path,
                             "\" holds no seed of a user; make it anew (nsc "
                             "generate creds)")
              : absl::StrCat("\"", path, "\" ", status.message())};
}

}  // namespace

NatsOptionFault ConfigureNats(const NatsServerOptions& wanted,
                              natsOptions* options) {
  std::vector<const char*> servers;
  for (const std::string& server : wanted.servers) {
    servers.push_back(server.c_str());
  }
  if (const natsStatus code = natsOptions_SetServers(
          options, servers.data(), static_cast<int>(servers.size()));
      code != NATS_OK) {
    return FaultOf(code, "servers");
  }
  natsOptions_SetName(options, "weir");
  natsOptions_SetNoRandomize(options, true);
  natsOptions_SetTimeout(options,
                         absl::ToInt64Milliseconds(wanted.connect_timeout));
  natsOptions_SetWriteDeadline(options, kWriteTimeoutMs);
  // Who uses it connects again, with back-off and statistics.
  natsOptions_SetAllowReconnect(options, false);
  // One thread delivers for all subscriptions, so that the order stays.
  natsOptions_UseGlobalMessageDelivery(options, true);
  natsOptions_SetMaxPendingMsgs(options,
                                static_cast<int>(wanted.pending_limit));
  if (!wanted.credentials_file.empty()) {
    if (NatsOptionFault fault = CheckCredentials(wanted.credentials_file);
        fault.code != NATS_OK) {
      return fault;
    }
    if (const natsStatus code = natsOptions_SetUserCredentialsFromFiles(
            options, wanted.credentials_file.c_str(), nullptr);
        code != NATS_OK) {
      return FaultOf(code, "credentials_file");
    }
  }
  if (!wanted.nkey_seed_file.empty()) {
    if (NatsOptionFault fault = SetNkey(wanted, options);
        fault.code != NATS_OK) {
      return fault;
    }
  }
  if (!wanted.ca_file.empty()) {
    if (const natsStatus code = natsOptions_LoadCATrustedCertificates(
            options, wanted.ca_file.c_str());
        code != NATS_OK) {
      return FaultOf(code, "ca_file");
    }
    natsOptions_SetSecure(options, true);
  }
  if (!wanted.cert_file.empty()) {
    if (const natsStatus code = natsOptions_LoadCertificatesChain(
            options, wanted.cert_file.c_str(), wanted.key_file.c_str());
        code != NATS_OK) {
      return FaultOf(code, "cert_file, key_file");
    }
    natsOptions_SetSecure(options, true);
  }
  if (absl::StartsWith(wanted.servers[0], "tls://")) {
    natsOptions_SetSecure(options, true);
  }
  if (!wanted.server_name.empty()) {
    natsOptions_SetExpectedHostname(options, wanted.server_name.c_str());
  }
  if (wanted.insecure_skip_verify) {
    natsOptions_SkipServerVerification(options, true);
  }
  return {};
}

std::string NatsEndpoint(const std::vector<std::string>& servers) {
  return absl::StrJoin(servers, ",",
                       [](std::string* out, const std::string& url) {
                         absl::StrAppend(out, WithoutCredentials(url));
                       });
}

}  // namespace weir
