// kill -9, again and again, under clients that publish, follow and consume.
//
// WEIR_KILL_CYCLES sets the number of cycles (20 if unset), WEIR_KILL_SEED the
// seed: tools/soak and people run a thousand.
#include <signal.h>
#include <sqlite3.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "grpcpp/grpcpp.h"
#include "gtest/gtest.h"
#include "tests/support/short_temp_dir.h"
#include "weir/v1/event.grpc.pb.h"
#include "weir/v1/subscription.grpc.pb.h"

namespace weir {
namespace {

int FromEnvironment(const char* name, int otherwise) {
  const char* const text = std::getenv(name);
  int number = otherwise;
  if (text != nullptr && !absl::SimpleAtoi(text, &number)) std::abort();
  return number;
}

uint64_t SeqOf(const std::string& id) {
  uint64_t seq = 0;
  EXPECT_TRUE(absl::SimpleAtoi(id.substr(id.rfind('-') + 1), &seq)) << id;
  return seq;
}

// What somebody has seen of the log: the subject of each event, by its number.
using Seen = std::map<uint64_t, std::string>;

// Follows the log through all lives of the host. What it remembers between them
// is its cursor, as a client does that stores it with what it did.
struct Reader {
  std::string type;  // Empty = everything.
  std::string cursor;
  Seen seen;
  std::vector<std::string> faults;
  // Gaps are faults, unless something may be lost.
  bool may_lose = false;
  // The numbers that it was told are missing, first and last; 0: to the end.
  std::vector<std::pair<uint64_t, uint64_t>> gaps;

  bool Misses(uint64_t seq) const {
    return std::any_of(gaps.begin(), gaps.end(), [seq](const auto& gap) {
      return gap.first <= seq && (seq <= gap.second || gap.second == 0);
    });
  }

  // Reads until the stream ends, or until it has seen `last` if that is not 0.
  void Follow(v1::EventService::Stub& stub, grpc::ClientContext& context,
              uint64_t last) {
    v1::SubscribeRequest request;
    if (cursor.empty()) {
      request.mutable_start()->mutable_earliest();
    } else {
      request.mutable_start()->set_after_id(cursor);
    }
    if (!type.empty()) request.add_filters()->add_types(type);
    request.mutable_batch()->set_max_events(1 + seen.size() % 50);
    const auto stream = stub.Subscribe(&context, request);
    v1::SubscribeResponse response;
    uint64_t index = 0;
    while (stream->Read(&response)) {
      if (response.batch_index() != ++index) {
        faults.push_back(absl::StrCat("batch ", response.batch_index()));
      }
      if (response.has_gap() && may_lose) {
        const std::string& before = response.gap().before_id();
        gaps.emplace_back(SeqOf(response.gap().after_id()) + 1,
                          before.empty() ? 0 : SeqOf(before) - 1);
      } else if (response.has_gap()) {
        faults.push_back(response.ShortDebugString());
      }
      for (const v1::Event& event : response.events()) {
        if (event.seq() <= (seen.empty() ? 0 : seen.rbegin()->first) ||
            !seen.emplace(event.seq(), event.subject()).second) {
          faults.push_back(absl::StrCat(event.id(), " came again"));
        }
        if (type.empty() && !may_lose && event.seq() != seen.size()) {
          faults.push_back(absl::StrCat(event.id(), " is number ", seen.size(),
                                        " that is seen"));
        }
      }
      cursor = response.cursor();
      if (last != 0 && SeqOf(cursor) >= last) {
        context.TryCancel();
        return;
      }
    }
  }
};

class KillTest : public testing::Test {
 protected:
  KillTest() : random_(FromEnvironment("WEIR_KILL_SEED", 1)) {
    Configure("durable");
  }
  ~KillTest() override {
    if (host_ > 0) Kill();
  }

