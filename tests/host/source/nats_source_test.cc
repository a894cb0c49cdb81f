#include "host/source/nats_source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nats.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "host/nats/nkey.h"
#include "host/pipeline/frame_batch.h"
#include "host/source/source_error.h"
#include "host/sync/system_clock.h"
#include "tests/fakes/nats/nats_server.h"
#include "tests/support/nats_credentials.h"
#include "tests/support/nkey_seed.h"
#include "tests/support/status_matchers.h"

namespace weir {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

// What publishes, by a connection of its own.
class Publisher {
 public:
  explicit Publisher(const std::string& url) {
    EXPECT_EQ(natsConnection_ConnectTo(&connection_, url.c_str()), NATS_OK);
  }
  ~Publisher() {
    natsConnection_Close(connection_);
    natsConnection_Destroy(connection_);
  }

  void Publish(const std::string& subject, const std::string& data) {
    EXPECT_EQ(natsConnection_Publish(connection_, subject.c_str(), data.data(),
                                     static_cast<int>(data.size())),
              NATS_OK);
  }
  // Returns when the server has all of it.
  void Flush() { EXPECT_EQ(natsConnection_Flush(connection_), NATS_OK); }

 private:
  natsConnection* connection_ = nullptr;
};

class NatsSourceTest : public ::testing::Test {
 protected:
  NatsOptions Options(std::vector<std::string> subjects) const {
    NatsOptions options;
    options.servers = {server_.url()};
    options.subjects = std::move(subjects);
    return options;
  }

  // Reads until `count` messages came, as "subject=data".
  static std::vector<std::string> ReadAll(NatsSource& source, size_t count) {
    std::vector<std::string> messages;
    while (messages.size() < count) {
      FrameBatch batch;
      const absl::Status status = source.Read(&batch);
      EXPECT_THAT(status, IsOk());
      if (!status.ok()) break;
      EXPECT_EQ(batch.frames.size(), batch.subjects.size());
      EXPECT_FALSE(batch.frames.empty());
      for (size_t i = 0; i < batch.frames.size(); ++i) {
        messages.push_back(
            absl::StrCat(batch.subjects[i], "=", batch.frames[i]));
      }
    }
    return messages;
  }

  NatsServer server_;
  SystemClock clock_;
};

TEST_F(NatsSourceTest, GivesMessagesOfItsSubjectsInTheirOrder) {
  NatsSource source(Options({"a.*", "b.>"}), clock_);
  ASSERT_THAT(source.Connect(), IsOk());
  Publisher publisher(server_.url());
  publisher.Publish("a.1", "one");
  publisher.Publish("c", "not asked for");
  publisher.Publish("b.x.y", "two");
  publisher.Publish("a.2", "");
  publisher.Publish("a.1", std::string("\0\xff", 2));
  publisher.Flush();
  EXPECT_THAT(ReadAll(source, 4), ElementsAre("a.1=one", "b.x.y=two", "a.2=",
                                              std::string("a.1=\0\xff", 6)));
  EXPECT_TRUE(source.GetProgress().skipped_by_reason.empty());
}

TEST_F(NatsSourceTest, GivesLargeBatchesInSlices) {
  NatsSource source(Options({"a"}), clock_);
  ASSERT_THAT(source.Connect(), IsOk());
  Publisher publisher(server_.url());
  const std::string data(size_t{100} << 10, 'x');
  for (int i = 0; i < 10; ++i) publisher.Publish("a", data);
  publisher.Flush();
  size_t count = 0;
  while (count < 10) {
    FrameBatch batch;
    ASSERT_THAT(source.Read(&batch), IsOk());
    EXPECT_LE(batch.frames.size(), 3u);
    for (const absl::string_view frame : batch.frames) EXPECT_EQ(frame, data);
    count += batch.frames.size();
  }
}

TEST_F(NatsSourceTest, AMemberOfAGroupSharesTheMessages) {
  NatsOptions options = Options({"work"});
  options.queue_group = "workers";
  NatsSource first(options, clock_), second(options, clock_);
  ASSERT_THAT(first.Connect(), IsOk());
  ASSERT_THAT(second.Connect(), IsOk());
  Publisher publisher(server_.url());
  // The server chooses by chance: in 200 both get some, but for one in 10^59.
  for (int i = 0; i < 200; ++i) publisher.Publish("work", absl::StrCat(i));
  publisher.Publish("work", "end");
  publisher.Flush();
  for (NatsSource* source : {&first, &second}) {
    FrameBatch batch;
    ASSERT_THAT(source->Read(&batch), IsOk());
    EXPECT_FALSE(batch.frames.empty());
  }
}

TEST_F(NatsSourceTest, LosesAndCountsWhatWaitsBeyondItsLimit) {
  NatsOptions options = Options({"a", "end"});
  options.pending_limit = 100;
  NatsSource source(options, clock_);
  ASSERT_THAT(source.Connect(), IsOk());
  Publisher publisher(server_.url());
  for (int i = 0; i < 1000; ++i) publisher.Publish("a", absl::StrCat(i));
  publisher.Flush();
  // Nobody reads: all of them are kept or counted.
  while (source.GetProgress().skipped_by_reason["pending_limit"] < 900) {
    std::this_thread::yield();
  }
  EXPECT_EQ(source.GetProgress().skipped_by_reason["pending_limit"], 900u);
  const std::vector<std::string> kept = ReadAll(source, 100);
  EXPECT_EQ(kept.front(), "a=0");
  EXPECT_EQ(kept.back(), "a=99");
  publisher.Publish("end", "");
  publisher.Flush();
  EXPECT_THAT(ReadAll(source, 1), ElementsAre("end="));
}

TEST_F(NatsSourceTest, SkipsAndCountsWhatIsTooLong) {
  NatsOptions options = Options({"a"});
  options.max_payload_bytes = 3;
  NatsSource source(options, clock_);
  ASSERT_THAT(source.Connect(), IsOk());
  Publisher publisher(server_.url());
  for (const char* data : {"abc", "abcd", "ab"}) publisher.Publish("a", data);
  publisher.Flush();
  EXPECT_THAT(ReadAll(source, 2), ElementsAre("a=abc", "a=ab"));
  EXPECT_THAT(source.GetProgress().skipped_by_reason,
              ElementsAre(Pair("too_long", 1)));
}

TEST_F(NatsSourceTest, AServerThatGoesIsAnEndAndConnectsAgain) {
  NatsSource source(Options({"a"}), clock_);
  ASSERT_THAT(source.Connect(), IsOk());
  {
    Publisher publisher(server_.url());
    publisher.Publish("a", "before");
    publisher.Flush();
  }
  EXPECT_THAT(ReadAll(source, 1), ElementsAre("a=before"));
  server_.Kill();
  FrameBatch batch;
  absl::Status status = source.Read(&batch);
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable) << status;
  EXPECT_EQ(GetSourceError(status).kind, SourceError::kEndOfStream) << status;
  status = source.Connect();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable) << status;
  EXPECT_EQ(GetSourceError(status).kind, SourceError::kConnect) << status;
  server_.Start();
  ASSERT_THAT(source.Connect(), IsOk());
  Publisher publisher(server_.url());
  publisher.Publish("a", "after");
  publisher.Flush();
  EXPECT_THAT(ReadAll(source, 1), ElementsAre("a=after"));
}

