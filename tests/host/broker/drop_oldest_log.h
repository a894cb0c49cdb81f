#ifndef WEIR_TESTS_HOST_BROKER_DROP_OLDEST_LOG_H_
#define WEIR_TESTS_HOST_BROKER_DROP_OLDEST_LOG_H_

#include <algorithm>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "host/control/event_log.h"
#include "host/control/event_stream.h"
#include "host/control/stream_options.h"
#include "host/pipeline/event.h"
#include "host/status/error_info.h"
#include "host/sync/clock.h"
#include "tests/fakes/fake_event_codec.h"

namespace weir {

// The broker that ours must not be: each subscriber has a queue of 256 events
// that drops its oldest, and whoever comes back is replayed from a buffer of
// the last 2000. It looks reasonable and loses events in silence, which a
// reconnect does not heal, since the client's ID is past them already. A test
// that does not find it out finds nothing.
class DropOldestLog final : public EventLog {
 public:
  static constexpr size_t kQueue = 256;
  static constexpr size_t kReplay = 2000;

  // `clock` must outlive the log.
  DropOldestLog(std::string epoch, const Clock& clock)
      : epoch_(std::move(epoch)), clock_(clock) {}

  void Publish(const Event& event) {
    const Entry entry = {++last_, event.type};
    replay_.push_back(entry);
    if (replay_.size() > kReplay) replay_.pop_front();
    for (Subscriber* subscriber : subscribers_) subscriber->Enqueue(entry);
  }

  absl::StatusOr<std::unique_ptr<EventStream>> Open(
      StreamOptions options, std::function<void()> /*ready*/) override {
    auto subscriber = std::make_unique<Subscriber>(*this, std::move(options));
    if (subscriber->refused().empty()) return subscriber;
    return MakeError(absl::StatusCode::kOutOfRange, "gone",
                     {.reason = subscriber->refused()});
  }

  LogInfo Info() const override {
    LogInfo info;
    if (!replay_.empty()) info.earliest_id = IdOf(replay_.front().seq);
    return info;
  }
  BrokerStats Stats() const override { return {}; }
  std::vector<SubscriberStats> Subscribers() const override { return {}; }

 private:
  struct Entry {
    uint64_t seq = 0;
    std::string type;
  };

  class Subscriber final : public EventStream {
   public:
    Subscriber(DropOldestLog& log, StreamOptions options)
        : log_(log), options_(std::move(options)), stop_at_(log.last_) {
      CollectReplay();
      log_.subscribers_.insert(this);
    }
    ~Subscriber() override { log_.subscribers_.erase(this); }

    const std::string& refused() const { return refused_; }

    void Enqueue(const Entry& entry) {
      if (!Wants(entry)) return;
      queue_.push_back(entry);
      if (queue_.size() > kQueue) queue_.pop_front();  // In silence.
    }

    bool Next(StreamItem* item) override {
      *item = StreamItem();
      if (ended_ || !Say(item)) return false;
      if (item->kind != StreamItem::Kind::kEnd) item->batch_index = ++items_;
      if (item->cursor.empty()) item->cursor = log_.IdOf(cursor_);
      return true;
    }
    absl::Status forced_end() const override { return absl::OkStatus(); }
    void OnWritten(uint64_t /*bytes*/) override {}

   private:
    void CollectReplay() {
      const uint64_t earliest = log_.last_ + 1 - log_.replay_.size();
      cursor_ = log_.last_;
      if (options_.start.kind == StartPosition::Kind::kLatest) return;
      cursor_ = earliest - 1;
      if (options_.start.kind == StartPosition::Kind::kAfterId) {
        absl::string_view text = options_.start.after_id;
        uint64_t after = 0;
        const bool mine =
            absl::ConsumePrefix(&text, absl::StrCat(log_.epoch_, "-")) &&
            absl::SimpleAtoi(text, &after);
        missing_ = mine && after + 1 < earliest ? earliest - 1 - after : 0;
        resync_ = !mine || missing_ > 0;
        reason_ = mine ? StreamItem::GapReason::kRetention
                       : StreamItem::GapReason::kEpochChanged;
        if (resync_ && options_.gap_policy == GapPolicy::kFail) {
          refused_ = mine ? "REPLAY_POSITION_EXPIRED" : "REPLAY_EPOCH_MISMATCH";
        }
        if (mine && !resync_) cursor_ = after;
        if (options_.gap_policy == GapPolicy::kNotifySkipToLatest && resync_) {
          missing_ = mine ? log_.last_ - after : 0;
          cursor_ = log_.last_;
        }
      }
      for (const Entry& entry : log_.replay_) {
        if (entry.seq > cursor_ && Wants(entry)) replay_.push_back(entry);
      }
    }

    bool Wants(const Entry& entry) const {
      return options_.filters.empty() ||
             options_.filters[0].types[0] == entry.type;
    }

    bool Say(StreamItem* item) {
      using Kind = StreamItem::Kind;
      if (items_ == 0) {
        item->kind = Kind::kHello;
        if (resync_) item->cursor = options_.start.after_id;
        return true;
      }
      if (std::exchange(resync_, false)) {
        item->kind = Kind::kGap;
        item->gap.reason = reason_;
        item->gap.after_id = options_.start.after_id;
        item->gap.missing = missing_;
        return true;
      }
      std::deque<Entry>& from = replay_.empty() ? queue_ : replay_;
      const bool stops = options_.stop_at_latest;
      if (from.empty() || (stops && from.front().seq > stop_at_)) {
        ended_ = stops;
        item->kind = Kind::kEnd;
        return stops;
      }
      item->kind = Kind::kEvents;
      auto bytes = std::make_shared<std::string>();
      while (!from.empty() && item->n_events < options_.batch.max_events &&
             !(stops && from.front().seq > stop_at_)) {
        cursor_ = from.front().seq;
        Event event;
        event.type = from.front().type;
        FakeEventCodec().AppendFramed(event, log_.IdOf(cursor_), cursor_,
                                      log_.clock_.Now(), bytes.get());
        from.pop_front();
        ++item->n_events;
      }
      item->pieces.push_back({bytes, *bytes});
      return true;
    }

    DropOldestLog& log_;
    const StreamOptions options_;
    const uint64_t stop_at_;
    std::deque<Entry> replay_, queue_;
    uint64_t cursor_ = 0;
    uint64_t items_ = 0;
    uint64_t missing_ = 0;
    bool resync_ = false;
    bool ended_ = false;
    StreamItem::GapReason reason_ = StreamItem::GapReason::kRetention;
    std::string refused_;
  };

  std::string IdOf(uint64_t seq) const {
    return absl::StrCat(epoch_, "-", seq);
  }

  const std::string epoch_;
  const Clock& clock_;
  uint64_t last_ = 0;
  std::deque<Entry> replay_;
  std::set<Subscriber*> subscribers_;
};

}  // namespace weir

#endif  // WEIR_TESTS_HOST_BROKER_DROP_OLDEST_LOG_H_