  void Configure(const std::string& mode) {
    std::ofstream(dir_.path() + "/weir.yaml")
        << "state_dir: " << dir_.path() << "\n"
        << "listeners: [{unix: " << dir_.path() << "/s}]\n"
        << "plugins: {autoload: false}\n"
        << "limits: {publish_limit_per_second: 1000000}\n"
        << "broker: {mode: " << mode
        << ", publish_enabled: true, ring_events: 300}\n";
  }

  void Start() {
    const std::string config = dir_.path() + "/weir.yaml";
    const std::string log = dir_.path() + "/log";
    host_ = fork();
    if (host_ == 0) {
      if (std::freopen(log.c_str(), "a", stderr) == nullptr) _exit(1);
      execl("host/weir-host", "weir-host", "--config", config.c_str(),
            static_cast<char*>(nullptr));
      _exit(1);
    }
    // A channel of its own for each life: what a dead one backs off is its own.
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 10);
    arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 10);
    arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 20);
    channel_ = grpc::CreateCustomChannel("unix:" + dir_.path() + "/s",
                                         grpc::InsecureChannelCredentials(),
                                         arguments);
    ASSERT_TRUE(channel_->WaitForConnected(std::chrono::system_clock::now() +
                                           std::chrono::seconds(60)))
        << std::ifstream(log).rdbuf();
    events_ = v1::EventService::NewStub(channel_);
    subscriptions_ = v1::SubscriptionService::NewStub(channel_);
  }

  void Kill() {
    kill(host_, SIGKILL);
    waitpid(host_, nullptr, 0);
    host_ = 0;
  }

  // Publishes until the host is gone; keeps what it was told that is in.
  void Publish(std::atomic<bool>& stop) {
    while (!stop) {
      v1::PublishRequest request;
      const uint64_t n = 1 + published_ % 40;
      for (uint64_t i = 0; i < n; ++i) {
        v1::Event* event = request.add_events();
        event->set_type(i % 3 == 0 ? "kill.a" : "kill.b");
        event->set_subject(absl::StrCat("no ", ++published_));
      }
      together_.push_back({published_ - n + 1, published_});
      request.set_durability(together_.size() % 2 == 0
                                 ? v1::PublishRequest::DURABILITY_ACCEPTED
                                 : v1::PublishRequest::DURABILITY_JOURNALED);
      grpc::ClientContext context;
      v1::PublishResponse response;
      if (!events_->Publish(&context, request, &response).ok()) return;
      for (int i = 0; i < response.ids_size(); ++i) {
        const auto [at, fresh] = promised_.emplace(SeqOf(response.ids(i)),
                                                   request.events(i).subject());
        EXPECT_TRUE(fresh) << response.ids(i) << " was given twice";
        if (request.durability() == v1::PublishRequest::DURABILITY_JOURNALED) {
          journaled_.insert(at->first);
        }
      }
    }
  }

  // Takes what comes, acknowledges some of it.
  void Consume(grpc::ClientContext& context, uint64_t last) {
    v1::ConsumeRequest request;
    request.set_name("subscriptions/killed");
    const auto stream = subscriptions_->Consume(&context, request);
    v1::SubscribeResponse response;
    std::string lease;
    uint64_t first = 0;
    while (stream->Read(&response)) {
      if (response.has_hello()) lease = response.hello().lease_id();
      EXPECT_FALSE(response.has_gap()) << response.ShortDebugString();
      for (const v1::Event& event : response.events()) {
        if (first == 0) {
          first = event.seq();
          // At least once: never behind what is done and acknowledged, and
          // never before the last acknowledgement that was long ago.
          EXPECT_LE(first, consumed_ + 1) << "events were left out";
        }
        consumed_ = std::max(consumed_, event.seq());
      }
      if (response.events_size() > 0) {
        v1::AcknowledgeRequest ack;
        ack.set_name(request.name());
        ack.set_cursor(response.cursor());
        ack.set_lease_id(lease);
        grpc::ClientContext ack_context;
        v1::AcknowledgeResponse acked;
        subscriptions_->Acknowledge(&ack_context, ack, &acked);
      }
      if (last != 0 && consumed_ >= last) {
        context.TryCancel();
        return;
      }
    }
  }

  // One life: until it is killed, or, the last, until all have seen `last`.
  void Live(uint64_t last) {
    std::vector<std::unique_ptr<grpc::ClientContext>> contexts;
    std::vector<std::thread> threads;
    std::atomic<bool> stop{false};
    for (Reader& reader : readers_) {
      auto& context = *contexts.emplace_back(new grpc::ClientContext);
      threads.emplace_back(
          [&, this] { reader.Follow(*events_, context, last); });
    }
    auto& context = *contexts.emplace_back(new grpc::ClientContext);
    if (consumes_) threads.emplace_back([&, this] { Consume(context, last); });
    if (last == 0) {
      threads.emplace_back([&, this] { Publish(stop); });
      std::this_thread::sleep_for(
          std::chrono::milliseconds(10 + random_() % 140));
      Kill();
      stop = true;
    }
    for (std::thread& thread : threads) thread.join();
  }

  const ShortTempDir dir_;
  std::mt19937_64 random_;
  pid_t host_ = 0;
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<v1::EventService::Stub> events_;
  std::unique_ptr<v1::SubscriptionService::Stub> subscriptions_;
  std::vector<Reader> readers_ = {{"", "", {}, {}}, {"kill.a", "", {}, {}}};
  uint64_t published_ = 0;
  // What was published together: the numbers in the subjects, first and last.
  std::vector<std::pair<uint64_t, uint64_t>> together_;
  Seen promised_;
  std::set<uint64_t> journaled_;  // Those that were promised on the disk.
  bool consumes_ = true;
  uint64_t consumed_ = 0;
};

