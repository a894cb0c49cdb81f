#include "host/host.h"

#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "grpcpp/grpcpp.h"
#include "gtest/gtest.h"
#include "host/config/config_error.h"
#include "host/config/environment.h"
#include "host/config/load_config.h"
#include "host/sync/system_clock.h"
#include "tests/support/short_temp_dir.h"
#include "tests/support/status_matchers.h"
#include "weir/v1/plugin.grpc.pb.h"
#include "weir/v1/source.grpc.pb.h"
#include "weir/v1/stats.grpc.pb.h"

namespace weir {
namespace {

using testing::HasSubstr;

constexpr int kUpdates = 5000;
constexpr int kKeepalives = 500;
constexpr uint64_t kAll = kUpdates + kKeepalives;

void ExpectBalanced(const v1::PluginStats& books) {
  EXPECT_EQ(books.offered(), books.not_wanted() + books.enqueued() +
                                 books.dropped_policy() + books.dropped_full() +
                                 books.dropped_not_running() +
                                 books.dropped_quarantined())
      << books.ShortDebugString();
  EXPECT_EQ(books.enqueued(), books.processed_ok() + books.processed_error() +
                                  books.lost_in_crash() +
                                  books.discarded_on_unload() + books.queued() +
                                  books.in_flight())
      << books.ShortDebugString();
}

// Who owns what this test writes, and so may bring plugins.
std::string UserName() {
  const passwd* const user = getpwuid(geteuid());
  return user == nullptr ? "" : user->pw_name;
}

// A folder with a recording and the plugin `counts`, and a host on it.
class HostTest : public testing::Test {
 protected:
  HostTest() {
    namespace fs = std::filesystem;
    fs::create_directory(plugins());
    fs::copy_file("plugins/counts/counts.so", plugins() + "/counts.so");
    fs::permissions(plugins() + "/counts.so", fs::perms(0644));
    std::ofstream(plugins() + "/counts.yaml") << "settings: {policy: block}\n";
    std::ofstream recording(dir_.path() + "/recording.jsonl");
    for (int i = 0; i < kUpdates; ++i) {
      recording << Line(i, R"("type":"UPDATE","withdrawals":["192.0.2.0/24"])");
      if (i % 10 == 0) recording << Line(i, R"("type":"KEEPALIVE")");
      if (i % 1000 == 0) recording << "no JSON\n";
    }
  }

  static std::string Line(int second, absl::string_view rest) {
    return absl::StrCat(R"({"type":"ris_message","data":{"timestamp":)",
                        1600000000 + second,
                        R"(,"peer":"198.51.100.1","peer_asn":"64496",)",
                        R"("host":"rrc00.ripe.net",)", rest, "}}\n");
  }

  std::string plugins() const { return dir_.path() + "/plugins"; }

  // Starts a host with the configuration's `more` lines.
  void Start(absl::string_view more) {
    const Environment environment = {.user = UserName()};
    const ConfigResult config = LoadConfigText(
        absl::StrCat("node_id: test\nstate_dir: ", dir_.path(),
                     "\nlisteners: [{tcp: \"127.0.0.1:0\"}]\n",
                     "plugins: {folders: [", plugins(), "]}\n", more),
        environment);
    for (const ConfigError& error : config.errors) {
      ADD_FAILURE() << ToString(error, "the test's configuration");
    }
    auto host = Host::Start(config.config, environment, clock_, /*seed=*/1,
                            "runner/weir-plugin-runner");
    ASSERT_THAT(host, IsOk());
    host_ = *std::move(host);
    channel_ = grpc::CreateChannel(host_->addresses()[0],
                                   grpc::InsecureChannelCredentials());
  }

  void StartOnRecording() {
    Start(absl::StrCat("sources: [{id: file, replay_file: {speed: 0, path: ",
                       dir_.path(), "/recording.jsonl}}]\n"));
  }

  // Reads the statistics as they change until `done` with them; returns those.
  v1::Stats Await(const std::function<bool(const v1::Stats&)>& done) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() +
                         std::chrono::minutes(1));
    v1::WatchStatsRequest request;
    request.mutable_interval()->set_nanos(100'000'000);
    const auto reader =
        v1::StatsService::NewStub(channel_)->WatchStats(&context, request);
    v1::Stats stats;
    while (reader->Read(&stats)) {
      for (const v1::PluginStats& plugin : stats.plugins()) {
        ExpectBalanced(plugin);
      }
      if (done(stats)) {
        context.TryCancel();
        return stats;
      }
    }
    ADD_FAILURE() << "never; the last: " << stats.ShortDebugString();
    return stats;
  }

