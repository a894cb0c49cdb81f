#include "host/nats/jetstream_api.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace weir {
namespace {

using ::testing::HasSubstr;

const JetStreamConsumer kConsumer = {.stream = "ORDERS",
                                     .durable = "weir",
                                     .filter_subject = "order.\"x\"",
                                     .max_ack_pending = 7,
                                     .ack_wait = absl::Milliseconds(1500)};

TEST(JetStreamApiTest, WritesRequests) {
  EXPECT_EQ(ConsumerInfoSubject(kConsumer),
            "$JS.API.CONSUMER.INFO.ORDERS.weir");
  EXPECT_EQ(CreateConsumerSubject(kConsumer),
            "$JS.API.CONSUMER.DURABLE.CREATE.ORDERS.weir");
  EXPECT_EQ(PullSubject(kConsumer), "$JS.API.CONSUMER.MSG.NEXT.ORDERS.weir");
  EXPECT_EQ(CreateConsumerRequest(kConsumer),
            R"({"stream_name":"ORDERS","config":{"durable_name":"weir",)"
            R"("deliver_policy":"all","replay_policy":"instant",)"
            R"("ack_policy":"explicit","max_deliver":-1,)"
            R"("ack_wait":1500000000,"max_ack_pending":7,)"
            R"("filter_subject":"order.\"x\""}})");
  EXPECT_EQ(PullRequest(5, absl::Seconds(30), absl::Seconds(3)),
            R"({"batch":5,"expires":30000000000,"idle_heartbeat":3000000000})");
  EXPECT_EQ(JetStreamNak(absl::ZeroDuration()), "-NAK");
  EXPECT_EQ(JetStreamNak(absl::Milliseconds(100)),
            R"(-NAK {"delay":100000000})");
}

TEST(JetStreamApiTest, ReadsAnswers) {
  absl::StatusOr<JetStreamAnswer> answer = ParseJetStreamAnswer(
      R"({"type":"x","error":{"code":404,"err_code":10059,)"
      R"("description":"stream not found"}})");
  ASSERT_TRUE(answer.ok());
  EXPECT_EQ(answer->code, 404);
  EXPECT_EQ(answer->err_code, kJetStreamStreamNotFound);
  EXPECT_EQ(answer->description, "stream not found");
  answer = ParseJetStreamAnswer(R"({"error":{}})");
  ASSERT_TRUE(answer.ok());
  EXPECT_EQ(answer->code, 500);
  for (const char* bad : {"", "{", "[]", "null", "\"a\"", "\xff"}) {
    EXPECT_FALSE(ParseJetStreamAnswer(bad).ok()) << bad;
  }
}

TEST(JetStreamApiTest, ComparesAConsumerWithWhatIsWanted) {
  const absl::StatusOr<JetStreamAnswer> same = ParseJetStreamAnswer(
      R"({"config":{"durable_name":"weir","ack_policy":"explicit",)"
      R"("ack_wait":1500000000,"filter_subject":"order.\"x\"",)"
      R"("max_ack_pending":7}})");
  EXPECT_TRUE(CheckConsumer(kConsumer, *same).ok());
  const absl::StatusOr<JetStreamAnswer> other = ParseJetStreamAnswer(
      R"({"config":{"ack_policy":"none","deliver_subject":"d",)"
      R"("ack_wait":1,"max_ack_pending":-1}})");
  const absl::Status status = CheckConsumer(kConsumer, *other);
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  for (const char* fault :
       {"deliver_subject is \"d\"", "ack_policy is none",
        "filter_subject is none, the whole stream", "max_ack_pending is -1",
        "ack_wait is 1ns, and the configuration says 1.5s"}) {
    EXPECT_THAT(std::string(status.message()), HasSubstr(fault));
  }
}

// Its messages would come empty, and be acknowledged.
TEST(JetStreamApiTest, AConsumerWithoutDataIsNotWhatIsWanted) {
  const absl::StatusOr<JetStreamAnswer> bare = ParseJetStreamAnswer(
      R"({"config":{"durable_name":"weir","ack_policy":"explicit",)"
      R"("ack_wait":1500000000,"filter_subject":"order.\"x\"",)"
      R"("max_ack_pending":7,"headers_only":true}})");
  const absl::Status status = CheckConsumer(kConsumer, *bare);
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("headers_only is true, and the configuration needs "
                        "the data, too"));
}

TEST(JetStreamApiTest, ReadsWhatAReplySubjectSaysOfAMessage) {
  for (const char* reply :
       {"$JS.ACK.ORDERS.weir.2.15.99.1795724182723642311.3",
        // With a domain and an account's hash, and with a word behind.
        "$JS.ACK.hub.AbC.ORDERS.weir.2.15.99.1795724182723642311.3",
        "$JS.ACK._.AbC.ORDERS.weir.2.15.99.1795724182723642311.3.xyz"}) {
    const std::optional<StreamedMessage> message = ParseAckSubject(reply);
    ASSERT_TRUE(message.has_value()) << reply;
    EXPECT_EQ(message->deliveries, 2u);
    EXPECT_EQ(message->sequence, 15u);
    EXPECT_EQ(message->time_ns, 1795724182723642311);
    EXPECT_EQ(message->pending, 3u);
  }
  for (const char* reply :
       {"", "$JS.ACK", "_INBOX.a", "$JS.ACK.ORDERS.weir.2.15.99.17",
        "$JS.ACK.ORDERS.weir.2.x.99.1795724182723642311.3",
        "$JS.ACK.ORDERS.weir.2.-1.99.1795724182723642311.3",
        "$JS.ACK.hub.ORDERS.weir.2.15.99.1795724182723642311.3",
        "$JS.NAK.ORDERS.weir.2.15.99.1795724182723642311.3"}) {
    EXPECT_FALSE(ParseAckSubject(reply).has_value()) << reply;
  }
}

TEST(JetStreamApiTest, ReadsWhetherAMessageWasStored) {
  absl::StatusOr<JetStreamPubAck> ack =
      ParsePubAck(R"({"stream":"F", "seq":1})");
  ASSERT_TRUE(ack.ok());
  EXPECT_EQ(ack->stream, "F");
  EXPECT_FALSE(ack->duplicate);
  ack = ParsePubAck(R"({"stream":"F","seq":1,"duplicate":true})");
  ASSERT_TRUE(ack.ok());
  EXPECT_TRUE(ack->duplicate);
  ack = ParsePubAck(
      R"({"error":{"code":400,"err_code":10054,"description":"too long"},)"
      R"("stream":"F","seq":0})");
  ASSERT_TRUE(ack.ok());
  EXPECT_EQ(ack->stream, "");
  EXPECT_EQ(ack->err_code, kJetStreamMessageTooLarge);
  EXPECT_EQ(ack->description, "too long");
  for (const char* bad : {"", "+OK", "{}", R"({"stream":"F"})",
                          R"({"stream":"F","seq":0})", R"({"seq":1})"}) {
    EXPECT_FALSE(ParsePubAck(bad).ok()) << bad;
  }
}

}  // namespace
}  // namespace weir