TEST_F(NatsSourceTest, InterruptEndsARead) {
  NatsSource source(Options({"a"}), clock_);
  ASSERT_THAT(source.Connect(), IsOk());
  std::thread interrupter([&] { source.Interrupt(); });
  FrameBatch batch;
  EXPECT_EQ(source.Read(&batch).code(), absl::StatusCode::kCancelled);
  interrupter.join();
  EXPECT_EQ(source.Connect().code(), absl::StatusCode::kCancelled);
  source.Rearm();
  ASSERT_THAT(source.Connect(), IsOk());
}

TEST_F(NatsSourceTest, NamesASubjectThatIsNone) {
  NatsSource source(Options({"a", "b..c"}), clock_);
  const absl::Status status = source.Connect();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
  EXPECT_EQ(GetSourceError(status).kind, SourceError::kProtocol);
  EXPECT_THAT(std::string(status.message()), HasSubstr("\"b..c\""));
}

TEST_F(NatsSourceTest, TellsServersWithoutTheirPasswords) {
  NatsOptions options;
  options.servers = {"nats://me:secret@127.0.0.1:1", "tls://h:4222"};
  EXPECT_EQ(NatsSource(options, clock_).description().endpoint,
            "nats://127.0.0.1:1,tls://h:4222");
  EXPECT_FALSE(NatsSource(options, clock_).description().flow_control);
}

TEST(NatsSourceAuth, WrongUsersAndForbiddenSubjectsAreFinal) {
  const NatsServer server(R"(
    authorization {
      users = [ { user: me, password: right,
                  permissions: { subscribe: "open.>" } } ]
    })");
  const SystemClock clock;
  NatsOptions options;
  options.subjects = {"open.x"};
  const auto connect = [&](const std::string& user) {
    options.servers = {
        absl::StrCat("nats://", user, "127.0.0.1:", server.port())};
    NatsSource source(options, clock);
    return source.Connect();
  };
  EXPECT_THAT(connect("me:right@"), IsOk());
  for (const char* user : {"", "me:wrong@"}) {
    const absl::Status status = connect(user);
    EXPECT_EQ(status.code(), absl::StatusCode::kPermissionDenied) << status;
    EXPECT_EQ(GetSourceError(status).kind, SourceError::kAuth) << status;
  }
  options.subjects = {"open.x", "closed.x"};
  options.servers = {absl::StrCat("nats://me:right@127.0.0.1:", server.port())};
  NatsSource forbidden(options, clock);
  absl::Status status = forbidden.Connect();
  if (status.ok()) {
    FrameBatch batch;
    status = forbidden.Read(&batch);
  }
  EXPECT_EQ(status.code(), absl::StatusCode::kPermissionDenied) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("closed.x"));
}

