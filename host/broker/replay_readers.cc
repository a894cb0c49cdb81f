#include "host/broker/replay_readers.h"

#include <algorithm>
#include <utility>

namespace weir {
namespace {

constexpr int64_t kKeepNs = 1'000'000'000;
// Quanta that are kept: some MiB, and as far as readers may be apart.
constexpr size_t kKeptQuanta = 8;
// How soon a disk that did not answer is asked again.
constexpr absl::Duration kRetry = absl::Milliseconds(200);

}  // namespace

class ReplayReaders::Feed final : public ReplayFeed {
 public:
  Feed(ReplayReaders& readers, std::shared_ptr<Place> place)
      : readers_(readers), place_(std::move(place)) {}
  ~Feed() override { readers_.Close(place_); }

  Answer Take(uint64_t seq) override { return readers_.Take(*place_, seq); }
  void LetGo() override { readers_.LetGo(*place_); }
  std::optional<uint64_t> FindTime(absl::Time time) override {
    return readers_.FindTime(*place_, time);
  }

 private:
  ReplayReaders& readers_;
  const std::shared_ptr<Place> place_;
};

ReplayReaders::ReplayReaders(const ReplayReadersOptions& options,
                             OpenReader open_reader, const LogSource& log,
                             const EventCodec& codec, const Clock& clock)
    : options_(options),
      open_reader_(std::move(open_reader)),
      log_(log),
      codec_(codec),
      clock_(clock) {}

ReplayReaders::~ReplayReaders() { Stop(); }

void ReplayReaders::Start() {
  MutexLock lock(&mu_);
  for (int i = 0; i < options_.threads && !stopped_; ++i) {
    threads_.emplace_back([this] { Run(); });
  }
}

void ReplayReaders::Stop() {
  std::vector<std::thread> threads;
  {
    MutexLock lock(&mu_);
    stopped_ = true;
    threads = std::move(threads_);
    threads_.clear();
    changed_.NotifyAll();
  }
  for (std::thread& thread : threads) thread.join();
  MutexLock lock(&mu_);
  own_reader_ = nullptr;
}

std::unique_ptr<ReplayFeed> ReplayReaders::Open(std::function<void()> ready,
                                                bool keys) {
  auto place = std::make_shared<Place>();
  place->ready = std::move(ready);
  place->keys = keys;
  MutexLock lock(&mu_);
  place->served_bytes = served_bytes_;  // It need not make up for the past.
  places_.push_back(place);
  return std::make_unique<Feed>(*this, std::move(place));
}

void ReplayReaders::Close(const std::shared_ptr<Place>& place) {
  std::deque<ChunkView> chunks;  // Dies after the lock.
  MutexLock lock(&mu_);
  place->closed = true;
  chunks.swap(place->got.chunks);
  places_.remove(place);
  changed_.NotifyAll();
}

ReplayFeed::Answer ReplayReaders::Take(Place& place, uint64_t seq) {
  using State = ReplayFeed::State;
  std::vector<ChunkView> done;  // Die after the lock.
  MutexLock lock(&mu_);
  place.last_take_ns = clock_.MonotonicNs();
  std::deque<ChunkView>& chunks = place.got.chunks;
  while (!chunks.empty() &&
         (seq < chunks.front().chunk->first() ||
          seq >= chunks.front().chunk->first() + chunks.front().n)) {
    done.push_back(std::move(chunks.front()));
    chunks.pop_front();
  }
  if (!done.empty()) changed_.NotifyAll();  // There may be a place now.
  const bool ends_here = place.has_got && !place.got.moved &&
                         place.got.bad_last == 0 && place.got.error.ok();
  if (!chunks.empty()) {
    ReplayFeed::Answer answer;
    answer.state = State::kEvents;
    answer.view = chunks.front();
    // Read on while these are sent.
    if (chunks.size() == 1 && ends_here && place.ask == Place::Ask::kNothing &&
        place.got.next < log_.bounds().ring_earliest &&
        FindKeptLocked(place, place.got.next) == nullptr) {
      AskLocked(place, place.got.next);
    }
    return answer;
  }
  if (place.ask != Place::Ask::kNothing) {
    if (place.ask == Place::Ask::kWaiting) place.seq = seq;
    return {};
  }
  if (place.has_got && place.got.next == seq && !ends_here) {
    place.has_got = false;
    if (place.got.bad_last != 0) {
      return {State::kBad, {}, place.got.bad_last};
    }
    if (place.got.moved) return {State::kMoved, {}, 0};
    return {State::kUnavailable, {}, 0};
  }
  if (GiveKeptLocked(place, seq)) {
    ReplayFeed::Answer answer;
    answer.state = State::kEvents;
    answer.view = place.got.chunks.front();
    return answer;
  }
  AskLocked(place, seq);
  return {};
}

void ReplayReaders::LetGo(Place& place) {
  ReplayQuantum got;  // Dies after the lock.
  MutexLock lock(&mu_);
  if (place.ask == Place::Ask::kWaiting) place.ask = Place::Ask::kNothing;
  std::swap(got, place.got);
  place.has_got = false;
  changed_.NotifyAll();
}

std::optional<uint64_t> ReplayReaders::FindTime(Place& place, absl::Time time) {
  MutexLock lock(&mu_);
  if (place.has_got && place.time.has_value() &&
      place.ask == Place::Ask::kNothing) {
    place.time.reset();
    place.has_got = false;
    // What cannot be found is looked for from the beginning.
    return place.got.error.ok() ? place.got.next : log_.bounds().earliest;
  }
  if (place.ask == Place::Ask::kNothing) {
    AskLocked(place, 0);
    place.time = time;
  }
  return std::nullopt;
}

void ReplayReaders::AskLocked(Place& place, uint64_t seq) {
  place.ask = Place::Ask::kWaiting;
  place.seq = seq;
  changed_.NotifyOne();
}

const ReplayReaders::Kept* ReplayReaders::FindKeptLocked(const Place& place,
                                                         uint64_t seq) const {
  // Retention may have taken it since.
  if (seq < log_.bounds().earliest) return nullptr;
  const auto at =
      std::find_if(kept_.begin(), kept_.end(), [&](const Kept& kept) {
        return seq >= kept.chunks.front().chunk->first() && seq < kept.next &&
               (kept.keys || !place.keys);
      });
  return at == kept_.end() ? nullptr : &*at;
}

bool ReplayReaders::GiveKeptLocked(Place& place, uint64_t seq) {
  const Kept* const kept = FindKeptLocked(place, seq);
  if (kept == nullptr) return false;
  const auto at = std::find_if(kept->chunks.begin(), kept->chunks.end(),
                               [&](const ChunkView& view) {
                                 return seq < view.chunk->first() + view.n;
                               });
  // One at a time, so that who does not read on holds no more than that.
  place.got = {};
  place.got.chunks.push_back(*at);
  place.got.next = at->chunk->first() + at->n;
  place.served_bytes += at->chunk->framed(0, at->n).size();
  place.has_got = place.got_kept = true;
  return true;
}

void ReplayReaders::KeepLocked(const ReplayQuantum& got, bool keys,
                               std::vector<std::shared_ptr<Place>>* served) {
  if (got.chunks.empty() || !SomebodyWaitsLocked()) return;
  kept_.push_back({got.chunks, got.next, keys});
  if (kept_.size() > kKeptQuanta) kept_.pop_front();
  for (const auto& place : places_) {
    if (place->ask != Place::Ask::kWaiting || place->time.has_value() ||
        !place->got.chunks.empty() || !GiveKeptLocked(*place, place->seq)) {
      continue;
    }
    place->ask = Place::Ask::kNothing;
    served->push_back(place);
  }
}

bool ReplayReaders::SomebodyWaitsLocked() const {
  return std::any_of(places_.begin(), places_.end(), [](const auto& place) {
    return place->ask == Place::Ask::kWaiting;
  });
}

std::shared_ptr<ReplayReaders::Place> ReplayReaders::PickLocked() {
  uint32_t active = 0;
  std::shared_ptr<Place> best;
  std::shared_ptr<Place> idle;  // Holds what nobody takes.
  const int64_t now_ns = clock_.MonotonicNs();
  for (const auto& place : places_) {
    if (place->active()) ++active;
    if (place->ask == Place::Ask::kWaiting &&
        (best == nullptr || place->served_bytes < best->served_bytes)) {
      best = place;
    }
    if (place->ask != Place::Ask::kReading && place->active() &&
        now_ns - place->last_take_ns > kKeepNs) {
      idle = place;
    }
  }
  if (best == nullptr || best->active() || active < options_.max_concurrent) {
    return best;
  }
  if (idle == nullptr) return nullptr;
  idle->got = {};
  idle->has_got = false;
  return best;
}

uint32_t ReplayReaders::CountActiveLocked() const {
  return static_cast<uint32_t>(
      std::count_if(places_.begin(), places_.end(),
                    [](const auto& place) { return place->active(); }));
}

ReplayReaders::Load ReplayReaders::load() const {
  MutexLock lock(&mu_);
  Load load;
  load.active = CountActiveLocked();
  load.most_active = most_active_;
  load.waiting = static_cast<uint32_t>(std::count_if(
      places_.begin(), places_.end(),
      [](const auto& place) { return place->ask == Place::Ask::kWaiting; }));
  return load;
}

bool ReplayReaders::RunOne() {
  std::shared_ptr<Place> place;
  {
    MutexLock lock(&mu_);
    if (stopped_) return false;
    place = PickLocked();
    if (place == nullptr) {
      if (!SomebodyWaitsLocked()) kept_.clear();
      return false;
    }
    place->ask = Place::Ask::kReading;
    most_active_ = std::max(most_active_, CountActiveLocked());
  }
  Serve(place, own_reader_);
  return true;
}

void ReplayReaders::Run() {
  std::unique_ptr<JournalReader> reader;
  while (true) {
    std::shared_ptr<Place> place;
    {
      MutexLock lock(&mu_);
      while (!stopped_ && (place = PickLocked()) == nullptr) {
        // Not for ever if somebody waits: a place may only become free by time.
        if (SomebodyWaitsLocked()) {
          changed_.WaitFor(&mu_, absl::Nanoseconds(kKeepNs));
        } else {
          kept_.clear();
          changed_.Wait(&mu_);
        }
      }
      if (stopped_) return;
      place->ask = Place::Ask::kReading;
      most_active_ = std::max(most_active_, CountActiveLocked());
    }
    Serve(place, reader);
  }
}

void ReplayReaders::Serve(const std::shared_ptr<Place>& place,
                          std::unique_ptr<JournalReader>& reader) {
  uint64_t seq = 0;
  std::optional<absl::Time> time;
  {
    MutexLock lock(&mu_);
    seq = place->seq;
    time = place->time;
    served_bytes_ = std::max(served_bytes_, place->served_bytes);
  }
  ReplayQuantum got;
  got.next = seq;
  if (reader == nullptr) {
    auto opened = open_reader_();
    got.error = opened.status();
    if (opened.ok()) reader = *std::move(opened);
  }
  if (reader != nullptr) {
    got = time.has_value() ? FindTimeInJournal(*reader, log_, codec_, *time)
                           : ReadQuantum(*reader, log_, codec_, seq,
                                         place->keys, options_.quantum_bytes);
    reads_.fetch_add(got.rows, std::memory_order_relaxed);
    if (!got.error.ok()) reader = nullptr;  // Opened anew the next time.
  }
  const bool failed = !got.error.ok();
  std::vector<std::shared_ptr<Place>> served;
  {
    MutexLock lock(&mu_);
    place->ask = Place::Ask::kNothing;
    KeepLocked(got, place->keys, &served);
    if (!place->closed) {
      served.push_back(place);
      place->served_bytes += std::max<uint64_t>(got.bytes, 1);
      place->has_got = true;
      place->last_take_ns = clock_.MonotonicNs();
      const bool follows = !place->got.chunks.empty() &&
                           place->got.next == seq && !time.has_value();
      if (follows) {  // Read ahead: what came before is still being taken.
        got.chunks.insert(got.chunks.begin(), place->got.chunks.begin(),
                          place->got.chunks.end());
      }
      place->got = std::move(got);
      place->got_kept = false;
    }
    changed_.NotifyAll();
    // A disk that fails is not asked again at once.
    if (failed && options_.threads > 0 && !stopped_) {
      changed_.WaitFor(&mu_, kRetry);
    }
  }
  for (const auto& each : served) each->ready();
}

}  // namespace weir
