#include "host/nats/nats_callers.h"

#include <chrono>

namespace weir {

void NatsCallers::Enter() {
  MutexLock lock(&mu_);
  ++count_;
}

void NatsCallers::Leave() {
  MutexLock lock(&mu_);
  --count_;
  changed_.NotifyAll();
}

void NatsCallers::AwaitNone() {
  MutexLock lock(&mu_);
  while (count_ > 0) changed_.Wait(&mu_);
}

void NatsCallers::AwaitOnly(size_t count, absl::Duration timeout) {
  const auto limit =
      std::chrono::steady_clock::now() + absl::ToChronoMilliseconds(timeout);
  MutexLock lock(&mu_);
  while (count_ > count) {
    const auto left = limit - std::chrono::steady_clock::now();
    if (left.count() <= 0) return;
    changed_.WaitFor(&mu_, absl::FromChrono(left));
  }
}

std::string NatsErrorText(natsConnection* connection, natsStatus code) {
  const char* text = nullptr;
  natsConnection_GetLastError(connection, &text);
  return text != nullptr && *text != '\0' ? text : natsStatus_GetText(code);
}

}  // namespace weir
