#ifndef WEIR_TESTS_HOST_BROKER_MODEL_DRIVER_H_
#define WEIR_TESTS_HOST_BROKER_MODEL_DRIVER_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "host/control/event_log.h"
#include "host/control/event_stream.h"
#include "host/control/stream_options.h"
#include "host/pipeline/event.h"
#include "tests/fakes/fake_clock.h"

namespace weir {

// How a host ends.
enum class Ending { kClean, kKilled, kMachineDown };

// A broker as the driver sees it, whatever is inside.
struct ModelledBroker {
  std::unique_ptr<EventLog> log;
  std::function<void(Event)> publish;
  std::function<void()> tick;

  // Of a log that goes on after a restart; null of one that begins anew.
  // Has what was published committed, so that it is visible and stays so.
  std::function<void()> commit;
  // Reads from the disk for one stream; false if none waits.
  std::function<bool()> read;
  // Ends this broker so, and returns the next one with its log.
  std::function<ModelledBroker(Ending)> reincarnate;
};

// Plays one random history against a broker and compares what each client saw
// with the list of what was published: the log, filtered, once, in order, or a
// gap that covers exactly what is missing.
//
// Operations: bursts of events, reads of one item or of all, disconnects in the
// middle of a batch, coming back with any cursor or event ID seen before and
// perhaps another filter, time that passes (linger, heartbeats, eviction), and
// restarts, which begin a new log, or go on with the old one: after a clean
// end, a kill, or with the machine.
class ModelDriver {
 public:
  using Make = std::function<ModelledBroker(const std::string& epoch,
                                            const FakeClock& clock)>;

  ModelDriver(uint64_t seed, Make make);
  ~ModelDriver();

  // Plays the history of `seed`. Returns the first thing that was wrong; empty
  // if nothing was.
  std::string Play(int operations);

  uint64_t events_seen() const { return events_seen_; }
  uint64_t gaps_seen() const { return gaps_seen_; }

 private:
  struct Client {
    std::unique_ptr<EventStream> stream;
    StreamOptions options;
    std::string wanted;    // The type it filters for; empty = all.
    std::string position;  // Cursor or ID that it would come back with.
    std::vector<std::string> seen;  // Some of the earlier ones.
    uint64_t at = 0;                // Everything at or before is accounted for.
    uint64_t start = 0;
    uint64_t after_hole = 0;  // Where a gap of unknown size must lead to.
    uint64_t head_at_open = 0;
    uint64_t items = 0;
    bool knows_at = false;  // False until a gap of unknown size is told.
  };

  uint64_t Draw(uint64_t below) { return random_() % below; }
  void Restart();
  void Reincarnate();
  void Publish(uint64_t n);
  void Connect(Client& client);
  void Disconnect(Client& client);
  void Read(Client& client, uint64_t at_most);
  void ReadAll(Client& client);

  void Check(Client& client, const StreamItem& item);
  void CheckEvents(Client& client, const StreamItem& item);
  void CheckGap(Client& client, const StreamItem& item);
  void CheckEnd(Client& client, const StreamItem& item);
  void CheckCursor(Client& client, const StreamItem& item);
  // Nobody gets from `after` to `until` past a hole without being told.
  void CheckNoHole(Client& client, uint64_t after, uint64_t until);
  void CheckBooks();
  bool Wants(const Client& client, uint64_t seq) const;
  uint64_t FirstWanted(const Client& client, uint64_t after,
                       uint64_t until) const;
  uint64_t Earliest() const;
  void Wrong(const Client& client, const std::string& what);

  std::mt19937_64 random_;
  const Make make_;
  FakeClock clock_;
  int life_ = 0;
  int connects_ = 0;
  std::string epoch_;
  ModelledBroker broker_;
  std::vector<std::string> types_;      // The oracle: type of event seq - 1;
                                        // empty = in a hole.
  std::map<uint64_t, uint64_t> holes_;  // First to last.
  std::vector<Client> clients_;
  std::string wrong_;
  uint64_t events_seen_ = 0;
  uint64_t gaps_seen_ = 0;
};

}  // namespace weir

#endif  // WEIR_TESTS_HOST_BROKER_MODEL_DRIVER_H_