TEST_F(KillTest, InFastModeAnnouncesWhatItLosesAndGivesNoNumberTwice) {
  Configure("fast");
  consumes_ = false;
  for (Reader& reader : readers_) reader.may_lose = true;
  const int cycles = FromEnvironment("WEIR_KILL_CYCLES", 20);
  for (int cycle = 0; cycle < cycles; ++cycle) {
    Start();
    ASSERT_NO_FATAL_FAILURE(Live(0));
  }
  Start();
  v1::PublishRequest end;
  end.add_events()->set_type("kill.end");
  end.mutable_events(0)->set_subject("end");
  grpc::ClientContext context;
  v1::PublishResponse response;
  ASSERT_TRUE(events_->Publish(&context, end, &response).ok());
  const uint64_t last = SeqOf(response.ids(0));
  promised_[last] = "end";
  Live(last);
  // One who asks for everything now.
  Reader late;
  late.may_lose = true;
  grpc::ClientContext late_context;
  late.Follow(*events_, late_context, last);

  uint64_t n_lost = 0;
  for (const auto& [seq, subject] : promised_) {
    if (journaled_.contains(seq)) {
      ASSERT_TRUE(late.seen.contains(seq)) << seq << " was on the disk";
    }
    if (late.seen.contains(seq)) {
      EXPECT_EQ(late.seen.at(seq), subject) << seq << " was given twice";
    } else {
      EXPECT_TRUE(late.Misses(seq)) << seq << " is lost, and nobody said so";
      ++n_lost;
    }
  }
  for (uint64_t seq = 1; seq <= last; ++seq) {
    ASSERT_NE(late.seen.contains(seq), late.Misses(seq)) << seq;
  }
  for (const Reader& reader : readers_) {
    for (const std::string& fault : reader.faults) ADD_FAILURE() << fault;
    for (const auto& [seq, subject] : reader.seen) {
      const auto at = late.seen.find(seq);
      EXPECT_TRUE(at == late.seen.end() ? late.Misses(seq)
                                        : at->second == subject)
          << seq << " was seen as " << subject;
    }
  }
  // Who was there all the time knows of the same holes.
  for (uint64_t seq = 1; seq <= last; ++seq) {
    ASSERT_TRUE(readers_[0].seen.contains(seq) || readers_[0].Misses(seq))
        << seq;
  }
  std::printf(
      "%d kills, %zu events, %zu gaps, %zu promised, %llu of them lost\n",
      cycles, late.seen.size(), late.gaps.size(), promised_.size(),
      static_cast<unsigned long long>(n_lost));
}

