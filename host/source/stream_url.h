#ifndef WEIR_HOST_SOURCE_STREAM_URL_H_
#define WEIR_HOST_SOURCE_STREAM_URL_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace weir {

// What is asked for, where. A value.
struct StreamUrl {
  std::string request;  // With credentials and query: for the server only.
  std::string shown;    // Without both: for people.
  bool loopback = false;
};

// Returns `url` with "format=json" and "client=`client`" in its query, each
// unless the query has one already.
//
// Returns InvalidArgument for what is no URL and for a scheme other than http
// and https; the message does not repeat credentials.
absl::StatusOr<StreamUrl> MakeStreamUrl(absl::string_view url,
                                        absl::string_view client);

}  // namespace weir

#endif  // WEIR_HOST_SOURCE_STREAM_URL_H_
