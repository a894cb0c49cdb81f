#include "tests/component/watched_log.h"

#include <utility>

#include "absl/status/status.h"

namespace weir {

// Of one stream; outlives it.
struct WatchedLog::State {
  // Held while `ready` is called, so that the stream is there meanwhile.
  Mutex ready_mu;
  std::function<void()> ready ABSL_GUARDED_BY(ready_mu);

  mutable Mutex mu;
  uint64_t items ABSL_GUARDED_BY(mu) = 0;
  bool waiting ABSL_GUARDED_BY(mu) = false;
  bool ended ABSL_GUARDED_BY(mu) = false;
  absl::Status broken ABSL_GUARDED_BY(mu);

  absl::Status Broken() const ABSL_LOCKS_EXCLUDED(mu) {
    MutexLock lock(&mu);
    return broken;
  }
  void Poke() ABSL_LOCKS_EXCLUDED(ready_mu) {
    MutexLock lock(&ready_mu);
    if (ready) ready();
  }
};

class WatchedLog::Stream final : public EventStream {
 public:
  Stream(WatchedLog& log, std::shared_ptr<State> state,
         std::unique_ptr<EventStream> stream)
      : log_(log), state_(std::move(state)), stream_(std::move(stream)) {}
  ~Stream() override {
    {
      MutexLock lock(&state_->mu);
      state_->ended = true;
    }
    MutexLock lock(&state_->ready_mu);
    state_->ready = nullptr;
  }

  bool Next(StreamItem* item) override {
    bool said = true;
    if (absl::Status broken = state_->Broken(); !broken.ok()) {
      *item = StreamItem();
      item->end = std::move(broken);
    } else {
      said = stream_->Next(item);
    }
    {
      MutexLock lock(&state_->mu);
      const bool ends = said && item->kind == StreamItem::Kind::kEnd;
      if (said && !ends) ++state_->items;
      // It may be asked once more before its call is over, and says nothing.
      state_->ended = state_->ended || ends;
      state_->waiting = !said;
    }
    log_.changed_();
    return said;
  }
  absl::Status forced_end() const override {
    absl::Status broken = state_->Broken();
    return broken.ok() ? stream_->forced_end() : broken;
  }
  void OnWritten(uint64_t bytes) override { stream_->OnWritten(bytes); }

 private:
  WatchedLog& log_;
  const std::shared_ptr<State> state_;
  const std::unique_ptr<EventStream> stream_;
};

absl::StatusOr<std::unique_ptr<EventStream>> WatchedLog::Open(
    StreamOptions options, std::function<void()> ready) {
  const std::string client = options.client_name;
  auto stream = log_.Open(std::move(options), ready);
  if (!stream.ok()) return stream.status();
  auto state = std::make_shared<State>();
  {
    MutexLock lock(&state->ready_mu);
    state->ready = std::move(ready);
  }
  {
    MutexLock lock(&mu_);
    streams_[client] = state;
  }
  return std::make_unique<Stream>(*this, std::move(state), *std::move(stream));
}

std::shared_ptr<WatchedLog::State> WatchedLog::Find(
    const std::string& client) const {
  MutexLock lock(&mu_);
  const auto at = streams_.find(client);
  return at == streams_.end() ? nullptr : at->second;
}

std::optional<uint64_t> WatchedLog::SaidAll(const std::string& client) const {
  const std::shared_ptr<State> state = Find(client);
  if (state == nullptr) return std::nullopt;
  MutexLock lock(&state->mu);
  if (!state->waiting || state->ended || !state->broken.ok()) {
    return std::nullopt;
  }
  return state->items;
}

void WatchedLog::Poke(const std::string& client) {
  if (const auto state = Find(client); state != nullptr) state->Poke();
}

void WatchedLog::Break(const std::string& client) {
  const std::shared_ptr<State> state = Find(client);
  if (state == nullptr) return;
  {
    MutexLock lock(&state->mu);
    state->broken = absl::UnavailableError("the connection is broken");
  }
  state->Poke();
}

}  // namespace weir
