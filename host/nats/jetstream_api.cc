#include "host/nats/jetstream_api.h"

#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "host/status/json_text.h"
#include "simdjson.h"

namespace weir {
namespace {

using Element = simdjson::dom::element;

std::string Text(const Element& parent, absl::string_view key) {
  std::string_view text;
  if (parent[std::string_view(key.data(), key.size())].get(text) !=
      simdjson::SUCCESS) {
    return "";
  }
  return std::string(text);
}

int64_t Number(const Element& parent, absl::string_view key) {
  int64_t number = 0;
  if (parent[std::string_view(key.data(), key.size())].get(number) !=
      simdjson::SUCCESS) {
    return 0;
  }
  return number;
}

// Keeps `parser` alive with what it parsed.
absl::StatusOr<Element> ParseObject(absl::string_view json,
                                    simdjson::dom::parser* parser) {
  Element root;
  if (parser->parse(json.data(), json.size()).get(root) != simdjson::SUCCESS ||
      !root.is_object()) {
    return absl::InvalidArgumentError(
        absl::StrCat("no JSON object: ", ToUtf8(json.substr(0, 200))));
  }
  return root;
}

std::string Whole(absl::string_view filter) {
  return filter.empty() ? "none, the whole stream"
                        : absl::StrCat("\"", ToUtf8(filter), "\"");
}

}  // namespace

std::string ConsumerInfoSubject(const JetStreamConsumer& consumer) {
  return absl::StrCat("$JS.API.CONSUMER.INFO.", consumer.stream, ".",
                      consumer.durable);
}

std::string CreateConsumerSubject(const JetStreamConsumer& consumer) {
  return absl::StrCat("$JS.API.CONSUMER.DURABLE.CREATE.", consumer.stream, ".",
                      consumer.durable);
}

std::string PullSubject(const JetStreamConsumer& consumer) {
  return absl::StrCat("$JS.API.CONSUMER.MSG.NEXT.", consumer.stream, ".",
                      consumer.durable);
}

std::string CreateConsumerRequest(const JetStreamConsumer& consumer) {
  const std::string filter =
      consumer.filter_subject.empty()
          ? ""
          : absl::StrCat(",\"filter_subject\":",
                         ToJsonString(consumer.filter_subject));
  return absl::StrCat(
      "{\"stream_name\":", ToJsonString(consumer.stream),
      ",\"config\":{\"durable_name\":", ToJsonString(consumer.durable),
      ",\"deliver_policy\":\"all\",\"replay_policy\":\"instant\"",
      ",\"ack_policy\":\"explicit\",\"max_deliver\":-1",
      ",\"ack_wait\":", absl::ToInt64Nanoseconds(consumer.ack_wait),
      ",\"max_ack_pending\":", consumer.max_ack_pending, filter, "}}");
}

std::string PullRequest(uint64_t batch, absl::Duration expires,
                        absl::Duration heartbeat) {
  return absl::StrCat(
      "{\"batch\":", batch, ",\"expires\":", absl::ToInt64Nanoseconds(expires),
      ",\"idle_heartbeat\":", absl::ToInt64Nanoseconds(heartbeat), "}");
}

absl::StatusOr<JetStreamAnswer> ParseJetStreamAnswer(absl::string_view json) {
  simdjson::dom::parser parser;
  const absl::StatusOr<Element> root = ParseObject(json, &parser);
  if (!root.ok()) return root.status();
  JetStreamAnswer answer;
  Element error;
  if ((*root)["error"].get(error) == simdjson::SUCCESS) {
    answer.code = Number(error, "code");
    answer.err_code = Number(error, "err_code");
    answer.description = Text(error, "description");
    // That it is there says that something is wrong.
    if (answer.code == 0) answer.code = 500;
    return answer;
  }
  Element config;
  if ((*root)["config"].get(config) == simdjson::SUCCESS) {
    answer.deliver_subject = Text(config, "deliver_subject");
    answer.ack_policy = Text(config, "ack_policy");
    answer.filter_subject = Text(config, "filter_subject");
    answer.max_ack_pending = Number(config, "max_ack_pending");
    answer.ack_wait = absl::Nanoseconds(Number(config, "ack_wait"));
    answer.headers_only =
        config["headers_only"].get(answer.headers_only) == simdjson::SUCCESS &&
        answer.headers_only;
    answer.created = Text(*root, "created");
    answer.max_batch = Number(config, "max_batch");
    answer.max_expires = absl::Nanoseconds(Number(config, "max_expires"));
  }
  return answer;
}

absl::Status CheckConsumer(const JetStreamConsumer& wanted,
                           const JetStreamAnswer& found) {
  std::vector<std::string> faults;
  const auto check = [&](bool good, absl::string_view field,
                         const std::string& there, const std::string& here) {
    if (good) return;
    faults.push_back(
        absl::StrCat(field, " is ", there, ", and the configuration ", here));
  };
  check(found.deliver_subject.empty(), "deliver_subject",
        absl::StrCat("\"", ToUtf8(found.deliver_subject), "\""),
        "needs a pull consumer, which has none");
  check(found.ack_policy == "explicit", "ack_policy", ToUtf8(found.ack_policy),
        "needs explicit");
  check(found.filter_subject == wanted.filter_subject, "filter_subject",
        Whole(found.filter_subject),
        absl::StrCat("says ", Whole(wanted.filter_subject)));
  check(found.max_ack_pending == int64_t{wanted.max_ack_pending},
        "max_ack_pending", absl::StrCat(found.max_ack_pending),
        absl::StrCat("says ", wanted.max_ack_pending));
  check(found.ack_wait == wanted.ack_wait, "ack_wait",
        absl::FormatDuration(found.ack_wait),
        absl::StrCat("says ", absl::FormatDuration(wanted.ack_wait)));
  check(!found.headers_only, "headers_only", "true", "needs the data, too");
  if (faults.empty()) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(
      "consumer \"", wanted.durable, "\" of stream \"", wanted.stream,
      "\" is there and is another: ", absl::StrJoin(faults, "; "),
      ". Change the configuration, or the consumer (nats consumer edit), or "
      "take another `durable`"));
}

