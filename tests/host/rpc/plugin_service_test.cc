// What an operator does to plugins, over gRPC and fake plugins.
#include "host/rpc/plugin_service.h"

#include <chrono>
#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "google/rpc/error_details.pb.h"
#include "grpcpp/grpcpp.h"
#include "gtest/gtest.h"
#include "host/control/plugin_operation.h"
#include "host/control/plugin_status.h"
#include "host/rpc/access.h"
#include "host/rpc/rpc_counter.h"
#include "host/rpc/server.h"
#include "host/status/error_info.h"
#include "tests/fakes/fake_clock.h"
#include "tests/fakes/fake_plugin_checks.h"
#include "tests/fakes/fake_plugin_control.h"
#include "tests/support/short_temp_dir.h"

namespace weir {
namespace {

using Kind = PluginOperation::Kind;
using Stub = v1::PluginService::Stub;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

constexpr char kId[] = "11111111-1111-4111-8111-111111111111";
constexpr char kSha256[] =
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

PluginStatus PluginCalled(const std::string& name) {
  PluginStatus plugin;
  plugin.name = name;
  plugin.state = PluginStatus::State::kRunning;
  plugin.last_transition.time = absl::UnixEpoch();
  return plugin;
}

// A request about plugins/counts, for all that have a name and nothing else
// that is required.
template <typename Request>
Request AboutCounts() {
  Request request;
  request.set_name("plugins/counts");
  return request;
}

class PluginServiceTest : public testing::Test {
 protected:
  PluginServiceTest() { Serve({.loopback_role = Role::kAdmin}); }

  // Serves anew, on loopback and on a socket.
  void Serve(Access::Options options) {
    server_.reset();
    access_ = std::make_unique<Access>(options);
    service_ =
        std::make_unique<PluginService>(plugins_, checks_, *access_, clock_);
    ServerOptions listeners;
    listeners.listeners.push_back({.tcp = "127.0.0.1:0"});
    listeners.listeners.push_back({.unix_path = dir_.path() + "/weir.sock"});
    auto server = Server::Start(listeners, {service_.get()}, counter_);
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
    stub_ = StubAt(server_->addresses()[0]);
  }

  static std::unique_ptr<Stub> StubAt(const std::string& address) {
    return v1::PluginService::NewStub(
        grpc::CreateChannel(address, grpc::InsecureChannelCredentials()));
  }

  // Makes one call; what it is answered with goes into `response`.
  template <typename Method, typename Request, typename Response>
  grpc::Status Call(Method method, const Request& request, Response* response) {
    grpc::ClientContext context;
    return (stub_.get()->*method)(&context, request, response);
  }

  // The same, from a thread of its own.
  template <typename Method, typename Request>
  std::future<std::pair<grpc::Status, v1::Plugin>> CallLater(Method method,
                                                             Request request) {
    return std::async(std::launch::async, [this, method, request] {
      v1::Plugin plugin;
      const grpc::Status status = Call(method, request, &plugin);
      return std::make_pair(status, plugin);
    });
  }

  static google::rpc::ErrorInfo InfoOf(const grpc::Status& status) {
    google::rpc::Status details;
    EXPECT_TRUE(details.ParseFromString(status.error_details()));
    google::rpc::ErrorInfo info;
    for (const auto& any : details.details()) any.UnpackTo(&info);
    return info;
  }

  static absl::Status Missing() {
    return MakeError(absl::StatusCode::kNotFound, "no such plugin",
                     {.reason = "PLUGIN_NOT_FOUND"});
  }

