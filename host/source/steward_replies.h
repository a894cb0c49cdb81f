#ifndef WEIR_HOST_SOURCE_STEWARD_REPLIES_H_
#define WEIR_HOST_SOURCE_STEWARD_REPLIES_H_

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "host/control/steward_outboxes.h"
#include "host/pipeline/message.h"
#include "host/pipeline/name_table.h"
#include "host/pipeline/reply_sink.h"

namespace weir {

// Answers the messages of steward nodes: what a message asks for is read from
// its payload, which nobody but its sender has written, and the answer goes to
// the outbox of the node that it came to (lib/steward/reply.h). An answer to
// S0, whose data are texts, is made UTF-8.
class StewardReplies final : public ReplySink {
 public:
  // `sources` names the sources of messages without "sources/". Both must
  // outlive it.
  StewardReplies(StewardOutboxes& outboxes, const NameTable& sources)
      : outboxes_(outboxes), sources_(sources) {}

  absl::Status Reply(const Message& request, std::string data,
                     absl::string_view file_suffix, Kept kept) override;

 private:
  StewardOutboxes& outboxes_;
  const NameTable& sources_;
};

}  // namespace weir

#endif  // WEIR_HOST_SOURCE_STEWARD_REPLIES_H_
