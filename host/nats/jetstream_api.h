#ifndef WEIR_HOST_NATS_JETSTREAM_API_H_
#define WEIR_HOST_NATS_JETSTREAM_API_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace weir {

// What is said to JetStream, and what it answers, as texts: its API is requests
// and answers over plain subjects, in JSON. Who sends them, and waits for the
// answers, is somebody else.
//
// Why not cnats' own calls: those that pull messages ignore their timeout in
// the version that Debian has, and write beyond their memory.

// A durable pull consumer, which remembers for all its readers together what
// is acknowledged.
struct JetStreamConsumer {
  std::string stream;
  std::string durable;
  std::string filter_subject;  // Empty: the whole stream.
  // How many messages may be with all readers together.
  uint32_t max_ack_pending = 1024;
  // What is not acknowledged for so long is delivered again.
  absl::Duration ack_wait = absl::Seconds(30);
};

// The subjects of requests.
std::string ConsumerInfoSubject(const JetStreamConsumer& consumer);
std::string CreateConsumerSubject(const JetStreamConsumer& consumer);
std::string PullSubject(const JetStreamConsumer& consumer);

// Asks for such a consumer, which begins with the oldest message and delivers
// each as often as it takes.
std::string CreateConsumerRequest(const JetStreamConsumer& consumer);

// Asks for up to `batch` messages, as they come, for `expires`, and for a sign
// of life whenever there was none for `heartbeat`.
std::string PullRequest(uint64_t batch, absl::Duration expires,
                        absl::Duration heartbeat);

// The numbers of JetStream's errors that mean something to us.
enum : int64_t {
  kJetStreamConsumerNotFound = 10014,
  kJetStreamNotEnabledForAccount = 10039,
  kJetStreamMessageTooLarge = 10054,
  kJetStreamStreamNotFound = 10059,
  kJetStreamNotEnabled = 10076,
};

// An answer of the API: what is wrong, or the consumer that it tells of.
struct JetStreamAnswer {
  int64_t code = 0;      // As in HTTP; 0 if nothing is wrong.
  int64_t err_code = 0;  // One of those above, or another; 0 the same.
  std::string description;
  // Of a consumer, if the answer has one.
  std::string deliver_subject, ack_policy, filter_subject;
  int64_t max_ack_pending = 0;
  absl::Duration ack_wait;
  bool headers_only = false;
  std::string created;  // When it was made; another one has another time.
  // What a request for messages may ask for, and for how long; 0: anything.
  int64_t max_batch = 0;
  absl::Duration max_expires;
};

// Returns InvalidArgument for what is no JSON object.
absl::StatusOr<JetStreamAnswer> ParseJetStreamAnswer(absl::string_view json);

// Whether the consumer that the server has can be read as `wanted`. Returns
// FailedPrecondition with everything that is otherwise, and what helps.
absl::Status CheckConsumer(const JetStreamConsumer& wanted,
                           const JetStreamAnswer& found);

// What the reply subject of a message of a stream says of it: acknowledgements
// go there.
struct StreamedMessage {
  uint64_t sequence = 0;    // In its stream.
  uint64_t deliveries = 0;  // 1 for the first.
  uint64_t pending = 0;     // That are still to be delivered to the consumer.
  int64_t time_ns = 0;      // When the stream stored it, since 1970.
};
std::optional<StreamedMessage> ParseAckSubject(absl::string_view reply);

// The answer to a message that was published for a stream.
struct JetStreamPubAck {
  std::string stream;  // Empty if it was not stored.
  bool duplicate = false;
  int64_t err_code = 0;
  std::string description;
};
// Returns InvalidArgument for what is no such answer.
absl::StatusOr<JetStreamPubAck> ParsePubAck(absl::string_view json);

// Acknowledgements: done; not now, and again after `delay`; still at it, which
// begins ack_wait anew; and never again.
inline constexpr absl::string_view kJetStreamAck = "+ACK";
inline constexpr absl::string_view kJetStreamInProgress = "+WPI";
inline constexpr absl::string_view kJetStreamTerminate = "+TERM";
std::string JetStreamNak(absl::Duration delay);

}  // namespace weir

#endif  // WEIR_HOST_NATS_JETSTREAM_API_H_
