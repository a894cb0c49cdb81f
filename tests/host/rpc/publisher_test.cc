// What becomes of a repeat, over a log that answers as the test says;
// event_service_test asks the real one.
#include "host/rpc/publisher.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "host/control/event_publisher.h"
#include "host/pipeline/event.h"
#include "host/status/error_info.h"
#include "tests/fakes/fake_clock.h"
#include "tests/support/status_matchers.h"
#include "weir/v1/event.pb.h"

namespace weir {
namespace {

// Counts what is appended, and answers `answer`.
class AnsweringLog final : public EventPublisher {
 public:
  void Append(std::vector<Event> events, Durability /*durability*/,
              const Done& done) override {
    appended += events.size();
    done(answer);
  }

  size_t appended = 0;
  absl::StatusOr<std::vector<std::string>> answer;
};

class PublisherTest : public testing::Test {
 protected:
  PublisherTest() {
    request_.add_events()->set_type("test.ping");
    request_.set_request_id("4b7f3f0e-2d0a-4a55-9b0e-2f1f3f8f1a11");
  }

  absl::StatusOr<std::string> Publish() {
    absl::StatusOr<std::string> answered;
    publisher_.Publish(
        request_, "uid:0",
        [&](const absl::StatusOr<std::string>& answer) { answered = answer; });
    return answered;
  }

  FakeClock clock_;
  AnsweringLog log_;
  Publisher publisher_{log_, clock_, 1000};
  v1::PublishRequest request_;
};

TEST_F(PublisherTest, ARepeatOfWhatIsInMemoryOnlyAppendsNothing) {
  log_.answer = MakeError(absl::StatusCode::kUnavailable, "in memory only",
                          {.reason = "JOURNAL_UNAVAILABLE",
                           .metadata = {{"detail", "the disk is full"},
                                        {"first_id", "7k2mq9xv-1"},
                                        {"last_id", "7k2mq9xv-1"}}});
  const absl::Status first = Publish().status();
  EXPECT_EQ(log_.appended, 1u);
  // The journal works again.
  log_.answer = std::vector<std::string>{"7k2mq9xv-2"};
  const absl::Status second = Publish().status();
  EXPECT_EQ(log_.appended, 1u) << "it is in the log already";
  EXPECT_EQ(second, first);
  EXPECT_EQ(GetErrorInfo(second)->metadata.at("first_id"), "7k2mq9xv-1");
}

TEST_F(PublisherTest, ARepeatOfWhatWasRefusedAppends) {
  log_.answer = MakeError(absl::StatusCode::kUnavailable, "no journal",
                          {.reason = "JOURNAL_UNAVAILABLE",
                           .metadata = {{"detail", "the disk is full"}},
                           .retry_delay = absl::Seconds(5)});
  EXPECT_THAT(Publish(),
              StatusIs(absl::StatusCode::kUnavailable, "no journal"));
  log_.answer = std::vector<std::string>{"7k2mq9xv-1"};
  EXPECT_THAT(Publish(), IsOk());
  EXPECT_EQ(log_.appended, 2u);
}

}  // namespace
}  // namespace weir