  v1::Source GetSource(absl::string_view name) {
    grpc::ClientContext context;
    v1::GetSourceRequest request;
    request.set_name(std::string(name));
    v1::Source source;
    const grpc::Status status = v1::SourceService::NewStub(channel_)->GetSource(
        &context, request, &source);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return source;
  }

  const ShortTempDir dir_;
  const SystemClock clock_;
  std::unique_ptr<Host> host_;
  std::shared_ptr<grpc::Channel> channel_;
};

TEST_F(HostTest, KeepsItsBooksWhileARecordingStreamsToItsEnd) {
  StartOnRecording();
  const v1::Stats stats = Await([](const v1::Stats& now) {
    return now.plugins_size() == 1 && now.plugins(0).processed_ok() >= kAll &&
           now.sources(0).open_batches() == 0;
  });
  EXPECT_EQ(stats.plugins(0).offered(), kAll);
  EXPECT_EQ(stats.plugins(0).processed_ok(), kAll);
  EXPECT_EQ(stats.total_dropped(), 0u);
  const v1::SourceStats& source = stats.sources(0);
  EXPECT_EQ(source.messages(), kAll);
  EXPECT_EQ(source.messages_by_type().at("UPDATE"), uint64_t{kUpdates});
  EXPECT_EQ(source.messages_by_type().at("KEEPALIVE"), uint64_t{kKeepalives});
  EXPECT_EQ(source.parse_errors(), 5u);
  EXPECT_EQ(source.outages(), 0u);
  // Its last batch may be handled before it looks for another.
  while (GetSource("sources/file").state() != v1::Source::STATE_FINISHED) {
    ASSERT_NE(GetSource("sources/file").state(), v1::Source::STATE_FAILED);
  }
}

TEST_F(HostTest, StopsTwiceAndAgainWhenItIsDestroyed) {
  StartOnRecording();
  EXPECT_TRUE(host_->Stop());
  EXPECT_TRUE(host_->Stop());
  host_.reset();
}

// Neither for as long as its queue might drain, nor until it is ended for
// taking too long over one message.
TEST_F(HostTest, StopsInTimeAlthoughAPluginHangs) {
  namespace fs = std::filesystem;
  fs::copy_file("tests/fixtures/hang_sleep.so", plugins() + "/hangs.so");
  fs::permissions(plugins() + "/hangs.so", fs::perms(0644));
  std::ofstream(plugins() + "/hangs.yaml")
      << "config: {seq: 7}\n"
         "settings: {hard_deadline: 60s, drain_timeout: 60s, policy: block,\n"
         "  capacity: 8}\n";
  Start(absl::StrCat("shutdown_timeout: 10s\n",
                     "sources: [{id: file, replay_file: {speed: 0, path: ",
                     dir_.path(), "/recording.jsonl}}]\n"));
  Await([](const v1::Stats& now) {
    return std::any_of(now.plugins().begin(), now.plugins().end(),
                       [](const v1::PluginStats& plugin) {
                         return plugin.name() == "plugins/hangs" &&
                                plugin.processed_ok() == 6 &&
                                plugin.in_flight() == 1;
                       });
  });
  const absl::Time begin = absl::Now();
  host_->Stop();
  // Not of how fast this machine is: either of the two would take a minute.
  EXPECT_LT(absl::Now() - begin, absl::Seconds(30));
}

TEST_F(HostTest, StartsWithAPluginThatIsNone) {
  std::ofstream(plugins() + "/text.so") << "this is no plugin\n";
  Start("");
  grpc::ClientContext context;
  v1::ListPluginsResponse plugins;
  ASSERT_TRUE(v1::PluginService::NewStub(channel_)
                  ->ListPlugins(&context, {}, &plugins)
                  .ok());
  ASSERT_EQ(plugins.plugins_size(), 2);
  EXPECT_EQ(plugins.plugins(0).name(), "plugins/counts");
  EXPECT_EQ(plugins.plugins(0).state(), v1::Plugin::STATE_RUNNING);
  EXPECT_EQ(plugins.plugins(1).name(), "plugins/text");
  EXPECT_EQ(plugins.plugins(1).state(), v1::Plugin::STATE_INVALID);
}

TEST_F(HostTest, NamesAStateDirectoryThatIsNotThere) {
  v1::HostConfig config;
  config.set_state_dir("/nonexistent/weir");
  EXPECT_THAT(Host::Start(config, Environment(), clock_, /*seed=*/1,
                          "runner/weir-plugin-runner"),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       HasSubstr("/nonexistent/weir")));
}

}  // namespace
}  // namespace weir
