#include "host/broker/stream_link.h"

#include <algorithm>
#include <utility>

namespace weir {

StreamLink::StreamLink(uint64_t number, std::string subscription,
                       std::string client, absl::Time start_time,
                       std::function<void()> ready, Alarm& alarm)
    : number_(number),
      subscription_(std::move(subscription)),
      client_(std::move(client)),
      start_time_(start_time),
      ready_(std::move(ready)),
      alarm_(alarm) {}

void StreamLink::Report(const StreamProgress& progress) {
  MutexLock lock(&mu_);
  progress_ = progress;
  notified_ = false;
}

StreamLink::Command StreamLink::command() const {
  MutexLock lock(&mu_);
  return command_;
}

void StreamLink::Detach() {
  MutexLock lock(&mu_);
  detached_ = true;
  while (caller_.has_value() && *caller_ != std::this_thread::get_id()) {
    called_.Wait(&mu_);
  }
}

void StreamLink::End(absl::Status status) {
  {
    MutexLock lock(&mu_);
    if (!command_.end.ok()) return;
    command_.end = std::move(status);
  }
  Poke();
}

void StreamLink::Drain(absl::Duration retry_after) {
  {
    MutexLock lock(&mu_);
    if (command_.drain.has_value()) return;
    command_.drain = retry_after;
  }
  Poke();
}

void StreamLink::SetFilter(std::shared_ptr<const FilterClass> filter) {
  MutexLock lock(&mu_);
  command_.filter = std::move(filter);
}

void StreamLink::Announce(Announcement announcement) {
  {
    MutexLock lock(&mu_);
    command_.announcements.push_back(std::move(announcement));
  }
  Poke();
}

void StreamLink::Poke() {
  {
    MutexLock lock(&mu_);
    poked_ = true;
  }
  alarm_.SetFor(0);
}

StreamProgress StreamLink::progress() const {
  MutexLock lock(&mu_);
  return progress_;
}

int64_t StreamLink::DueNs(uint64_t latest) const {
  MutexLock lock(&mu_);
  // Whoever opened it may not have it in his hands before he calls Next.
  if (progress_.messages == 0 && !progress_.reading) return Alarm::kNever;
  if (poked_) {
    // While an item is being written there is nothing to do but to end it; what
    // else there is to say is asked for when it is written.
    const bool writing = progress_.write_since_ns != 0;
    return writing && command_.end.ok() ? Alarm::kNever : 0;
  }
  if (notified_ || !progress_.waiting || progress_.ended) return Alarm::kNever;
  if (progress_.more) return 0;
  if (progress_.cursor < latest && !progress_.blocked && !progress_.reading) {
    return std::min(progress_.held_until_ns, progress_.heartbeat_at_ns);
  }
  return progress_.heartbeat_at_ns;
}

bool StreamLink::AwaitsNews(uint64_t latest, int64_t now_ns) const {
  MutexLock lock(&mu_);
  return progress_.waiting && !progress_.ended && !progress_.blocked &&
         !notified_ && progress_.cursor >= latest &&
         progress_.held_until_ns <= now_ns;
}

void StreamLink::Notify() {
  {
    MutexLock lock(&mu_);
    if (detached_) return;
    poked_ = false;
    notified_ = true;
    caller_ = std::this_thread::get_id();
  }
  ready_();
  MutexLock lock(&mu_);
  caller_ = std::nullopt;
  called_.NotifyAll();
}

}  // namespace weir
