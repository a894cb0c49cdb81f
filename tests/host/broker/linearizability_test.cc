// Real threads on a real journal: publishers that wait until their events are
// on the disk, readers, and consumers of one subscription that take it from
// each other. What each of them was told, and when, must be the history of one
// log that does one thing after the other.
#include <algorithm>
#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "host/broker/broker.h"
#include "host/broker/journaled_log.h"
#include "host/broker/subscription_store.h"
#include "host/control/event_log.h"
#include "host/control/event_publisher.h"
#include "host/control/event_stream.h"
#include "host/control/stream_options.h"
#include "host/control/subscriptions.h"
#include "host/pipeline/event.h"
#include "host/sync/mutex.h"
#include "host/sync/system_clock.h"
#include "tests/fakes/fake_event_codec.h"
#include "tests/host/broker/broker_fixture.h"
#include "tests/support/short_temp_dir.h"
#include "tests/support/status_matchers.h"

namespace weir {
namespace {

constexpr int kPublishers = 4;
constexpr int kCalls = 150;  // Of each publisher.
constexpr int kReaders = 4;
constexpr int kConsumers = 2;
constexpr char kNoc[] = "subscriptions/noc";

uint64_t SeqOf(const std::string& id) {
  uint64_t seq = 0;
  EXPECT_TRUE(absl::SimpleAtoi(id.substr(id.rfind('-') + 1), &seq)) << id;
  return seq;
}

// One call of Publish, between two moments of the order in which all was seen.
struct Call {
  uint64_t invoked = 0, returned = 0;
  std::vector<uint64_t> seqs;
  std::vector<std::string> subjects;
};

// A client that reads in whatever thread it is called in.
class Reader {
 public:
  ~Reader() { Close(); }

  void Open(EventLog& log, StreamOptions options) {
    auto stream = log.Open(std::move(options), [this] { Pump(); });
    ASSERT_THAT(stream, IsOk());
    {
      MutexLock lock(&mu_);
      stream_ = *std::move(stream);
    }
    Pump();
  }
  void Close() {
    // Dies after the lock: that waits for a Pump that is running.
    std::unique_ptr<EventStream> stream;
    MutexLock lock(&mu_);
    std::swap(stream, stream_);
  }
  // Waits until it has seen as much.
  void Await(uint64_t seq) {
    MutexLock lock(&mu_);
    while (seen_.empty() || seen_.back().first < seq) changed_.Wait(&mu_);
  }
  std::vector<std::pair<uint64_t, std::string>> seen() {
    MutexLock lock(&mu_);
    return seen_;
  }

 private:
  void Pump() {
    MutexLock lock(&mu_);
    StreamItem item;
    while (stream_ != nullptr && stream_->Next(&item)) {
      EXPECT_NE(item.kind, StreamItem::Kind::kGap);
      for (const SharedBytes& piece : item.pieces) {
        for (const auto& line : FakeEventCodec::Parse(piece.bytes)) {
          seen_.emplace_back(line.seq, line.subject);
        }
      }
      stream_->OnWritten(1);
      changed_.NotifyAll();
      if (item.kind == StreamItem::Kind::kEnd) return;
    }
  }

  Mutex mu_;
  CondVar changed_;
  std::unique_ptr<EventStream> stream_ ABSL_GUARDED_BY(mu_);
  std::vector<std::pair<uint64_t, std::string>> seen_ ABSL_GUARDED_BY(mu_);
};

class LinearizabilityTest : public testing::Test {
 protected:
  LinearizabilityTest() {
    JournaledLogOptions options;
    options.journal.path = absl::StrCat(dir_.path(), "/journal.db");
    options.journal.boot_id = "boot";
    options.journal.new_epoch = kEpoch;
    options.ring.ring_events = 200;  // Who is behind reads from the disk.
    options.ring.chunk_events = 16;
    options.commit_interval = absl::Milliseconds(1);
    auto log = JournaledLog::Open(options, codec_, clock_);
    EXPECT_THAT(log, IsOk());
    broker_ = std::make_unique<Broker>(BrokerOptions(), *std::move(log), codec_,
                                       clock_);
    store_ = std::make_unique<SubscriptionStore>(*broker_, clock_);
    broker_->Start();
  }

  uint64_t Now() { return moment_.fetch_add(1); }

  // Publishes, each time when the last is on the disk.
  void Publish(int number, std::vector<Call>* calls) {
    std::mt19937_64 random(static_cast<uint64_t>(number));
    for (int i = 0; i < kCalls; ++i) {
      Call& call = calls->emplace_back();
      std::vector<Event> events(1 + random() % 4);
      for (size_t k = 0; k < events.size(); ++k) {
        events[k].type = "a.b";
        events[k].source = "publishers/test";
        events[k].subject = absl::StrCat(number, ".", i, ".", k);
        call.subjects.push_back(events[k].subject);
      }
      Mutex mu;
      CondVar changed;
      std::optional<absl::StatusOr<std::vector<std::string>>> answer;
      call.invoked = Now();
      broker_->Append(std::move(events), Durability::kJournaled,
                      [&](const auto& ids) {
                        MutexLock lock(&mu);
                        answer = ids;
                        changed.NotifyAll();
                      });
      MutexLock lock(&mu);
      while (!answer.has_value()) changed.Wait(&mu);
      call.returned = Now();
      ASSERT_THAT(*answer, IsOk());
      for (const std::string& id : **answer) call.seqs.push_back(SeqOf(id));
      ASSERT_EQ(call.seqs.size(), call.subjects.size());
      EXPECT_LE(call.seqs.back(), SeqOf(broker_->Info().durable_id));
    }
  }

