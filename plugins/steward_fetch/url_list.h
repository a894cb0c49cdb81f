#ifndef WEIR_PLUGINS_STEWARD_FETCH_URL_LIST_H_
#define WEIR_PLUGINS_STEWARD_FETCH_URL_LIST_H_

#include <string>
#include <string_view>
#include <vector>

namespace weir {

// The parts of an http or https URL, as libcurl understands it, which is what
// asks for it in the end: lower-case names, 0x7f.1 as 127.0.0.1, the port
// always there, no "." and ".." in the path.
struct UrlParts {
  std::string scheme, host, port, path, query;
  bool is_folder = false;  // The text ends with the "/" of its path.

  // Whether the host is written as an address: 192.0.2.1, [2001:db8::1].
  bool has_address() const;

  // Reads `text`. Returns why not, for a person, or nothing. Refuses what
  // servers and clients are known to read differently: names and passwords,
  // fragments, controls, blanks, "\", %-escapes of ".", "/" and "\", and "."
  // and ".." with parameters behind them ("/..;x/").
  std::string Parse(std::string_view text);
};

// What may be fetched: URLs that the operator wrote. One that ends with the "/"
// of its path stands for all below it, any other for itself; with any query, if
// it has none of its own.
//
//   https://example.org/status     that, also ?verbose=1
//   https://example.org            https://example.org/ alone
//   http://127.0.0.1:9100/         all of that port
class UrlList {
 public:
  // Returns what is wrong with `text`, or nothing.
  std::string Add(std::string_view text);

  // The entry that allows `url`; null if there is none.
  const UrlParts* Find(const UrlParts& url) const;

  bool empty() const { return entries_.empty(); }

 private:
  std::vector<UrlParts> entries_;
};

}  // namespace weir

#endif  // WEIR_PLUGINS_STEWARD_FETCH_URL_LIST_H_