  const ShortTempDir dir_;
  FakeClock clock_;
  FakePluginControl plugins_{
      {PluginCalled("plugins/counts"), PluginCalled("plugins/watch")}};
  FakePluginChecks checks_;
  RpcCounter counter_;
  std::unique_ptr<Access> access_;
  std::unique_ptr<PluginService> service_;
  std::unique_ptr<Server> server_;
  std::unique_ptr<Stub> stub_;
};

TEST_F(PluginServiceTest, TellsAllThatIsKnownOfAPlugin) {
  PluginStatus status = PluginCalled("plugins/counts");
  status.state = PluginStatus::State::kFailed;
  status.isolation = PluginStatus::Isolation::kInProcess;
  status.sandbox = SandboxProfile::kNet;
  status.pid = 4711;
  status.restart_count = 3;
  status.next_restart_time = absl::FromUnixSeconds(100);
  status.hard_deadline = absl::Seconds(10);
  status.memory_limit_bytes = 512 << 20;
  status.emit_ring_events = 16384;
  status.max_crashes = 5;
  status.probation_time = absl::Seconds(30);
  status.probation_messages = 10000;
  status.previous_sha256 = kSha256;
  plugins_.set_answer(PluginOutcome{.status = status});
  v1::Plugin plugin;
  ASSERT_TRUE(
      Call(&Stub::PausePlugin, AboutCounts<v1::PausePluginRequest>(), &plugin)
          .ok());
  EXPECT_EQ(plugin.state(), v1::Plugin::STATE_FAILED);
  EXPECT_EQ(plugin.pid(), 4711);
  EXPECT_EQ(plugin.restart_count(), 3u);
  EXPECT_EQ(plugin.next_restart_time().seconds(), 100);
  EXPECT_EQ(plugin.previous_sha256(), kSha256);
  const v1::PluginSettings& settings = plugin.settings();
  EXPECT_EQ(settings.isolation(), v1::ISOLATION_IN_PROCESS);
  EXPECT_EQ(settings.sandbox(), v1::SANDBOX_PROFILE_NET);
  EXPECT_EQ(settings.hard_deadline().seconds(), 10);
  EXPECT_EQ(settings.memory_limit_bytes(), 512u << 20);
  EXPECT_EQ(settings.emit_ring_events(), 16384u);
  EXPECT_EQ(settings.max_crashes(), 5u);
  EXPECT_EQ(settings.probation_time().seconds(), 30);
  EXPECT_EQ(settings.probation_messages(), 10000u);
}

TEST_F(PluginServiceTest, LoadHandsOnAllThatIsAskedFor) {
  v1::LoadPluginRequest request;
  request.set_plugin_id("my-counts");
  request.set_module("counts.so");
  request.set_sha256(kSha256);
  request.set_start_paused(true);
  request.set_validate_only(true);
  request.set_reason("first try");
  v1::Plugin plugin;
  ASSERT_TRUE(Call(&Stub::LoadPlugin, request, &plugin).ok());
  const PluginOperation operation = plugins_.operations().at(0);
  EXPECT_EQ(operation.kind, Kind::kLoad);
  EXPECT_EQ(operation.name, "plugins/my-counts");
  EXPECT_EQ(operation.module, "counts.so");
  EXPECT_EQ(operation.sha256, kSha256);
  EXPECT_TRUE(operation.start_paused);
  EXPECT_TRUE(operation.validate_only);
  EXPECT_EQ(operation.reason, "first try");
  EXPECT_EQ(operation.actor, "operator:127.0.0.1");
  EXPECT_EQ(operation.deadline, absl::InfiniteFuture());
}

TEST_F(PluginServiceTest, ADryRunOfALoadChecksTheModule) {
  v1::LoadPluginRequest request;
  request.set_module("counts.so");
  request.set_sha256(kSha256);
  (*request.mutable_config()->mutable_fields())["top"].set_number_value(5);
  v1::Plugin plugin;
  ASSERT_TRUE(Call(&Stub::LoadPlugin, request, &plugin).ok());
  EXPECT_THAT(checks_.requests(), IsEmpty());

  request.set_validate_only(true);
  plugins_.set_answer(
      PluginOutcome{.status = PluginCalled("plugins/would-be")});
  PluginCheckReport report;
  report.findings = {{PluginCheckReport::Level::kWarning, "load.leak", "1 kB"}};
  checks_.set_answer(report);
  ASSERT_TRUE(Call(&Stub::LoadPlugin, request, &plugin).ok());
  EXPECT_EQ(plugin.name(), "plugins/would-be");
  ASSERT_THAT(checks_.requests(), SizeIs(1));
  EXPECT_EQ(checks_.requests()[0].module, "counts.so");
  EXPECT_EQ(checks_.requests()[0].sha256, kSha256);
  EXPECT_EQ(checks_.requests()[0].config_json, R"({"top":5})");

  report.findings.push_back(
      {PluginCheckReport::Level::kError, "capacity.range", "it is 0"});
  report.findings.push_back(
      {PluginCheckReport::Level::kError, "load.create", "it died"});
  checks_.set_answer(report);
  const grpc::Status refused = Call(&Stub::LoadPlugin, request, &plugin);
  EXPECT_EQ(refused.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_EQ(InfoOf(refused).reason(), "PLUGIN_INIT_FAILED");
  EXPECT_EQ(InfoOf(refused).metadata().at("detail"),
            "capacity.range: it is 0; load.create: it died");

  // What the slot refuses needs no check.
  plugins_.set_answer(Missing());
  EXPECT_FALSE(Call(&Stub::LoadPlugin, request, &plugin).ok());
  EXPECT_THAT(checks_.requests(), SizeIs(2));
}

TEST_F(PluginServiceTest, ADryRunOfAnUpgradeChecksTheModuleOfTheSlot) {
  auto request = AboutCounts<v1::UpgradePluginRequest>();
  request.set_validate_only(true);
  PluginStatus status = PluginCalled("plugins/counts");
  status.module = "counts.so";
  plugins_.set_answer(PluginOutcome{.status = status});
  checks_.set_answer(absl::UnavailableError("no process to be had"));
  v1::Plugin plugin;
  EXPECT_EQ(Call(&Stub::UpgradePlugin, request, &plugin).error_code(),
            grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(checks_.requests().at(0).module, "counts.so");
}

TEST_F(PluginServiceTest, UpgradeHandsOnAllThatIsAskedFor) {
  auto request = AboutCounts<v1::UpgradePluginRequest>();
  request.set_module("counts_v2.so");
  request.set_sha256(kSha256);
  request.set_etag("e1");
  request.mutable_probation_time();
  request.mutable_drain_timeout()->set_seconds(60);
  v1::Plugin plugin;
  ASSERT_TRUE(Call(&Stub::UpgradePlugin, request, &plugin).ok());
  const PluginOperation operation = plugins_.operations().at(0);
  EXPECT_EQ(operation.kind, Kind::kUpgrade);
  EXPECT_EQ(operation.module, "counts_v2.so");
  EXPECT_EQ(operation.sha256, kSha256);
  EXPECT_EQ(operation.etag, "e1");
  EXPECT_EQ(operation.probation_time, absl::ZeroDuration());
  EXPECT_EQ(operation.drain_timeout, absl::Seconds(60));
}

TEST_F(PluginServiceTest, LoadAndUpgradeHandOnTheConfiguration) {
  v1::LoadPluginRequest load;
  load.set_module("counts.so");
  (*load.mutable_config()->mutable_fields())["n"].set_number_value(5);
  load.mutable_settings()->set_capacity(7);
  auto upgrade = AboutCounts<v1::UpgradePluginRequest>();
  *upgrade.mutable_config() = load.config();
  v1::Plugin plugin;
  ASSERT_TRUE(Call(&Stub::LoadPlugin, load, &plugin).ok());
  ASSERT_TRUE(Call(&Stub::UpgradePlugin, upgrade, &plugin).ok());
  const std::vector<PluginOperation> operations = plugins_.operations();
  EXPECT_EQ(operations[0].config_json, R"({"n":5})");
  EXPECT_EQ(operations[0].settings, load.settings().SerializeAsString());
  EXPECT_EQ(operations[1].config_json, R"({"n":5})");
  EXPECT_EQ(operations[1].settings, std::nullopt);
}

TEST_F(PluginServiceTest, UpdateChangesWhatItsMaskLetsThrough) {
  struct Case {
    const char* why;
    std::vector<std::string> mask;
    bool config, settings;  // Whether the request has them.
    std::optional<std::string> want_config;
    std::vector<std::string> want_keys;
    bool want_config_reset;
    bool want_settings;
    std::vector<std::string> want_fields;
    bool want_settings_reset;
  };
  const std::string json = R"({"n":5})";
  for (const Case& c : std::vector<Case>{
           {"no mask is all that is set",
            {},
            true,
            true,
            json,
            {},
            false,
            true,
            {},
            false},
           {"of either alone",
            {},
            false,
            true,
            std::nullopt,
            {},
            false,
            true,
            {},
            false},
           {"all of the configuration",
            {"config"},
            true,
            true,
            json,
            {},
            false,
            false,
            {},
            false},
           {"which is as the files say",
            {"config"},
            false,
            false,
            std::nullopt,
            {},
            true,
            false,
            {},
            false},
           {"a key of it",
            {"config.n"},
            true,
            false,
            json,
            {"n"},
            false,
            false,
            {},
            false},
           {"one that goes",
            {"config.a.b"},
            false,
            false,
            "{}",
            {"a.b"},
            false,
            false,
            {},
            false},
           {"the whole beats its part",
            {"config.n", "config"},
            true,
            false,
            json,
            {},
            false,
            false,
            {},
            false},
           {"one of the settings",
            {"settings.capacity"},
            true,
            true,
            std::nullopt,
            {},
            false,
            true,
            {"capacity"},
            false},
           {"as the files say it",
            {"settings.policy"},
            false,
            false,
            std::nullopt,
            {},
            false,
            true,
            {"policy"},
            false},
           {"all of the settings anew",
            {"settings"},
            false,
            true,
            std::nullopt,
            {},
            false,
            true,
            {},
            true},
       }) {
    auto request = AboutCounts<v1::UpdatePluginConfigRequest>();
    for (const std::string& path : c.mask) {
      request.mutable_update_mask()->add_paths(path);
    }
    if (c.config) {
      (*request.mutable_config()->mutable_fields())["n"].set_number_value(5);
    }
    if (c.settings) request.mutable_settings()->set_capacity(7);
    request.set_etag("e1");
    request.mutable_drain_timeout()->set_seconds(3);
    v1::Plugin plugin;
    ASSERT_TRUE(Call(&Stub::UpdatePluginConfig, request, &plugin).ok())
        << c.why;
    const PluginOperation operation = plugins_.operations().back();
    EXPECT_EQ(operation.kind, Kind::kConfigure);
    EXPECT_EQ(operation.etag, "e1");
    EXPECT_EQ(operation.drain_timeout, absl::Seconds(3));
    EXPECT_EQ(operation.config_json, c.want_config) << c.why;
    EXPECT_EQ(operation.config_keys, c.want_keys) << c.why;
    EXPECT_EQ(operation.config_reset, c.want_config_reset) << c.why;
    EXPECT_EQ(operation.settings.has_value(), c.want_settings) << c.why;
    EXPECT_EQ(operation.settings_fields, c.want_fields) << c.why;
    EXPECT_EQ(operation.settings_reset, c.want_settings_reset) << c.why;
  }
}

TEST_F(PluginServiceTest, TellsEachFaultOfAConfigurationByItsPlace) {
  plugins_.set_answer(MakeError(
      absl::StatusCode::kInvalidArgument, "no",
      {.reason = "PLUGIN_CONFIG_INVALID",
       .field_violations = {{"config/peers/3/asn",
                             "4294967296 is above the maximum 4294967295"}}}));
  auto request = AboutCounts<v1::UpdatePluginConfigRequest>();
  request.mutable_config();
  v1::Plugin plugin;
  const grpc::Status status = Call(&Stub::UpdatePluginConfig, request, &plugin);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(InfoOf(status).reason(), "PLUGIN_CONFIG_INVALID");
  google::rpc::Status details;
  ASSERT_TRUE(details.ParseFromString(status.error_details()));
  google::rpc::BadRequest bad_request;
  for (const auto& any : details.details()) any.UnpackTo(&bad_request);
  ASSERT_EQ(bad_request.field_violations_size(), 1);
  EXPECT_EQ(bad_request.field_violations(0).field(), "config/peers/3/asn");
}

TEST_F(PluginServiceTest, EachMethodAsksForItsOwn) {
  v1::Plugin plugin;
  Call(&Stub::ReloadPlugin, AboutCounts<v1::ReloadPluginRequest>(), &plugin);
  Call(&Stub::UpgradePlugin, AboutCounts<v1::UpgradePluginRequest>(), &plugin);
  Call(&Stub::RollbackPlugin, AboutCounts<v1::RollbackPluginRequest>(),
       &plugin);
  Call(&Stub::PausePlugin, AboutCounts<v1::PausePluginRequest>(), &plugin);
  Call(&Stub::ResumePlugin, AboutCounts<v1::ResumePluginRequest>(), &plugin);
  Call(&Stub::QuarantinePlugin, AboutCounts<v1::QuarantinePluginRequest>(),
       &plugin);
  Call(&Stub::ReleasePlugin, AboutCounts<v1::ReleasePluginRequest>(), &plugin);
  v1::UnloadPluginResponse unloaded;
  Call(&Stub::UnloadPlugin, AboutCounts<v1::UnloadPluginRequest>(), &unloaded);
  std::vector<Kind> kinds;
  for (const PluginOperation& operation : plugins_.operations()) {
    EXPECT_EQ(operation.name, "plugins/counts");
    kinds.push_back(operation.kind);
  }
  EXPECT_THAT(kinds, ElementsAre(Kind::kReload, Kind::kUpgrade, Kind::kRollback,
                                 Kind::kPause, Kind::kResume, Kind::kQuarantine,
                                 Kind::kRelease, Kind::kUnload));
}

TEST_F(PluginServiceTest, OnlyQuarantineDrainsForNoTimeByItself) {
  v1::Plugin plugin;
  Call(&Stub::QuarantinePlugin, AboutCounts<v1::QuarantinePluginRequest>(),
       &plugin);
  Call(&Stub::ReloadPlugin, AboutCounts<v1::ReloadPluginRequest>(), &plugin);
  EXPECT_EQ(plugins_.operations()[0].drain_timeout, absl::ZeroDuration());
  EXPECT_EQ(plugins_.operations()[1].drain_timeout, std::nullopt);
}

TEST_F(PluginServiceTest, UnloadTellsWhatWasDiscardedAndWhatIsLeft) {
  plugins_.set_answer(PluginOutcome{.status = PluginCalled("plugins/counts"),
                                    .discarded_messages = 7});
  auto request = AboutCounts<v1::UnloadPluginRequest>();
  request.set_force(true);
  v1::UnloadPluginResponse response;
  ASSERT_TRUE(Call(&Stub::UnloadPlugin, request, &response).ok());
  EXPECT_EQ(response.discarded_messages(), 7u);
  EXPECT_EQ(response.plugin().name(), "plugins/counts");
  EXPECT_TRUE(plugins_.operations()[0].force);
  EXPECT_FALSE(plugins_.operations()[0].remove);

  plugins_.set_answer(PluginOutcome{.removed = true});
  request.set_remove(true);
  ASSERT_TRUE(Call(&Stub::UnloadPlugin, request, &response).ok());
  EXPECT_FALSE(response.has_plugin());
  EXPECT_TRUE(plugins_.operations()[1].remove);
}

TEST_F(PluginServiceTest, UnloadMayBeOfWhatIsNotThere) {
  plugins_.set_answer(Missing());
  auto request = AboutCounts<v1::UnloadPluginRequest>();
  v1::UnloadPluginResponse response;
  EXPECT_EQ(Call(&Stub::UnloadPlugin, request, &response).error_code(),
            grpc::StatusCode::NOT_FOUND);
  request.set_allow_missing(true);
  EXPECT_TRUE(Call(&Stub::UnloadPlugin, request, &response).ok());
  EXPECT_FALSE(response.has_plugin());

  plugins_.set_answer(MakeError(absl::StatusCode::kNotFound, "no such file",
                                {.reason = "PLUGIN_MODULE_NOT_FOUND"}));
  EXPECT_EQ(Call(&Stub::UnloadPlugin, request, &response).error_code(),
            grpc::StatusCode::NOT_FOUND);
}

TEST_F(PluginServiceTest, AnErrorKeepsItsReason) {
  plugins_.set_answer(
      MakeError(absl::StatusCode::kAborted, "changed since",
                {.reason = "ETAG_MISMATCH", .metadata = {{"etag", "e2"}}}));
  v1::Plugin plugin;
  const grpc::Status status =
      Call(&Stub::PausePlugin, AboutCounts<v1::PausePluginRequest>(), &plugin);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::ABORTED);
  EXPECT_EQ(InfoOf(status).reason(), "ETAG_MISMATCH");
  EXPECT_EQ(InfoOf(status).metadata().at("etag"), "e2");
}

TEST_F(PluginServiceTest, RefusesEachFieldAtFaultByItsName) {
  const auto load = [&](const std::function<void(v1::LoadPluginRequest*)>& f) {
    v1::LoadPluginRequest request;
    request.set_module("counts.so");
    f(&request);
    v1::Plugin plugin;
    return Call(&Stub::LoadPlugin, request, &plugin);
  };
  const auto upgrade =
      [&](const std::function<void(v1::UpgradePluginRequest*)>& f) {
        auto request = AboutCounts<v1::UpgradePluginRequest>();
        f(&request);
        v1::Plugin plugin;
        return Call(&Stub::UpgradePlugin, request, &plugin);
      };
  const auto configure =
      [&](const std::function<void(v1::UpdatePluginConfigRequest*)>& f) {
        auto request = AboutCounts<v1::UpdatePluginConfigRequest>();
        request.mutable_config();
        f(&request);
        v1::Plugin plugin;
        return Call(&Stub::UpdatePluginConfig, request, &plugin);
      };
  struct Case {
    const char* why;
    grpc::Status status;
    const char* field;
    const char* words;
  };
  for (const Case& c : std::vector<Case>{
           {"which file, at least", load([](auto* r) { r->clear_module(); }),
            "module", "required"},
           {"code comes from the folders alone",
            load([](auto* r) { r->set_module("/tmp/counts.so"); }), "module",
            "is a path"},
           {"and not from above them",
            load([](auto* r) { r->set_module("../counts.so"); }), "module",
            "is a path"},
           {"nor are they modules", load([](auto* r) { r->set_module(".."); }),
            "module", "is a path"},
           {"a zero would hide what follows it",
            load([](auto* r) { r->set_module(std::string("a.so\0x", 6)); }),
            "module", "is a path"},
           {"a name goes into other names",
            load([](auto* r) { r->set_plugin_id("Counts"); }), "plugin_id",
            "\"Counts\""},
           {"not from a dash", load([](auto* r) { r->set_plugin_id("-"); }),
            "plugin_id", "from a letter"},
           {"at most 63",
            load([](auto* r) { r->set_plugin_id(std::string(64, 'a')); }),
            "plugin_id", "1 to 63"},
           {"half a digest would match nothing",
            load([](auto* r) { r->set_sha256("abc"); }), "sha256", "64"},
           {"upper case would not either",
            load([](auto* r) { r->set_sha256(std::string(64, 'A')); }),
            "sha256", "lower-case"},
           {"any text would do, but a UUID was promised",
            load([](auto* r) { r->set_request_id("again"); }), "request_id",
            "UUID"},
           {"nobody is named", upgrade([](auto* r) { r->clear_name(); }),
            "name", "required"},
           {"a short name is none", upgrade([](auto* r) { r->set_name("c"); }),
            "name", "looks like plugins/counts"},
           {"one at a time", upgrade([](auto* r) { r->set_name("plugins/-"); }),
            "name", "all plugins; name one"},
           {"more than a minute", upgrade([](auto* r) {
              r->mutable_drain_timeout()->set_seconds(60);
              r->mutable_drain_timeout()->set_nanos(1);
            }),
            "drain_timeout", "is not from 0s to 60s"},
           {"less than no time",
            upgrade([](auto* r) { r->mutable_drain_timeout()->set_nanos(-1); }),
            "drain_timeout", "-1ns"},
           {"nor a probation of less", upgrade([](auto* r) {
              r->mutable_probation_time()->set_seconds(-1);
            }),
            "probation_time", "negative"},
           {"a path is none in an upgrade either",
            upgrade([](auto* r) { r->set_module("a/b.so"); }), "module",
            "is a path"},
           {"there is nothing to change",
            configure([](auto* r) { r->clear_config(); }), "update_mask",
            "nothing to change"},
           {"it has no such part", configure([](auto* r) {
              r->mutable_update_mask()->add_paths("module");
            }),
            "update_mask", "\"module\" is neither"},
           {"nor are there such settings", configure([](auto* r) {
              r->mutable_update_mask()->add_paths("settings.colour");
            }),
            "update_mask", "\"settings.colour\" is neither"},
       }) {
    EXPECT_EQ(c.status.error_code(), grpc::StatusCode::INVALID_ARGUMENT)
        << c.why;
    EXPECT_EQ(InfoOf(c.status).reason(), "INVALID_FIELD") << c.why;
    EXPECT_EQ(InfoOf(c.status).metadata().at("field"), c.field) << c.why;
    EXPECT_THAT(c.status.error_message(), HasSubstr(c.words)) << c.why;
  }
  EXPECT_THAT(plugins_.operations(), IsEmpty());
}

TEST_F(PluginServiceTest, NamesAllFaultsOfARequestAtOnce) {
  v1::LoadPluginRequest request;
  request.set_module("a/b.so");
  request.set_sha256("abc");
  v1::Plugin plugin;
  const grpc::Status status = Call(&Stub::LoadPlugin, request, &plugin);
  google::rpc::Status details;
  ASSERT_TRUE(details.ParseFromString(status.error_details()));
  google::rpc::BadRequest bad_request;
  ASSERT_TRUE(details.details(1).UnpackTo(&bad_request));
  ASSERT_EQ(bad_request.field_violations_size(), 2);
  EXPECT_EQ(bad_request.field_violations(1).field(), "sha256");
}

TEST_F(PluginServiceTest, AnOperatorSteersAndAnAdminChangesCode) {
  Serve({.loopback_role = Role::kOperator});
  v1::Plugin plugin;
  const auto denied = grpc::StatusCode::PERMISSION_DENIED;
  v1::LoadPluginRequest load;
  load.set_module("counts.so");
  EXPECT_EQ(Call(&Stub::LoadPlugin, load, &plugin).error_code(), denied);
  EXPECT_EQ(
      Call(&Stub::ReloadPlugin, AboutCounts<v1::ReloadPluginRequest>(), &plugin)
          .error_code(),
      denied);
  EXPECT_EQ(Call(&Stub::UpgradePlugin, AboutCounts<v1::UpgradePluginRequest>(),
                 &plugin)
                .error_code(),
            denied);
  EXPECT_EQ(Call(&Stub::RollbackPlugin,
                 AboutCounts<v1::RollbackPluginRequest>(), &plugin)
                .error_code(),
            denied);
  v1::UnloadPluginResponse unloaded;
  EXPECT_EQ(Call(&Stub::UnloadPlugin, AboutCounts<v1::UnloadPluginRequest>(),
                 &unloaded)
                .error_code(),
            denied);
  EXPECT_THAT(plugins_.operations(), IsEmpty());

  EXPECT_TRUE(
      Call(&Stub::PausePlugin, AboutCounts<v1::PausePluginRequest>(), &plugin)
          .ok());
  EXPECT_TRUE(
      Call(&Stub::ResumePlugin, AboutCounts<v1::ResumePluginRequest>(), &plugin)
          .ok());
  EXPECT_TRUE(Call(&Stub::QuarantinePlugin,
                   AboutCounts<v1::QuarantinePluginRequest>(), &plugin)
                  .ok());
  EXPECT_TRUE(Call(&Stub::ReleasePlugin,
                   AboutCounts<v1::ReleasePluginRequest>(), &plugin)
                  .ok());
  v1::ResetPluginStatsResponse reset;
  EXPECT_TRUE(Call(&Stub::ResetPluginStats,
                   AboutCounts<v1::ResetPluginStatsRequest>(), &reset)
                  .ok());
}

TEST_F(PluginServiceTest, AViewerSteersNothing) {
  Serve({.loopback_role = Role::kSubscriber});
  v1::Plugin plugin;
  EXPECT_EQ(
      Call(&Stub::PausePlugin, AboutCounts<v1::PausePluginRequest>(), &plugin)
          .error_code(),
      grpc::StatusCode::PERMISSION_DENIED);
  EXPECT_THAT(plugins_.operations(), IsEmpty());
}

TEST_F(PluginServiceTest, WhoeverComesThroughTheSocketIsLocal) {
  stub_ = StubAt(server_->addresses()[1]);
  v1::Plugin plugin;
  ASSERT_TRUE(
      Call(&Stub::PausePlugin, AboutCounts<v1::PausePluginRequest>(), &plugin)
          .ok());
  EXPECT_EQ(plugins_.operations()[0].actor, "operator:local");
}

TEST_F(PluginServiceTest, TheDeadlineOfTheCallIsThatOfTheOperation) {
  grpc::ClientContext context;
  const auto deadline =
      std::chrono::system_clock::now() + std::chrono::hours(1);
  context.set_deadline(deadline);
  v1::Plugin plugin;
  ASSERT_TRUE(stub_
                  ->PausePlugin(&context, AboutCounts<v1::PausePluginRequest>(),
                                &plugin)
                  .ok());
  // The wire carries what is left of it.
  const absl::Duration off = absl::AbsDuration(
      plugins_.operations()[0].deadline - absl::FromChrono(deadline));
  EXPECT_LT(off, absl::Minutes(30));
}

TEST_F(PluginServiceTest, ARepeatGetsTheFirstAnswer) {
  auto request = AboutCounts<v1::PausePluginRequest>();
  request.set_request_id(kId);
  plugins_.set_answer(PluginOutcome{.status = PluginCalled("plugins/first")});
  v1::Plugin plugin;
  ASSERT_TRUE(Call(&Stub::PausePlugin, request, &plugin).ok());
  plugins_.set_answer(PluginOutcome{.status = PluginCalled("plugins/second")});
  ASSERT_TRUE(Call(&Stub::PausePlugin, request, &plugin).ok());
  EXPECT_EQ(plugin.name(), "plugins/first");
  EXPECT_THAT(plugins_.operations(), SizeIs(1));

  clock_.Advance(absl::Minutes(11));
  ASSERT_TRUE(Call(&Stub::PausePlugin, request, &plugin).ok());
  EXPECT_EQ(plugin.name(), "plugins/second");
}

TEST_F(PluginServiceTest, ADryRunIsNoFirstAnswer) {
  auto request = AboutCounts<v1::PausePluginRequest>();
  request.set_request_id(kId);
  request.set_validate_only(true);
  v1::Plugin plugin;
  ASSERT_TRUE(Call(&Stub::PausePlugin, request, &plugin).ok());
  request.set_validate_only(false);
  ASSERT_TRUE(Call(&Stub::PausePlugin, request, &plugin).ok());
  EXPECT_THAT(plugins_.operations(), SizeIs(2));
}

TEST_F(PluginServiceTest, WhatFailedMayBeTriedAgainWithTheSameId) {
  auto request = AboutCounts<v1::PausePluginRequest>();
  request.set_request_id(kId);
  plugins_.set_answer(absl::UnavailableError("not now"));
  v1::Plugin plugin;
  EXPECT_FALSE(Call(&Stub::PausePlugin, request, &plugin).ok());
  plugins_.set_answer(PluginOutcome());
  EXPECT_TRUE(Call(&Stub::PausePlugin, request, &plugin).ok());
}

TEST_F(PluginServiceTest, ARepeatWhileTheFirstIsAtWorkIsNotDoneTwice) {
  plugins_.Hold();
  auto request = AboutCounts<v1::ReloadPluginRequest>();
  request.set_request_id(kId);
  auto first = CallLater(&Stub::ReloadPlugin, request);
  plugins_.AwaitOperations(1);
  auto repeat = CallLater(&Stub::ReloadPlugin, request);
  plugins_.set_answer(PluginOutcome{.status = PluginCalled("plugins/done")});
  plugins_.LetGo();
  EXPECT_EQ(first.get().second.name(), "plugins/done");
  EXPECT_EQ(repeat.get().second.name(), "plugins/done");
  EXPECT_THAT(plugins_.operations(), SizeIs(1));
}

TEST_F(PluginServiceTest, AnswersOthersWhileAnOperationTakesItsTime) {
  plugins_.Hold();
  auto slow =
      CallLater(&Stub::ReloadPlugin, AboutCounts<v1::ReloadPluginRequest>());
  plugins_.AwaitOperations(1);
  v1::ListPluginsResponse list;
  EXPECT_TRUE(Call(&Stub::ListPlugins, v1::ListPluginsRequest(), &list).ok());
  EXPECT_EQ(list.plugins_size(), 2);
  plugins_.LetGo();
  EXPECT_TRUE(slow.get().first.ok());
}

TEST_F(PluginServiceTest, AClientThatLeavesCanAskForItsAnswerLater) {
  plugins_.Hold();
  auto request = AboutCounts<v1::ReloadPluginRequest>();
  request.set_request_id(kId);
  grpc::ClientContext context;
  v1::Plugin plugin;
  auto call = std::async(std::launch::async, [&] {
    return stub_->ReloadPlugin(&context, request, &plugin);
  });
  plugins_.AwaitOperations(1);
  context.TryCancel();
  EXPECT_EQ(call.get().error_code(), grpc::StatusCode::CANCELLED);

  plugins_.set_answer(PluginOutcome{.status = PluginCalled("plugins/done")});
  plugins_.LetGo();
  ASSERT_TRUE(Call(&Stub::ReloadPlugin, request, &plugin).ok());
  EXPECT_EQ(plugin.name(), "plugins/done");
  EXPECT_THAT(plugins_.operations(), SizeIs(1));
}

TEST_F(PluginServiceTest, TheServerStopsWithoutTheReply) {
  plugins_.Hold();
  auto call =
      CallLater(&Stub::ReloadPlugin, AboutCounts<v1::ReloadPluginRequest>());
  plugins_.AwaitOperations(1);
  EXPECT_TRUE(server_->Stop(absl::ZeroDuration(), absl::Minutes(1)));
  EXPECT_FALSE(call.get().first.ok());
  server_.reset();
  service_.reset();
  plugins_.LetGo();  // Nobody is there any more, and nothing is touched.
}

TEST_F(PluginServiceTest, ResetsOneOrAll) {
  clock_.Advance(absl::Seconds(5));
  auto request = AboutCounts<v1::ResetPluginStatsRequest>();
  v1::ResetPluginStatsResponse response;
  ASSERT_TRUE(Call(&Stub::ResetPluginStats, request, &response).ok());
  EXPECT_EQ(absl::FromUnixSeconds(response.reset_time().seconds()),
            clock_.Now());
  request.set_name("plugins/-");
  ASSERT_TRUE(Call(&Stub::ResetPluginStats, request, &response).ok());
  std::vector<std::string> names;
  for (const PluginOperation& operation : plugins_.operations()) {
    EXPECT_EQ(operation.kind, Kind::kResetStats);
    names.push_back(operation.name);
  }
  EXPECT_THAT(names,
              ElementsAre("plugins/counts", "plugins/counts", "plugins/watch"));
}

TEST_F(PluginServiceTest, ResettingAllForgivesOnlyThoseThatHaveGone) {
  auto request = AboutCounts<v1::ResetPluginStatsRequest>();
  request.set_name("plugins/-");
  v1::ResetPluginStatsResponse response;
  plugins_.set_answer(Missing());
  EXPECT_TRUE(Call(&Stub::ResetPluginStats, request, &response).ok());
  plugins_.set_answer(absl::UnavailableError("the host stops"));
  EXPECT_EQ(Call(&Stub::ResetPluginStats, request, &response).error_code(),
            grpc::StatusCode::UNAVAILABLE);
}

TEST_F(PluginServiceTest, TellsWhatACheckFound) {
  using Level = PluginCheckReport::Level;
  PluginCheckReport report = {.sha256 = kSha256,
                              .version = "1.2.3",
                              .abi_version = 1,
                              .config_schema = "{}"};
  report.findings = {{Level::kOk, "elf.note", "fine"},
                     {Level::kWarning, "wants.any", "wants none"},
                     {Level::kError, "elf.textrel", "has relocations"}};
  checks_.set_answer(report);
  v1::CheckPluginRequest request;
  request.set_module("counts.so");
  request.set_sha256(kSha256);
  (*request.mutable_config()->mutable_fields())["top"].set_number_value(3);
  v1::CheckPluginResponse response;
  ASSERT_TRUE(Call(&Stub::CheckPlugin, request, &response).ok());
  const PluginCheckRequest asked = checks_.requests().at(0);
  EXPECT_EQ(asked.module, "counts.so");
  EXPECT_EQ(asked.sha256, kSha256);
  EXPECT_EQ(asked.config_json, "{\"top\":3}");
  EXPECT_EQ(asked.deadline, absl::InfiniteFuture());
  EXPECT_FALSE(response.loadable());
  EXPECT_EQ(response.sha256(), kSha256);
  EXPECT_EQ(response.version(), "1.2.3");
  EXPECT_EQ(response.abi_version(), 1u);
  EXPECT_EQ(response.config_schema(), "{}");
  ASSERT_EQ(response.findings_size(), 3);
  using Finding = v1::CheckPluginResponse::Finding;
  EXPECT_EQ(response.findings(0).level(), Finding::LEVEL_OK);
  EXPECT_EQ(response.findings(1).level(), Finding::LEVEL_WARNING);
  EXPECT_EQ(response.findings(2).level(), Finding::LEVEL_ERROR);
  EXPECT_EQ(response.findings(2).check(), "elf.textrel");
  EXPECT_EQ(response.findings(2).message(), "has relocations");
}

TEST_F(PluginServiceTest, APluginWithWarningsOnlyIsLoadable) {
  PluginCheckReport report;
  report.findings = {{PluginCheckReport::Level::kWarning, "wants.any", ""}};
  checks_.set_answer(report);
  v1::CheckPluginRequest request;
  request.set_module("counts.so");
  v1::CheckPluginResponse response;
  ASSERT_TRUE(Call(&Stub::CheckPlugin, request, &response).ok());
  EXPECT_TRUE(response.loadable());
  EXPECT_FALSE(checks_.requests().at(0).config_json.has_value());
}

TEST_F(PluginServiceTest, ChecksOnlyModulesOfTheFoldersAndOnlyForAdmins) {
  v1::CheckPluginRequest request;
  v1::CheckPluginResponse response;
  for (const char* module : {"", "../counts.so", ".."}) {
    request.set_module(module);
    EXPECT_EQ(Call(&Stub::CheckPlugin, request, &response).error_code(),
              grpc::StatusCode::INVALID_ARGUMENT)
        << module;
  }
  request.set_module("counts.so");
  request.set_sha256("ABC");
  EXPECT_EQ(Call(&Stub::CheckPlugin, request, &response).error_code(),
            grpc::StatusCode::INVALID_ARGUMENT);
  request.clear_sha256();
  Serve({.loopback_role = Role::kOperator});
  EXPECT_EQ(Call(&Stub::CheckPlugin, request, &response).error_code(),
            grpc::StatusCode::PERMISSION_DENIED);
  EXPECT_THAT(checks_.requests(), IsEmpty());
}

PoisonMessage PoisonNumber(uint64_t number, int64_t at_s) {
  PoisonMessage poison;
  poison.number = number;
  poison.plugin = "plugins/counts";
  poison.plugin_sha256 = kSha256;
  poison.generation = 4;
  poison.source = "sources/ris";
  poison.type = "UPDATE";
  poison.first_time = absl::FromUnixSeconds(1);
  poison.last_time = absl::FromUnixSeconds(at_s);
  poison.count = 2;
  poison.fingerprint = "0123456789abcdef";
  poison.cause = "SIGSEGV";
  poison.frames = {"counts.so+0x1 Act+0x1"};
  poison.message.seq = 77;
  poison.message.payload_bytes = 70'000;
  poison.message.bytes = std::string(70'000, 'x') + "decoded";
  return poison;
}

TEST_F(PluginServiceTest, ShowsAPoisonMessageWithTheBeginOfItsPayload) {
  plugins_.set_poisons({PoisonNumber(7, 100)});
  v1::GetPoisonMessageRequest request;
  request.set_name("plugins/counts/poisonMessages/7");
  v1::PoisonMessage poison;
  grpc::ClientContext context;
  const grpc::Status status =
      stub_->GetPoisonMessage(&context, request, &poison);
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(poison.name(), request.name());
  EXPECT_EQ(poison.plugin_sha256(), kSha256);
  EXPECT_EQ(poison.generation(), 4u);
  EXPECT_EQ(poison.source(), "sources/ris");
  EXPECT_EQ(poison.message_sequence(), 77u);
  EXPECT_EQ(poison.message_type(), "UPDATE");
  EXPECT_EQ(poison.first_time().seconds(), 1);
  EXPECT_EQ(poison.last_time().seconds(), 100);
  EXPECT_EQ(poison.count(), 2u);
  EXPECT_EQ(poison.fingerprint(), "0123456789abcdef");
  EXPECT_EQ(poison.cause(), "SIGSEGV");
  EXPECT_THAT(poison.frames(), ElementsAre("counts.so+0x1 Act+0x1"));
  EXPECT_EQ(poison.payload_bytes(), 70'000u);
  EXPECT_EQ(poison.payload(), std::string(64 << 10, 'x'));
}

TEST_F(PluginServiceTest, RefusesAPoisonNameThatIsNone) {
  for (const char* name :
       {"", "plugins/counts", "plugins//poisonMessages/7", "counts/7",
        "plugins/counts/poisonMessages/x", "plugins/counts/poisonMessages/"}) {
    v1::GetPoisonMessageRequest request;
    request.set_name(name);
    v1::PoisonMessage poison;
    grpc::ClientContext context;
    EXPECT_EQ(stub_->GetPoisonMessage(&context, request, &poison).error_code(),
              grpc::StatusCode::INVALID_ARGUMENT)
        << name;
  }
}

TEST_F(PluginServiceTest, ListsPoisonMessagesPageByPageNewestFirst) {
  plugins_.set_poisons(
      {PoisonNumber(3, 300), PoisonNumber(9, 200), PoisonNumber(5, 200)});
  v1::ListPoisonMessagesRequest request;
  request.set_parent("plugins/-");
  request.set_page_size(1);
  std::vector<std::string> names;
  do {
    v1::ListPoisonMessagesResponse response;
    grpc::ClientContext context;
    ASSERT_TRUE(stub_->ListPoisonMessages(&context, request, &response).ok());
    for (const auto& poison : response.poison_messages()) {
      names.push_back(poison.name());
      EXPECT_THAT(poison.payload(), IsEmpty());
    }
    request.set_page_token(response.next_page_token());
  } while (!request.page_token().empty());
  EXPECT_THAT(names, ElementsAre("plugins/counts/poisonMessages/3",
                                 "plugins/counts/poisonMessages/9",
                                 "plugins/counts/poisonMessages/5"));
  request.set_page_token("x");
  v1::ListPoisonMessagesResponse response;
  grpc::ClientContext context;
  EXPECT_EQ(
      stub_->ListPoisonMessages(&context, request, &response).error_code(),
      grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_F(PluginServiceTest, TellsWhatBecameOfAReplayOnce) {
  TrialResult result;
  result.outcome = TrialResult::Outcome::kCrashed;
  result.detail = "SIGSEGV";
  result.frames = {"counts.so+0x1 Act+0x1"};
  result.handle_time = absl::Milliseconds(3);
  result.events.emplace_back().type = "said";
  plugins_.set_trial_result(result);
  v1::ReplayPoisonMessageRequest request;
  request.set_name("plugins/counts/poisonMessages/7");
  request.set_module("fixed.so");
  request.mutable_deadline()->set_seconds(20);
  request.set_request_id(kId);
  v1::ReplayPoisonMessageResponse response;
  for (int i = 0; i < 2; ++i) {
    grpc::ClientContext context;
    const grpc::Status status =
        stub_->ReplayPoisonMessage(&context, request, &response);
    ASSERT_TRUE(status.ok()) << status.error_message();
  }
  EXPECT_EQ(response.outcome(),
            v1::ReplayPoisonMessageResponse::OUTCOME_CRASHED);
  EXPECT_EQ(response.detail(), "SIGSEGV");
  EXPECT_THAT(response.frames(), ElementsAre("counts.so+0x1 Act+0x1"));
  EXPECT_EQ(response.handle_time().nanos(), 3'000'000);
  ASSERT_EQ(response.events_size(), 1);
  EXPECT_EQ(response.events(0).type(), "said");
  EXPECT_THAT(response.events(0).id(), IsEmpty());
  ASSERT_THAT(plugins_.replays(), SizeIs(1)) << "a repeat gets the answer";
  EXPECT_EQ(plugins_.replays()[0].plugin, "plugins/counts");
  EXPECT_EQ(plugins_.replays()[0].number, 7u);
  EXPECT_EQ(plugins_.replays()[0].module, "fixed.so");
  EXPECT_EQ(plugins_.replays()[0].deadline, absl::Seconds(20));

  request.clear_request_id();
  for (const int seconds : {0, 61}) {
    request.mutable_deadline()->set_seconds(seconds);
    grpc::ClientContext context;
    EXPECT_EQ(
        stub_->ReplayPoisonMessage(&context, request, &response).error_code(),
        grpc::StatusCode::INVALID_ARGUMENT);
  }
}

}  // namespace
}  // namespace weir
