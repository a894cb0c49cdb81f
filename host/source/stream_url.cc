#include "host/source/stream_url.h"

#include <curl/curl.h>

#include <memory>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace weir {
namespace {

using Url = std::unique_ptr<CURLU, decltype(&curl_url_cleanup)>;

// Returns the part, or nothing if the URL has none.
std::string Part(CURLU* url, CURLUPart part) {
  char* text = nullptr;
  if (curl_url_get(url, part, &text, 0) != CURLUE_OK) return "";
  const std::string copy(text);
  curl_free(text);
  return copy;
}

bool HasKey(absl::string_view query, absl::string_view key) {
  for (const absl::string_view pair : absl::StrSplit(query, '&')) {
    if (pair == key || absl::StartsWith(pair, absl::StrCat(key, "="))) {
      return true;
    }
  }
  return false;
}

void AppendQuery(CURLU* url, absl::string_view key, absl::string_view value) {
  if (HasKey(Part(url, CURLUPART_QUERY), key)) return;
  curl_url_set(url, CURLUPART_QUERY, absl::StrCat(key, "=", value).c_str(),
               CURLU_APPENDQUERY | CURLU_URLENCODE);
}

}  // namespace

absl::StatusOr<StreamUrl> MakeStreamUrl(absl::string_view url,
                                        absl::string_view client) {
  const Url parsed(curl_url(), &curl_url_cleanup);
  const CURLUcode code =
      curl_url_set(parsed.get(), CURLUPART_URL, std::string(url).c_str(), 0);
  if (code != CURLUE_OK) {
    return absl::InvalidArgumentError(absl::StrCat(
        "url of ", url.size(), " bytes is none: ", curl_url_strerror(code),
        "; write it as https://host/path"));
  }
  const std::string scheme = Part(parsed.get(), CURLUPART_SCHEME);
  if (scheme != "http" && scheme != "https") {
    return absl::InvalidArgumentError(absl::StrCat(
        "url has the scheme \"", scheme, "\"; it must be http or https"));
  }
  AppendQuery(parsed.get(), "format", "json");
  AppendQuery(parsed.get(), "client", client);
  StreamUrl made;
  made.request = Part(parsed.get(), CURLUPART_URL);
  const std::string host = Part(parsed.get(), CURLUPART_HOST);
  made.loopback =
      host == "localhost" || host == "[::1]" || absl::StartsWith(host, "127.");
  for (const CURLUPart part : {CURLUPART_USER, CURLUPART_PASSWORD,
                               CURLUPART_QUERY, CURLUPART_FRAGMENT}) {
    curl_url_set(parsed.get(), part, nullptr, 0);
  }
  made.shown = Part(parsed.get(), CURLUPART_URL);
  return made;
}

}  // namespace weir