TEST_F(KillTest, LosesAndRepeatsNothingThatAnybodyWasTold) {
  const int cycles = FromEnvironment("WEIR_KILL_CYCLES", 20);
  Start();
  v1::CreateSubscriptionRequest create;
  create.set_subscription_id("killed");
  create.mutable_start()->mutable_earliest();
  grpc::ClientContext create_context;
  v1::Subscription created;
  ASSERT_TRUE(
      subscriptions_->CreateSubscription(&create_context, create, &created)
          .ok());
  // It is on the disk when something that came after it is.
  v1::PublishRequest first;
  first.add_events()->set_type("kill.a");
  first.mutable_events(0)->set_subject("first");
  grpc::ClientContext first_context;
  v1::PublishResponse first_response;
  const grpc::Status published =
      events_->Publish(&first_context, first, &first_response);
  ASSERT_TRUE(published.ok()) << published.error_message();
  promised_[SeqOf(first_response.ids(0))] = "first";

  for (int cycle = 0; cycle < cycles; ++cycle) {
    if (cycle > 0) Start();
    ASSERT_NO_FATAL_FAILURE(Live(0));
    if (HasFailure()) break;
  }
  Start();
  v1::GetLogInfoRequest ask;
  grpc::ClientContext context;
  v1::LogInfo info;
  ASSERT_TRUE(events_->GetLogInfo(&context, ask, &info).ok());
  const uint64_t last = SeqOf(info.latest_id());
  Live(last);

  const Seen& all = readers_[0].seen;
  std::printf("%d kills, %zu events, %zu of them promised\n", cycles,
              all.size(), promised_.size());
  for (const Reader& reader : readers_) {
    for (const std::string& fault : reader.faults) ADD_FAILURE() << fault;
  }
  EXPECT_EQ(all.size(), last);
  for (const auto& [seq, subject] : promised_) {
    ASSERT_TRUE(all.contains(seq)) << seq << " was promised and is lost";
    EXPECT_EQ(all.at(seq), subject) << seq << " was given twice";
  }
  // All or none, and next to each other.
  std::map<std::string, uint64_t> places;
  for (const auto& [seq, subject] : all) places[subject] = seq;
  for (const auto& [from, to] : together_) {
    const auto first = places.find(absl::StrCat("no ", from));
    for (uint64_t i = from; i <= to; ++i) {
      const auto at = places.find(absl::StrCat("no ", i));
      ASSERT_EQ(at == places.end(), first == places.end())
          << from << " to " << to << " were kept in part";
      if (at != places.end()) {
        ASSERT_EQ(at->second, first->second + i - from);
      }
    }
  }
  // Readers agree.
  for (const auto& [seq, subject] : readers_[1].seen) {
    EXPECT_EQ(all.at(seq), subject);
  }
  EXPECT_GE(consumed_, last);
  Kill();
  sqlite3* journal = nullptr;
  ASSERT_EQ(sqlite3_open((dir_.path() + "/journal.db").c_str(), &journal),
            SQLITE_OK);
  std::string found;
  sqlite3_exec(
      journal, "PRAGMA integrity_check",
      [](void* out, int, char** values, char**) {
        *static_cast<std::string*>(out) += values[0];
        return 0;
      },
      &found, nullptr);
  sqlite3_close(journal);
  EXPECT_EQ(found, "ok");
}

}  // namespace
}  // namespace weir
