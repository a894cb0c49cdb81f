#include "sim/session_pool.h"

#include <chrono>
#include <utility>

#include "sim/stop_signal.h"

namespace weir::sim {
namespace {

constexpr std::chrono::milliseconds kLookAgain(20);
constexpr int kLooks = 100;

}  // namespace

SessionPool::Lease::Lease(Lease&& other) noexcept
    : pool_(other.pool_), entry_(std::exchange(other.entry_, nullptr)) {}

Session& SessionPool::Lease::session() const { return entry_->session; }

void SessionPool::Lease::Release() {
  if (entry_ != nullptr) pool_->Return(std::exchange(entry_, nullptr));
}

SessionPool::SessionPool(SourceFactory factory)
    : factory_(std::move(factory)) {}

SessionPool::~SessionPool() = default;

SessionPool::Lease SessionPool::Acquire(const std::string& client, int socket) {
  if (!client.empty()) {
    MutexLock lock(&mu_);
    Entry* free = FindFreeLocked(client);
    for (int i = 0; i < kLooks && free == nullptr && OneHungUpLocked(client);
         ++i) {
      returned_.WaitFor(&mu_, kLookAgain);
      free = FindFreeLocked(client);
    }
    if (free != nullptr) {
      free->socket = socket;
      free->in_use = true;
      return Lease(this, free);
    }
  }
  Session session(factory_(client));
  MutexLock lock(&mu_);
  entries_.push_back({client, std::move(session), socket});
  return Lease(this, &entries_.back());
}

SessionPool::Entry* SessionPool::FindFreeLocked(const std::string& client) {
  for (Entry& entry : entries_) {
    if (!entry.in_use && entry.client == client) return &entry;
  }
  return nullptr;
}

bool SessionPool::OneHungUpLocked(const std::string& client) const {
  for (const Entry& entry : entries_) {
    if (entry.in_use && entry.client == client &&
        StopSignal::HungUp(entry.socket)) {
      return true;
    }
  }
  return false;
}

void SessionPool::Return(Entry* entry) {
  std::list<Entry> gone;  // Destroyed after the lock is let go of.
  MutexLock lock(&mu_);
  entry->in_use = false;
  if (entry->client.empty()) {
    for (auto it = entries_.begin(); it != entries_.end(); ++it) {
      if (&*it != entry) continue;
      gone.splice(gone.end(), entries_, it);
      break;
    }
  }
  returned_.NotifyAll();
}

}  // namespace weir::sim