  // Takes the subscription over, reads some, acknowledges some of it with the
  // lease of now and with those of before, and is taken over itself.
  void Consume(int number, const std::atomic<bool>& done,
               std::set<uint64_t>* acked) {
    std::mt19937_64 random(static_cast<uint64_t>(100 + number));
    std::vector<std::string> leases;
    while (!done) {
      ConsumeOptions options;
      options.name = kNoc;
      options.takeover = true;
      options.client_name = absl::StrCat("consumer ", number);
      const auto stream = store_->Consume(options, [] {});
      if (!stream.ok()) continue;
      StreamItem item;
      for (int i = 0; i < 20; ++i) {
        if (!(*stream)->Next(&item)) {
          std::this_thread::yield();
          continue;
        }
        (*stream)->OnWritten(1);
        if (item.kind == StreamItem::Kind::kEnd) break;
        if (item.kind == StreamItem::Kind::kHello) {
          leases.push_back(item.hello.lease_id);
        }
        const std::string& lease =
            leases[random() % 3 == 0 ? random() % leases.size()
                                     : leases.size() - 1];
        const bool stale = lease != leases.back();
        const auto answer = store_->Acknowledge(kNoc, item.cursor, lease);
        EXPECT_FALSE(stale && answer.ok()) << "with a lease that was lost";
        if (answer.ok()) acked->insert(SeqOf(item.cursor));
      }
    }
  }

  // Looks at the cursor again and again.
  void Watch(const std::atomic<bool>& done) {
    uint64_t last = 0;
    while (!done) {
      const auto noc = store_->Get(kNoc);
      ASSERT_THAT(noc, IsOk());
      const uint64_t now = SeqOf(noc->ack_cursor);
      EXPECT_GE(now, last) << "acknowledgements went back";
      last = now;
      std::this_thread::yield();
    }
  }

  const ShortTempDir dir_;
  const SystemClock clock_;
  const FakeEventCodec codec_;
  std::atomic<uint64_t> moment_{0};
  std::unique_ptr<Broker> broker_;
  std::unique_ptr<SubscriptionStore> store_;  // Before the broker.
};

// A call that returned before another began has the lower numbers.
void CheckRealTime(std::vector<Call> calls) {
  std::vector<Call> by_return = calls;
  std::sort(calls.begin(), calls.end(),
            [](const Call& a, const Call& b) { return a.invoked < b.invoked; });
  std::sort(
      by_return.begin(), by_return.end(),
      [](const Call& a, const Call& b) { return a.returned < b.returned; });
  uint64_t highest = 0;
  size_t next = 0;
  for (const Call& call : calls) {
    while (by_return[next].returned < call.invoked) {
      highest = std::max(highest, by_return[next++].seqs.back());
    }
    EXPECT_LT(highest, call.seqs.front());
    EXPECT_TRUE(std::is_sorted(call.seqs.begin(), call.seqs.end()));
  }
}

TEST_F(LinearizabilityTest, WhatAllWereToldIsOneHistory) {
  std::vector<std::unique_ptr<Reader>> readers;
  for (int i = 0; i < kReaders; ++i) {
    StreamOptions options;
    options.start.kind = StartPosition::Kind::kEarliest;
    options.batch.max_events = static_cast<uint32_t>(1 + 20 * i);
    options.batch.max_delay = absl::Milliseconds(i);
    readers.push_back(std::make_unique<Reader>());
    ASSERT_NO_FATAL_FAILURE(readers.back()->Open(*broker_, options));
  }
  StartPosition start;
  start.kind = StartPosition::Kind::kEarliest;
  ASSERT_THAT(store_->Create("noc", {}, start, "", false), IsOk());

  std::atomic<bool> done{false};
  std::vector<std::vector<Call>> calls(kPublishers);
  std::vector<std::set<uint64_t>> acked(kConsumers);
  std::vector<std::thread> publishers;
  std::vector<std::thread> others;
  for (int i = 0; i < kPublishers; ++i) {
    publishers.emplace_back([&, i] { Publish(i, &calls[size_t(i)]); });
  }
  for (int i = 0; i < kConsumers; ++i) {
    others.emplace_back([&, i] { Consume(i, done, &acked[size_t(i)]); });
  }
  others.emplace_back([&] { Watch(done); });
  for (std::thread& thread : publishers) thread.join();
  done = true;
  for (std::thread& thread : others) thread.join();

  std::map<uint64_t, std::string> written;
  std::vector<Call> all;
  for (const auto& some : calls) {
    for (const Call& call : some) {
      all.push_back(call);
      for (size_t i = 0; i < call.seqs.size(); ++i) {
        EXPECT_TRUE(written.emplace(call.seqs[i], call.subjects[i]).second)
            << call.seqs[i] << " was given twice";
      }
    }
  }
  ASSERT_EQ(all.size(), size_t{kPublishers * kCalls});
  CheckRealTime(all);

  const std::vector<std::pair<uint64_t, std::string>> want(written.begin(),
                                                           written.end());
  EXPECT_EQ(want.back().first, want.size()) << "numbers without an event";
  for (const auto& reader : readers) {
    reader->Await(want.back().first);
    EXPECT_EQ(reader->seen(), want);
  }

  uint64_t highest = 0;
  for (const auto& some : acked) {
    if (!some.empty()) highest = std::max(highest, *some.rbegin());
  }
  EXPECT_GT(highest, 0u) << "nobody acknowledged anything";
  EXPECT_EQ(SeqOf(store_->Get(kNoc)->ack_cursor), highest);
}

}  // namespace
}  // namespace weir
