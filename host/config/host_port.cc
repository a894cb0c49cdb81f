#include "host/config/host_port.h"

#include <arpa/inet.h>

#include <algorithm>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace weir {
namespace {

bool IsIpv6(const std::string& host) {
  in6_addr address;
  return inet_pton(AF_INET6, host.c_str(), &address) == 1;
}

// Letters, digits, "-", "." and "_": names and IPv4 addresses.
bool IsName(absl::string_view host) {
  return !host.empty() &&
         std::all_of(host.begin(), host.end(), [](unsigned char c) {
           return absl::ascii_isalnum(c) || c == '-' || c == '.' || c == '_';
         });
}

absl::Status CheckHost(absl::string_view host) {
  const bool bracketed =
      absl::ConsumePrefix(&host, "[") && absl::ConsumeSuffix(&host, "]");
  if (bracketed ? IsIpv6(std::string(host)) : IsName(host)) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      host.empty() ? "no host before the port"
                   : absl::StrCat("\"", host,
                                  "\" is no host; write a name, an IPv4 "
                                  "address, or an IPv6 address in brackets"));
}

absl::StatusOr<uint16_t> ParsePort(absl::string_view text) {
  uint32_t port = 0;
  const bool digits =
      std::all_of(text.begin(), text.end(), absl::ascii_isdigit);
  if (!digits || !absl::SimpleAtoi(text, &port) || port > 65535) {
    return absl::InvalidArgumentError(absl::StrCat(
        "\"", text, "\" is no port; write a number from 0 to 65535"));
  }
  return static_cast<uint16_t>(port);
}

}  // namespace

bool HostPort::is_loopback() const {
  in_addr v4;
  if (inet_pton(AF_INET, host.c_str(), &v4) == 1) {
    return ntohl(v4.s_addr) >> 24 == 127;
  }
  in6_addr v6;
  if (inet_pton(AF_INET6, host.c_str(), &v6) == 1) {
    return IN6_IS_ADDR_LOOPBACK(&v6) != 0;
  }
  return absl::EqualsIgnoreCase(host, "localhost");
}

absl::StatusOr<HostPort> ParseHostPort(absl::string_view text) {
  const size_t colon = text.rfind(':');
  if (colon == absl::string_view::npos) {
    return absl::InvalidArgumentError(
        "no port; write host:port, as 127.0.0.1:50051");
  }
  absl::string_view host = text.substr(0, colon);
  const absl::StatusOr<uint16_t> port = ParsePort(text.substr(colon + 1));
  if (!port.ok()) return port.status();
  if (absl::Status status = CheckHost(host); !status.ok()) return status;
  absl::ConsumePrefix(&host, "[");
  absl::ConsumeSuffix(&host, "]");
  return HostPort{std::string(host), *port};
}

absl::Status CheckHttpUrl(absl::string_view url) {
  if (!absl::ConsumePrefix(&url, "http://") &&
      !absl::ConsumePrefix(&url, "https://")) {
    return absl::InvalidArgumentError(
        "no URL of HTTP; it begins with http:// or https://");
  }
  for (const unsigned char c : url) {
    if (c <= 0x20 || c >= 0x7f) {
      return absl::InvalidArgumentError(
          "holds a blank, a control character or a letter that is not ASCII; "
          "write those as %XX");
    }
  }
  const absl::string_view authority = url.substr(0, url.find_first_of("/?#"));
  if (authority.find('@') != absl::string_view::npos) {
    return absl::InvalidArgumentError(
        "holds a user before \"@\", which would be in every log; remove it");
  }
  // Only a colon after the brackets of an IPv6 address begins a port.
  const size_t colon = authority.rfind(':');
  const size_t bracket = authority.rfind(']');
  if (colon != absl::string_view::npos &&
      (bracket == absl::string_view::npos || colon > bracket)) {
    return ParseHostPort(authority).status();
  }
  return CheckHost(authority);
}

}  // namespace weir
