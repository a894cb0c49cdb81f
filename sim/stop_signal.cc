#include "sim/stop_signal.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <ctime>

namespace weir::sim {
namespace {

constexpr short kHungUp = POLLRDHUP | POLLHUP | POLLERR;

}  // namespace

StopSignal::StopSignal() : event_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

StopSignal::~StopSignal() { close(event_); }

void StopSignal::Raise() { eventfd_write(event_, 1); }

StopSignal::Woken StopSignal::WaitFor(absl::Duration duration,
                                      int socket) const {
  pollfd watched[] = {{event_, POLLIN, 0}, {socket, POLLRDHUP, 0}};
  const timespec limit =
      absl::ToTimespec(std::max(duration, absl::ZeroDuration()));
  const bool endless = duration == absl::InfiniteDuration();
  int ready = 0;
  do {
    ready = ppoll(watched, 2, endless ? nullptr : &limit, nullptr);
  } while (ready == 0 && endless);
  if ((watched[0].revents & POLLIN) != 0) return Woken::kStopped;
  if ((watched[1].revents & kHungUp) != 0) return Woken::kPeerGone;
  return Woken::kTimeUp;
}

bool StopSignal::HungUp(int socket) {
  pollfd watched = {socket, POLLRDHUP, 0};
  return poll(&watched, 1, 0) > 0 && (watched.revents & kHungUp) != 0;
}

}  // namespace weir::sim
