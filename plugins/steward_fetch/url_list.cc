#include "plugins/steward_fetch/url_list.h"

#include <arpa/inet.h>
#include <curl/curl.h>

#include <algorithm>
#include <array>
#include <memory>

namespace weir {
namespace {

// As long as servers take them.
constexpr size_t kMaxBytes = 8000;

struct FreeUrl {
  void operator()(CURLU* url) const { curl_url_cleanup(url); }
};

std::string Lower(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return lower;
}

bool Get(CURLU* url, CURLUPart part, unsigned flags, std::string* text) {
  char* value = nullptr;
  if (curl_url_get(url, part, &value, flags) != CURLUE_OK) return false;
  *text = value;
  curl_free(value);
  return true;
}

bool Has(CURLU* url, CURLUPart part) {
  std::string ignored;
  return Get(url, part, 0, &ignored);
}

}  // namespace

bool UrlParts::has_address() const {
  std::array<unsigned char, 16> address;
  return host.starts_with('[') ||
         inet_pton(AF_INET, host.c_str(), address.data()) == 1;
}

std::string UrlParts::Parse(std::string_view text) {
  if (text.size() > kMaxBytes) return "is longer than 8000 bytes";
  if (std::any_of(text.begin(), text.end(), [](char c) {
        return static_cast<unsigned char>(c) <= ' ' || c == '\x7f' || c == '\\';
      })) {
    return "has a blank, a control or \"\\\" in it";
  }
  const std::unique_ptr<CURLU, FreeUrl> url(curl_url());
  const std::string whole(text);
  if (url == nullptr ||
      curl_url_set(url.get(), CURLUPART_URL, whole.c_str(), 0) != CURLUE_OK ||
      !Get(url.get(), CURLUPART_SCHEME, 0, &scheme) ||
      !Get(url.get(), CURLUPART_HOST, 0, &host) ||
      !Get(url.get(), CURLUPART_PORT, CURLU_DEFAULT_PORT, &port) ||
      !Get(url.get(), CURLUPART_PATH, 0, &path)) {
    return "is no URL";
  }
  if (!Get(url.get(), CURLUPART_QUERY, 0, &query)) query.clear();
  is_folder = query.empty() && path.ends_with('/') && text.ends_with('/');
  scheme = Lower(scheme);
  host = Lower(host);
  if (scheme != "http" && scheme != "https") {
    return "begins neither with http:// nor with https://";
  }
  if (host.empty() || Has(url.get(), CURLUPART_USER) ||
      Has(url.get(), CURLUPART_PASSWORD) ||
      Has(url.get(), CURLUPART_FRAGMENT) || Has(url.get(), CURLUPART_ZONEID)) {
    return "has a name, a password, a zone or a fragment in it, or no host";
  }
  const std::string lower = Lower(path);
  for (const char* const escape : {"%2e", "%2f", "%5c", "/../", "/./"}) {
    if (lower.find(escape) != std::string::npos) {
      return "has an escaped \".\", \"/\" or \"\\\" in its path";
    }
  }
  // What is no ".." here is one for servers that first take the parameters off.
  for (const char* const parameter : {"/.;", "/..;", "/.%3b", "/..%3b"}) {
    if (lower.find(parameter) != std::string::npos) {
      return "has parameters behind a \".\" or \"..\" in its path";
    }
  }
  return "";
}

std::string UrlList::Add(std::string_view text) {
  UrlParts parts;
  if (std::string fault = parts.Parse(text); !fault.empty()) return fault;
  entries_.push_back(std::move(parts));
  return "";
}

const UrlParts* UrlList::Find(const UrlParts& url) const {
  const auto found = std::find_if(
      entries_.begin(), entries_.end(), [&url](const UrlParts& entry) {
        if (entry.scheme != url.scheme || entry.host != url.host ||
            entry.port != url.port ||
            (!entry.query.empty() && entry.query != url.query)) {
          return false;
        }
        return entry.path == url.path ||
               (entry.is_folder && url.path.starts_with(entry.path));
      });
  return found == entries_.end() ? nullptr : &*found;
}

}  // namespace weir
