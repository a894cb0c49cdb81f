#ifndef WEIR_PLUGINS_STEWARD_FETCH_HTTP_GET_H_
#define WEIR_PLUGINS_STEWARD_FETCH_HTTP_GET_H_

#include <chrono>
#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

#include "plugins/steward_fetch/url_list.h"

namespace weir {

// Fetches with GET what a list allows, and nothing else: a redirect to what the
// list does not allow is not followed, and neither is a name of the list that
// means an address within, unless `private_addresses` says so. Addresses within
// are those that no router of the Internet passes on: loopback, link-local,
// private, shared, multicast, reserved, and those of IPv6 that contain one. An
// entry that is written as an address is taken at its word.
//
// Asks no proxy, sends no name, no password and no cookie, and takes no
// certificate that the system does not know. Not thread-safe.
class HttpGet {
 public:
  struct Limits {
    std::chrono::steady_clock::time_point end;  // Of all of it.
    size_t max_bytes = 0;                       // Of the body.
    std::function<bool()> should_stop = [] { return false; };
  };

  // `allowed` must outlive it.
  HttpGet(const UrlList& allowed, bool private_addresses)
      : allowed_(allowed), private_addresses_(private_addresses) {}

  // Whether `url` may be fetched. Returns why not, or nothing.
  std::string Check(std::string_view url) const;

  // Puts the body of an answer of 200 into `body`. Returns why there is none,
  // for a person, or nothing. Follows up to 5 redirects.
  std::string Fetch(std::string_view url, const Limits& limits,
                    std::string* body) const;

 private:
  // One request. `next` is where it is redirected to; empty: it is not.
  std::string FetchOne(std::string_view url, const Limits& limits,
                       std::string* body, std::string* next) const;

  const UrlList& allowed_;
  const bool private_addresses_;
};

// Whether an address, of the family `family` and in network order, is one that
// no router of the Internet passes on; see HttpGet.
bool IsWithin(int family, const void* address);

}  // namespace weir

#endif  // WEIR_PLUGINS_STEWARD_FETCH_HTTP_GET_H_
