#ifndef WEIR_PLUGINS_STEWARD_COPY_COPY_SENDER_H_
#define WEIR_PLUGINS_STEWARD_COPY_COPY_SENDER_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "weir/sdk.h"
#include "weir/steward.h"

namespace weir {

// Who asked for a copy, and how he is answered when it has ended, long after
// his message is gone.
struct CopyRequester {
  CopyRequester() = default;
  // `message` is a copySrc or copyDst.
  CopyRequester(const steward::View& message, std::string node);

  std::string node;  // Ours.
  std::string from, method, directory, file_name;
  std::string reply_method;
  std::vector<std::string> args, reply_args;
  int64_t id = 0;
  bool answerable = false;
};

// Sends what a copy says, in the name of a node. Not thread-safe.
class CopySender {
 public:
  // A message that is not acknowledged within `ack_timeout` seconds is sent
  // again, `retries` times.
  CopySender(const Host& host, int64_t ack_timeout, int64_t retries)
      : nodes_(host), ack_timeout_(ack_timeout), retries_(retries) {}

  const steward::Nodes& nodes() const { return nodes_; }

  // CBOR to a process of another node. Returns why not, or nothing.
  std::string Send(std::string_view source, std::string_view to,
                   std::string_view method, std::string_view cbor) const;

  // An answer of a file of its own: `suffix` goes behind the name of that which
  // the request names. Does nothing for one who wants no answer.
  std::string Answer(std::string_view source, const CopyRequester& to,
                     std::string_view suffix, std::string_view text) const;

 private:
  const steward::Nodes nodes_;
  const int64_t ack_timeout_;
  const int64_t retries_;
};

// "none" for the methods of ctrl, "REQNone" for those of steward: of the family
// of `method`.
std::string NoneLike(std::string_view method);

}  // namespace weir

#endif  // WEIR_PLUGINS_STEWARD_COPY_COPY_SENDER_H_
