#include "host/source/jetstream_error.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "host/source/source_error.h"
#include "host/status/json_text.h"

namespace weir {

using Code = absl::StatusCode;

absl::Status JetStreamIsOff(absl::string_view endpoint) {
  return MakeSourceError(
      Code::kUnavailable, SourceError::kUpstream,
      absl::StrCat(endpoint,
                   ": JetStream is off there; start nats-server with "
                   "`jetstream {}` in its configuration, or -js"));
}

absl::Status JetStreamForbidden(absl::string_view endpoint,
                                const JetStreamConsumer& consumer) {
  return MakeSourceError(
      Code::kPermissionDenied, SourceError::kAuth,
      absl::StrCat(endpoint,
                   ": the user may not publish to what the consumer needs; "
                   "permit it ",
                   ConsumerInfoSubject(consumer), ", ",
                   CreateConsumerSubject(consumer), ", ", PullSubject(consumer),
                   " and $JS.ACK.", consumer.stream, ".", consumer.durable,
                   ".>, and to subscribe to _INBOX.>"));
}

absl::Status JetStreamErrorOf(absl::string_view endpoint,
                              const JetStreamConsumer& consumer,
                              const JetStreamAnswer& answer) {
  const std::string text =
      absl::StrCat(endpoint, ": ", ToUtf8(answer.description));
  switch (answer.err_code) {
    case kJetStreamStreamNotFound:
      return MakeSourceError(
          Code::kUnavailable, SourceError::kUpstream,
          absl::StrCat(text, ": \"", consumer.stream,
                       "\"; make it (nats stream add), or name another"));
    case kJetStreamNotEnabled:
      return JetStreamIsOff(endpoint);
    case kJetStreamNotEnabledForAccount:
      return MakeSourceError(
          Code::kUnavailable, SourceError::kUpstream,
          absl::StrCat(text, "; enable it for the account of this user"));
    default:
      break;
  }
  // From 500 on are those that pass: no leader, too little memory.
  return MakeSourceError(
      answer.code >= 500 ? Code::kUnavailable : Code::kFailedPrecondition,
      SourceError::kUpstream,
      absl::StrCat(text,
                   "; check stream, durable and filter_subject, and the "
                   "consumer \"",
                   consumer.durable, "\""));
}

}  // namespace weir