// The server knows the public halves of two keys; what signs is a file.
TEST(NatsSourceNkey, ItsHolderIsLetInAndAnotherIsNot) {
  const std::string seed = NewNkeySeed();
  const NatsServer server(absl::StrCat(
      "authorization { users = [ {nkey: ", Nkey::FromSeed(seed)->public_key(),
      "}, {nkey: ", Nkey::FromSeed(NewNkeySeed())->public_key(), "} ] }"));
  const SystemClock clock;
  NatsOptions options;
  options.servers = {server.url()};
  options.subjects = {"a"};
  options.nkey_seed_file = absl::StrCat(getenv("TEST_TMPDIR"), "/user.nk");
  NatsSource source(options, clock);
  std::ofstream(options.nkey_seed_file) << seed << "\n";
  EXPECT_THAT(source.Connect(), IsOk());
  // Read at each connect, so another can be put in its place.
  std::ofstream(options.nkey_seed_file) << NewNkeySeed();
  absl::Status status = source.Connect();
  EXPECT_EQ(status.code(), absl::StatusCode::kPermissionDenied) << status;
  EXPECT_EQ(GetSourceError(status).kind, SourceError::kAuth);
  EXPECT_THAT(std::string(status.message()), HasSubstr("nkey_seed_file"));
  std::ofstream(options.nkey_seed_file) << "no seed";
  status = source.Connect();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition) << status;
  EXPECT_EQ(GetSourceError(status).kind, SourceError::kAuth);
  EXPECT_THAT(
      std::string(status.message()),
      HasSubstr(absl::StrCat("nkey_seed_file: \"", options.nkey_seed_file,
                             "\" holds no seed")));
  std::filesystem::remove(options.nkey_seed_file);
  status = source.Connect();
  EXPECT_EQ(GetSourceError(status).kind, SourceError::kAuth) << status;
  std::ofstream(options.nkey_seed_file) << seed;
  EXPECT_THAT(source.Connect(), IsOk());
}

// A server of an operator knows no users: an account vouches for them.
TEST(NatsSourceCredentials, WhomTheAccountVouchesForIsLetInAndNobodyElse) {
  const NatsCredentials credentials;
  const NatsServer server(credentials.ServerConfig());
  const SystemClock clock;
  NatsOptions options;
  options.servers = {server.url()};
  options.subjects = {"a"};
  EXPECT_EQ(GetSourceError(NatsSource(options, clock).Connect()).kind,
            SourceError::kAuth);
  options.credentials_file = absl::StrCat(getenv("TEST_TMPDIR"), "/user.creds");
  NatsSource source(options, clock);
  std::ofstream(options.credentials_file)
      << NatsCredentials::Creds(credentials.account());
  EXPECT_THAT(source.Connect(), IsOk());
  // Read at each connect, so another's can be put in its place.
  std::ofstream(options.credentials_file)
      << NatsCredentials::Creds(NatsIdentity(NatsIdentity::kAccount));
  absl::Status status = source.Connect();
  EXPECT_EQ(status.code(), absl::StatusCode::kPermissionDenied) << status;
  EXPECT_EQ(GetSourceError(status).kind, SourceError::kAuth) << status;
  std::ofstream(options.credentials_file) << "nothing";
  for (const char* why : {"holds no seed of a user", "cannot be read"}) {
    status = source.Connect();
    EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition) << status;
    EXPECT_EQ(GetSourceError(status).kind, SourceError::kAuth);
    EXPECT_THAT(std::string(status.message()),
                HasSubstr(absl::StrCat("credentials_file: \"",
                                       options.credentials_file, "\" ", why)));
    std::filesystem::remove(options.credentials_file);
  }
  std::ofstream(options.credentials_file)
      << NatsCredentials::Creds(credentials.account());
  EXPECT_THAT(source.Connect(), IsOk());
}

TEST(NatsSourceTls, AFileThatIsNoneIsFinal) {
  const SystemClock clock;
  NatsOptions options;
  options.servers = {"tls://127.0.0.1:1"};
  options.subjects = {"a"};
  options.ca_file = "/nonexistent.pem";
  NatsSource source(options, clock);
  const absl::Status status = source.Connect();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition) << status;
  EXPECT_EQ(GetSourceError(status).kind, SourceError::kTls);
  EXPECT_THAT(std::string(status.message()), HasSubstr("ca_file"));
}

}  // namespace
}  // namespace weir
