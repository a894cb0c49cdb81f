#include "lib/frames/listener.h"

#include <algorithm>
#include <cstdlib>
#include <span>
#include <utility>

#include "absl/strings/str_cat.h"
#include "lib/frames/frame_list.h"

namespace weir::frames {
namespace {

using client::MutexLock;

// So much of one peer is read before it is the next one's turn.
constexpr size_t kReadBytes = 256 << 10;
// A thread more than need be ends after so long without work.
constexpr absl::Duration kPatience = absl::Seconds(10);
// No turn ended for so long and nobody is idle: all are held up.
constexpr absl::Duration kHeldUp = absl::Milliseconds(10);

// The listener whose callback this thread is in.
thread_local const Listener* in_callback_of = nullptr;

// Notes that, for as long as it lives.
class InCallbackOf {
 public:
  explicit InCallbackOf(const Listener* listener)
      : before_(std::exchange(in_callback_of, listener)) {}
  ~InCallbackOf() { in_callback_of = before_; }

  InCallbackOf(const InCallbackOf&) = delete;
  InCallbackOf& operator=(const InCallbackOf&) = delete;

 private:
  const Listener* const before_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Listener>> Listener::Open(
    ListenerOptions options, Callback callback, const Clock& clock) {
  if (options.peers.addresses.empty()) {
    return absl::InvalidArgumentError("no address to listen on; name one");
  }
  if (options.threads < 1 || options.max_threads < options.threads) {
    return absl::InvalidArgumentError(absl::StrCat(
        "threads ", options.threads, ", max_threads ", options.max_threads,
        ": need at least one, and no maximum below it"));
  }
  if (!options.peers.tls_log) options.peers.tls_log = options.log;
  // Set once there is one: before it serves, no connection ends.
  const auto self = std::make_shared<const Listener*>(nullptr);
  const auto closed = [self, log = options.log, then = options.on_closed](
                          const Peer& peer, CloseReason reason,
                          absl::string_view detail) {
    const InCallbackOf in(*self);
    if (log && reason != CloseReason::kPeerClosed &&
        reason != CloseReason::kClosed) {
      log(absl::StrCat(peer.address, ": closed: ", Name(reason),
                       detail.empty() ? "" : ": ", detail));
    }
    if (then) then(peer, reason);
  };
  absl::StatusOr<std::unique_ptr<PeerSet>> peers =
      PeerSet::Open(options.peers, clock, closed);
  if (!peers.ok()) return peers.status();
  std::unique_ptr<Listener> listener(new Listener(
      std::move(options), std::move(callback), std::move(*peers), clock));
  *self = listener.get();
  return listener;
}

Listener::Listener(ListenerOptions options, Callback callback,
                   std::unique_ptr<PeerSet> peers, const Clock& clock)
    : options_(std::move(options)),
      callback_(std::move(callback)),
      clock_(clock),
      peers_(std::move(peers)) {}

Listener::~Listener() {
  if (in_callback_of == this) {
    LogToStderr("a listener was destroyed in its own callback");
    std::abort();
  }
  Close(absl::ZeroDuration()).IgnoreError();
}

absl::Status Listener::Serve() {
  if (absl::Status status = Begin(); !status.ok()) return status;
  Watch();
  return absl::OkStatus();
}

absl::Status Listener::Start() {
  if (absl::Status status = Begin(); !status.ok()) return status;
  MutexLock lock(&mu_);
  watch_ = std::thread([this] { Watch(); });
  return absl::OkStatus();
}

absl::Status Listener::Close(absl::Duration drain) {
  if (in_callback_of == this) {
    return absl::FailedPreconditionError(
        "a callback cannot close its own listener; do it in another thread");
  }
  bool begun = false;
  {
    MutexLock lock(&mu_);
    begun = begun_;
    begun_ = true;  // Not any more.
  }
  peers_->StartDraining();
  absl::Status result;
  if (begun && !peers_->AwaitEmpty(drain)) {
    result = absl::DeadlineExceededError(
        absl::StrCat(peers_->open(), " connections still sent after ",
                     absl::FormatDuration(drain), " and were cut"));
  }
  peers_->CloseAll();
  std::thread watch;
  std::vector<std::thread> ended;
  {
    MutexLock lock(&mu_);
    stopping_ = true;
    peers_->Wake();
    changed_.NotifyAll();
    while (!threads_.empty() || watching_) changed_.Wait(&mu_);
    watch.swap(watch_);
    ended.swap(ended_);
  }
  if (watch.joinable()) watch.join();
  for (std::thread& thread : ended) thread.join();
  return result;
}

Listener::Stats Listener::GetStats() const {
  Stats stats;
  stats.totals = peers_->GetTotals();
  stats.callback_errors = callback_errors_.load(std::memory_order_relaxed);
  MutexLock lock(&mu_);
  stats.threads = static_cast<int>(threads_.size());
  return stats;
}

absl::Status Listener::Begin() {
  MutexLock lock(&mu_);
  if (begun_) {
    return absl::FailedPreconditionError(
        "the listener was started or closed before");
  }
  begun_ = true;
  watching_ = true;
  for (int i = 0; i < options_.threads; ++i) AddThread();
  return absl::OkStatus();
}

void Listener::AddThread() {
  for (std::thread& thread : ended_) thread.join();
  ended_.clear();
  std::thread thread([this] { Work(); });
  const std::thread::id id = thread.get_id();
  threads_[id] = std::move(thread);
}

void Listener::Work() {
  const std::unique_ptr<char[]> space(new char[kReadBytes]);
  FrameList list;
  PeerSet::Turn turn;
  while (true) {
    list.Clear();
    idle_.fetch_add(1);
    const PeerSet::Event event = peers_->Take(
        kPatience, std::span<char>(space.get(), kReadBytes), &list, &turn);
    if (idle_.fetch_sub(1) == 1 && relaxed_.exchange(false)) {
      MutexLock lock(&mu_);
      changed_.NotifyAll();
    }
    if (event == PeerSet::Event::kWoken) break;
    if (event == PeerSet::Event::kTimeout && MayEnd()) return;
    if (event != PeerSet::Event::kFrames) continue;
    CallBack(turn, list);
    peers_->Release(turn);
    turn = {};
    turns_.fetch_add(1);
  }
  MutexLock lock(&mu_);
  End();
}

void Listener::CallBack(const PeerSet::Turn& turn, const FrameList& list) {
  const InCallbackOf in(this);
  for (const absl::string_view message : list.frames) {
    const absl::Status status = callback_(turn.peer(), message);
    if (status.ok()) continue;
    callback_errors_.fetch_add(1, std::memory_order_relaxed);
    if (options_.log) {
      options_.log(
          absl::StrCat(turn.peer().address, ": callback: ", status.ToString()));
    }
  }
}

bool Listener::MayEnd() {
  MutexLock lock(&mu_);
  if (threads_.size() <= static_cast<size_t>(options_.threads)) return false;
  End();
  return true;
}

void Listener::End() {
  const auto self = threads_.find(std::this_thread::get_id());
  ended_.push_back(std::move(self->second));
  threads_.erase(self);
  changed_.NotifyAll();
}

void Listener::Watch() {
  // The first look is at once, however late this thread begins.
  absl::Duration swept = -absl::InfiniteDuration();
  uint64_t turns = 0;
  MutexLock lock(&mu_);
  while (!stopping_) {
    // In this order: the last idle thread either sees that the watch relaxes,
    // and wakes it, or is seen to be busy.
    relaxed_.store(true);
    const bool relaxed = idle_.load() > 0;
    turns = turns_.load();
    changed_.WaitFor(&mu_, relaxed ? options_.sweep_interval : kHeldUp);
    if (stopping_) break;
    if (!relaxed && idle_.load() == 0 && turns_.load() == turns &&
        threads_.size() < static_cast<size_t>(options_.max_threads)) {
      AddThread();
    }
    const absl::Duration now = clock_.Elapsed();
    if (now - swept < options_.sweep_interval) continue;
    swept = now;
    mu_.Unlock();
    peers_->Sweep();
    mu_.Lock();
  }
  watching_ = false;
  changed_.NotifyAll();
}

}  // namespace weir::frames
