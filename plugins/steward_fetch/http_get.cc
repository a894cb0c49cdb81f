#include "plugins/steward_fetch/http_get.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string_view>

namespace weir {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr int kMaxRedirects = 5;

struct FreeEasy {
  void operator()(CURL* easy) const { curl_easy_cleanup(easy); }
};

// What the callbacks of one request share.
struct Request {
  const HttpGet::Limits& limits;
  std::string& body;
  bool only_outside = false;
  std::string within;  // An address that was refused.
  bool too_large = false;
  bool stopped = false;
};

size_t OnBody(char* data, size_t size, size_t count, void* self) {
  auto& request = *static_cast<Request*>(self);
  if (count * size > request.limits.max_bytes - request.body.size()) {
    request.too_large = true;
    return 0;
  }
  request.body.append(data, size * count);
  return size * count;
}

int OnProgress(void* self, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  auto& request = *static_cast<Request*>(self);
  request.stopped = request.limits.should_stop();
  return request.stopped ? 1 : 0;
}

// The one place where it is known what a name means: what was asked for before
// could have had another answer.
curl_socket_t OnSocket(void* self, curlsocktype, curl_sockaddr* to) {
  auto& request = *static_cast<Request*>(self);
  const void* bytes = nullptr;
  if (to->family == AF_INET) {
    bytes = &reinterpret_cast<const sockaddr_in*>(&to->addr)->sin_addr;
  } else if (to->family == AF_INET6) {
    bytes = &reinterpret_cast<const sockaddr_in6*>(&to->addr)->sin6_addr;
  } else {
    return CURL_SOCKET_BAD;
  }
  if (request.only_outside && IsWithin(to->family, bytes)) {
    std::array<char, INET6_ADDRSTRLEN> text = {};
    inet_ntop(to->family, bytes, text.data(), text.size());
    request.within = text.data();
    return CURL_SOCKET_BAD;
  }
  return socket(to->family, to->socktype | SOCK_CLOEXEC, to->protocol);
}

bool IsWithin4(uint32_t address) {
  struct Block {
    uint32_t prefix;
    int length;
  };
  // The special-purpose registry of RFC 6890, multicast, and what is above.
  constexpr Block kBlocks[] = {
      {0x00000000, 8},  {0x0a000000, 8},  {0x64400000, 10}, {0x7f000000, 8},
      {0xa9fe0000, 16}, {0xac100000, 12}, {0xc0000000, 24}, {0xc0000200, 24},
      {0xc0586300, 24}, {0xc0a80000, 16}, {0xc6120000, 15}, {0xc6336400, 24},
      {0xcb007100, 24}, {0xe0000000, 3}};
  return std::any_of(
      std::begin(kBlocks), std::end(kBlocks), [address](const Block& block) {
        return (address ^ block.prefix) >> (32 - block.length) == 0;
      });
}

uint32_t Number(const uint8_t* bytes) {
  uint32_t number = 0;
  std::memcpy(&number, bytes, sizeof(number));
  return ntohl(number);
}

bool IsWithin6(const uint8_t* bytes) {
  const uint32_t begin = Number(bytes);
  constexpr std::array<uint8_t, 12> kMapped = {0, 0, 0, 0, 0,    0,
                                               0, 0, 0, 0, 0xff, 0xff};
  constexpr std::array<uint8_t, 12> kNat64 = {0, 0x64, 0xff, 0x9b, 0, 0,
                                              0, 0,    0,    0,    0, 0};
  if (std::memcmp(bytes, kMapped.data(), kMapped.size()) == 0 ||
      std::memcmp(bytes, kNat64.data(), kNat64.size()) == 0) {
    return IsWithin4(Number(bytes + 12));
  }
  if (begin >> 16 == 0x2002) return IsWithin4(Number(bytes + 2));  // 6to4
  // Teredo and its like, and two blocks for examples.
  const bool special = begin >> 9 == 0x20010000U >> 9 || begin == 0x20010db8 ||
                       begin >> 12 == 0x3fff0000U >> 12;
  return special || begin >> 29 != 1;  // All that is given out is in 2000::/3.
}

}  // namespace