std::optional<StreamedMessage> ParseAckSubject(absl::string_view reply) {
  // $JS.ACK.STREAM.CONSUMER. and five numbers; newer servers put a domain and
  // an account before the stream, and a word or none behind the numbers.
  const std::vector<absl::string_view> words = absl::StrSplit(reply, '.');
  if (words.size() < 9 || words[0] != "$JS" || words[1] != "ACK") {
    return std::nullopt;
  }
  if (words.size() == 10) return std::nullopt;
  const size_t at = words.size() == 9 ? 4 : 6;
  StreamedMessage message;
  uint64_t consumer_sequence = 0;
  if (!absl::SimpleAtoi(words[at], &message.deliveries) ||
      !absl::SimpleAtoi(words[at + 1], &message.sequence) ||
      !absl::SimpleAtoi(words[at + 2], &consumer_sequence) ||
      !absl::SimpleAtoi(words[at + 3], &message.time_ns) ||
      !absl::SimpleAtoi(words[at + 4], &message.pending)) {
    return std::nullopt;
  }
  return message;
}

absl::StatusOr<JetStreamPubAck> ParsePubAck(absl::string_view json) {
  simdjson::dom::parser parser;
  const absl::StatusOr<Element> root = ParseObject(json, &parser);
  if (!root.ok()) return root.status();
  JetStreamPubAck ack;
  Element error;
  if ((*root)["error"].get(error) == simdjson::SUCCESS) {
    ack.err_code = Number(error, "err_code");
    ack.description = ToUtf8(Text(error, "description"));
    if (ack.description.empty()) ack.description = "an error without a name";
    return ack;
  }
  ack.stream = Text(*root, "stream");
  if (ack.stream.empty() || Number(*root, "seq") <= 0) {
    return absl::InvalidArgumentError(absl::StrCat(
        "names no stream and no sequence: ", ToUtf8(json.substr(0, 200))));
  }
  bool duplicate = false;
  ack.duplicate =
      (*root)["duplicate"].get(duplicate) == simdjson::SUCCESS && duplicate;
  return ack;
}

std::string JetStreamNak(absl::Duration delay) {
  if (delay <= absl::ZeroDuration()) return "-NAK";
  return absl::StrCat("-NAK {\"delay\":", absl::ToInt64Nanoseconds(delay), "}");
}

}  // namespace weir
