#ifndef WEIR_SIM_SESSION_POOL_H_
#define WEIR_SIM_SESSION_POOL_H_

#include <functional>
#include <list>
#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "sim/line_source.h"
#include "sim/mutex.h"
#include "sim/session.h"

namespace weir::sim {

// Gives each connection the session of its client.
//
// A client that comes back goes on with the message after the last one that its
// connection was given; what was in flight when it hung up itself is lost, as
// it is with RIS Live. A client with several connections at once has as many
// sessions, each from the beginning. One without a name starts anew each time.
//
// Sessions are kept for as long as the pool: a few kilobytes for each name.
//
// Thread-safe.
class SessionPool {
  struct Entry;

 public:
  // Makes the stream for the client of that name.
  using SourceFactory =
      std::function<std::unique_ptr<LineSource>(const std::string& client)>;

  // A session in the hands of one connection, from Acquire until Release or the
  // lease's own end. Not thread-safe.
  class Lease {
   public:
    Lease(Lease&& other) noexcept;
    Lease& operator=(Lease&&) = delete;
    ~Lease() { Release(); }

    // REQUIRES: not released.
    Session& session() const;

    // Lets the client's next connection have the session. Safe to call twice.
    void Release();

   private:
    friend class SessionPool;
    Lease(SessionPool* pool, Entry* entry) : pool_(pool), entry_(entry) {}

    SessionPool* const pool_;
    Entry* entry_;
  };

  explicit SessionPool(SourceFactory factory);
  ~SessionPool();

  SessionPool(const SessionPool&) = delete;
  SessionPool& operator=(const SessionPool&) = delete;

  // Returns the session for the connection of `client` over `socket`, which
  // must stay open until the lease is released. If the client's last
  // connection has hung up but its thread does not know yet, waits for that, at
  // most two seconds.
  Lease Acquire(const std::string& client, int socket) ABSL_LOCKS_EXCLUDED(mu_);

 private:
  struct Entry {
    std::string client;
    Session session;
    int socket = 0;
    bool in_use = true;
  };

  Entry* FindFreeLocked(const std::string& client)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  bool OneHungUpLocked(const std::string& client) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void Return(Entry* entry) ABSL_LOCKS_EXCLUDED(mu_);

  const SourceFactory factory_;

  Mutex mu_;
  CondVar returned_;
  std::list<Entry> entries_ ABSL_GUARDED_BY(mu_);
};

}  // namespace weir::sim

#endif  // WEIR_SIM_SESSION_POOL_H_