bool IsWithin(int family, const void* address) {
  const auto* const bytes = static_cast<const uint8_t*>(address);
  return family == AF_INET ? IsWithin4(Number(bytes)) : IsWithin6(bytes);
}

std::string HttpGet::Check(std::string_view url) const {
  UrlParts parts;
  if (const std::string fault = parts.Parse(url); !fault.empty()) {
    return "the URL " + fault;
  }
  return allowed_.Find(parts) != nullptr ? ""
                                         : "the URL is none of those allowed";
}

std::string HttpGet::Fetch(std::string_view url, const Limits& limits,
                           std::string* body) const {
  std::string at(url);
  for (int redirects = 0;; ++redirects) {
    if (std::string fault = Check(at); !fault.empty()) {
      if (redirects == 0) return fault;
      at.insert(0, "it is redirected to \"");
      return at.append("\", and ").append(fault);
    }
    std::string next;
    if (std::string fault = FetchOne(at, limits, body, &next); !fault.empty()) {
      return fault;
    }
    if (next.empty()) return "";
    if (redirects == kMaxRedirects) {
      return "it is redirected more than " + std::to_string(kMaxRedirects) +
             " times";
    }
    at = std::move(next);
  }
}

std::string HttpGet::FetchOne(std::string_view url, const Limits& limits,
                              std::string* body, std::string* next) const {
  // Once a process, and thread-safe in itself.
  static const CURLcode initialized = curl_global_init(CURL_GLOBAL_DEFAULT);
  const std::unique_ptr<CURL, FreeEasy> handle(curl_easy_init());
  if (initialized != CURLE_OK || handle == nullptr) return "out of memory";
  const auto left =
      std::chrono::ceil<milliseconds>(limits.end - steady_clock::now());
  if (left.count() <= 0) return "its time is over";

  UrlParts parts;
  parts.Parse(url);
  body->clear();
  Request request{.limits = limits,
                  .body = *body,
                  .only_outside = !private_addresses_ && !parts.has_address(),
                  .within = ""};
  CURL* const easy = handle.get();
  std::array<char, CURL_ERROR_SIZE> error = {};
  const std::string whole(url);
  curl_easy_setopt(easy, CURLOPT_URL, whole.c_str());
  curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(easy, CURLOPT_HTTP_VERSION,
                   static_cast<long>(CURL_HTTP_VERSION_1_1));
  curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);  // We do, if allowed.
  curl_easy_setopt(easy, CURLOPT_PROXY, "");
  curl_easy_setopt(easy, CURLOPT_USERAGENT, "weir");
  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  // Does not wait for a name server that does not answer.
  curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
  curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, static_cast<long>(left.count()));
  curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, error.data());
  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, &OnBody);
  curl_easy_setopt(easy, CURLOPT_WRITEDATA, &request);
  curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, &OnSocket);
  curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, &request);
  curl_easy_setopt(easy, CURLOPT_NOPROGRESS, 0L);
  curl_easy_setopt(easy, CURLOPT_XFERINFOFUNCTION, &OnProgress);
  curl_easy_setopt(easy, CURLOPT_XFERINFODATA, &request);

  const CURLcode code = curl_easy_perform(easy);
  if (request.stopped) {
    return "the slot's soft_deadline is over, or the host ends the plugin";
  }
  if (request.too_large) {
    return "the body has more than " + std::to_string(limits.max_bytes) +
           " bytes";
  }
  if (code == CURLE_OPERATION_TIMEDOUT) return "its time is over";
  if (code != CURLE_OK && !request.within.empty()) {
    return "the name means " + request.within +
           ", which is within; set private_addresses if it may";
  }
  if (code != CURLE_OK) {
    return error[0] != '\0' ? error.data() : curl_easy_strerror(code);
  }
  long status = 0;
  curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
  const char* redirect = nullptr;
  curl_easy_getinfo(easy, CURLINFO_REDIRECT_URL, &redirect);
  if (status >= 300 && status < 400 && redirect != nullptr) {
    *next = redirect;
    return "";
  }
  return status == 200 ? "" : "not 200, were " + std::to_string(status);
}

}  // namespace weir
