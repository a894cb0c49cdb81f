#ifndef WEIR_TESTS_HOST_BROKER_MODEL_DRIVER_H_
#define WEIR_TESTS_HOST_BROKER_MODEL_DRIVER_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "host/control/event_log.h"
#include "host/control/event_stream.h"
#include "host/control/stream_options.h"
#include "host/pipeline/event.h"
#include "tests/fakes/stepping_clock.h"
#include "tests/host/broker/log_model.h"

namespace weir {

// How a host ends.
enum class Ending { kClean, kKilled, kMachineDown };

// A broker as the driver sees it, whatever is inside.
struct ModelledBroker {
  std::unique_ptr<EventLog> log;
  std::function<void(Event)> publish;
  // Does all that is due, retention included.
  std::function<void()> tick;
  LogModel::Keeps keeps;
  // Whether streams begin at a time or with a tail, and events have one.
  bool tells_time = true;

  // Of a log that goes on after a restart; null of one that begins anew.
  // Has what was published committed, so that it is visible and stays so.
  std::function<void()> commit;
  // Reads from the disk for one stream; false if none waits.
  std::function<bool()> read;
  // Ends this broker so, and returns the next one with its log.
  std::function<ModelledBroker(Ending)> reincarnate;
  // The newest position that was on the disk when this broker began, found
  // there without asking a broker.
  uint64_t found = 0;
  // Nothing that was committed goes with the machine.
  bool waits_for_disk = false;

  // Of one whose readers are behind a connection; null of others. What such a
  // reader gets may have been said some time ago, and one that survives the
  // broker goes on with the next.
  //
  // Whether `stream`, which has just said its end, begins again by itself after
  // its last cursor: nothing has happened since.
  std::function<bool(const EventStream& stream)> comes_back;
  // Breaks the connection of the client of that name, in the middle of whatever
  // it is being sent.
  std::function<void(const std::string& client)> cut;
};

// Plays one random history against a broker and compares what each client saw
// with the list of what was published: the log, filtered, once, in order, or a
// gap that covers exactly what is missing.
//
// Operations: bursts of events, reads of one item or of all, disconnects in the
// middle of a batch, coming back with any cursor or event ID seen before, or at
// a time, and perhaps another filter, time that passes (linger, heartbeats,
// eviction, retention), a time of day that is set forth or back, and restarts,
// which begin a new log, or go on with the old one: after a clean end, a kill,
// or with the machine, which may have forgotten the newest events. Readers
// behind a connection have it broken, too, and live through restarts.
class ModelDriver {
 public:
  using Make = std::function<ModelledBroker(const std::string& epoch,
                                            const SteppingClock& clock)>;

  // `left_out` are numbers of operations that are not done.
  ModelDriver(uint64_t seed, Make make, std::set<int> left_out = {});
  ~ModelDriver();

  // Plays the history of `seed`. Returns the first thing that was wrong; empty
  // if nothing was.
  std::string Play(int operations);

  // What was done, a line for each operation.
  const std::vector<std::string>& story() const { return story_; }
  uint64_t events_seen() const { return events_seen_; }
  uint64_t gaps_seen() const { return gaps_seen_; }
  uint64_t events_lost() const { return events_lost_; }
  // How often a client came back by itself.
  uint64_t comebacks() const { return comebacks_; }

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
    StreamItem::GapReason hole_reason = StreamItem::GapReason::kRetention;
    uint64_t head_at_open = 0;
    uint64_t items = 0;
    bool knows_at = false;  // False until a gap of unknown size is told.
    // Of one behind a connection: that may be broken by now, and what it must
    // be refused with since it came back by itself.
    bool may_break = false;
    std::string refusal;
  };

  uint64_t Draw(uint64_t below) { return random_() % below; }
  void Do(Client& client);
  void Restart();
  void Reincarnate();
  void Publish(uint64_t n);
  void PassTime();
  void Connect(Client& client);
  // Chooses where `client` begins. Returns why that must be refused, if the
  // stream is to fail at a gap; empty if it must not.
  std::string ChooseStart(Client& client, StartPosition* start);
  // The same, of a start after `id`.
  std::string ExpectAfter(Client& client, const std::string& id);
  // What can be said of a stream that is opened now, wherever it begins.
  void ExpectOpen(Client& client);
  void Disconnect(Client& client);
  bool remote() const { return broker_.comes_back != nullptr; }
  // Disconnects `client`, or leaves it to find out that its broker is gone. If
  // what it was sent will not be `valid`, it reads that before.
  void Part(Client& client, bool valid);
  void Cut(Client& client);
  // `client` has come back by itself.
  void ComeBack(Client& client);
  void Read(Client& client, uint64_t at_most);
  void ReadAll(Client& client);

  void Check(Client& client, const StreamItem& item);
  void CheckStart(Client& client, const StreamItem& item);
  void CheckEvents(Client& client, const StreamItem& item);
  void CheckGap(Client& client, const StreamItem& item);
  void CheckEnd(Client& client, const StreamItem& item);
  // Whether the end of `item` is that of a connection that may have broken.
  bool IsBreak(const Client& client, const StreamItem& item) const;
  void CheckCursor(Client& client, const StreamItem& item);
  // Nobody gets from `after` to `until` past a hole without being told.
  void CheckNoHole(Client& client, uint64_t after, uint64_t until);
  void CheckBooks();
  void CheckKept(bool had_time);
  // The position that `id` names; false if it is none of this log.
  bool Parse(const std::string& id, uint64_t* seq) const;
  uint64_t Earliest() const;
  void Wrong(const Client& client, const std::string& what);

  const uint64_t seed_;
  const Make make_;
  const std::set<int> left_out_;
  std::mt19937_64 random_;
  SteppingClock clock_;
  int life_ = 0;
  int connects_ = 0;
  std::string epoch_;
  ModelledBroker broker_;
  LogModel model_;
  std::vector<Client> clients_;
  std::vector<std::string> story_;
  std::string wrong_;
  uint64_t events_seen_ = 0;
  uint64_t gaps_seen_ = 0;
  uint64_t events_lost_ = 0;
  uint64_t comebacks_ = 0;
};

// Plays the history of `seed`, and leaves out of one that goes wrong what it
// goes wrong without. Returns what is wrong and what is left of the story.
std::string Shrink(uint64_t seed, const ModelDriver::Make& make,
                   int operations);

}  // namespace weir

#endif  // WEIR_TESTS_HOST_BROKER_MODEL_DRIVER_H_
