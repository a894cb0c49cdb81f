#ifndef WEIR_HOST_BROKER_SQLITE_JOURNAL_H_
#define WEIR_HOST_BROKER_SQLITE_JOURNAL_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "host/broker/journal_reader.h"
#include "host/broker/journal_records.h"
#include "host/sqlite/sqlite_connection.h"

namespace weir {

struct SqliteJournalOptions {
  std::string path;
  // Each commit waits for the disk. Without it a commit survives the process
  // but, until the next checkpoint, not the machine.
  bool full_sync = false;
  // Events are shown before they are committed, up to reserved().
  bool shown_ahead = false;
  // Of this run of the machine: /proc/sys/kernel/random/boot_id.
  std::string boot_id;
  // For a file that is new: MakeEpoch.
  std::string new_epoch;
  // Tests only: the SQLite VFS to go through; empty = the system's.
  std::string vfs;
};

// The log on disk: one SQLite file of rows of up to 256 framed events each.
//
//   chunk  the events; `crc` is over all other columns but `codec`, which is 0:
//          anything else is damage, until there is a format that has others
//   hole   numbers that were never, or are no longer, given to an event
//   sub    durable subscriptions
//   meta   format, epoch, boot_id, sync, clean, reserved_seq; pruned_seq and
//          pruned_time: the newest position that retention took
//
// No number is given twice, whatever happened. A killed process loses nothing
// that was committed, so the next number follows the last one committed. Three
// things can take seen events back, and then numbers go on behind a hole:
//  - the machine went down while commits did not wait for the disk. No number
//    is committed before a higher one, `reserved_seq`, is on the disk for good;
//    the next follows that.
//  - events were shown ahead of their commit, which is done up to that number
//    (`sync` is "ahead" then), and the process was killed.
//  - events were shown while they could not be written (JournaledLog, degraded
//    mode). Nothing can be written then to say so, but a file can be removed:
//    PATH-intact is there as long as everything that was shown is in the
//    journal. Without it the next number is kDegradedNumbers further on. A
//    journal that was copied from a backup has no such file either.
//
// A row that is not sound is never read. If it is behind all that are, or its
// number cannot be, it is deleted at the start, and numbers go on behind as
// many as it can have had: readers are told of those as damaged. Others stay
// until retention takes them with what follows them.
//
// The calls marked [writer] are made by one thread, the one marked [checkpoint]
// by one other.
class SqliteJournal {
 public:
  static constexpr int kFormat = 1;
  // How far the reservation runs ahead: one wait for the disk for so many.
  static constexpr uint64_t kReserve = 10'000;
  // More numbers than degraded mode may use.
  static constexpr uint64_t kDegradedNumbers = 1'000'000'000;
  static constexpr int kRowsPerPrune = 200;
  static constexpr int kPageBytes = 4096;

  // Opens the journal, or begins one in a directory that exists, and takes it
  // for this process alone.
  //
  // Returns, each naming the file and the cure:
  //  - FailedPrecondition if it is a database of something else, if a newer
  //    weir wrote it, or if another process has it
  //  - DataLoss if it is damaged, or no SQLite file at all
  //  - NotFound, PermissionDenied, ResourceExhausted, Unavailable: no such
  //    directory, not writable, disk full, other disk errors
  static absl::StatusOr<std::unique_ptr<SqliteJournal>> Open(
      const SqliteJournalOptions& options);

  // As after kill -9, if Close was not called.
  ~SqliteJournal();

  SqliteJournal(const SqliteJournal&) = delete;
  SqliteJournal& operator=(const SqliteJournal&) = delete;

  const JournalContents& contents() const { return contents_; }

  // Numbers up to this are not given again, whatever happens. [writer]
  uint64_t reserved() const { return reserved_; }

  // Writes `batch` in one transaction; all of it, or nothing at an error.
  // [writer]
  absl::Status Commit(const JournalBatch& batch);

  // What retention takes next: everything up to `last`.
  struct Cut {
    uint64_t last = 0;
    absl::Time last_time;      // Append time of the newest that is taken ...
    absl::Time earliest_time;  // ... and of the oldest that stays, if any.
  };
  struct Retention {
    absl::Duration age = absl::InfiniteDuration();
    uint64_t bytes = 0;   // Of the file in use; 0 = any.
    uint64_t events = 0;  // 0 = any.
  };
  // Returns what to take of at most kRowsPerPrune rows, nullopt if there is
  // nothing to take. `latest` is the newest position of the log. [writer]
  absl::StatusOr<std::optional<Cut>> FindCut(const Retention& retention,
                                             absl::Time now, uint64_t latest);
  // Takes it. [writer]
  absl::Status Prune(const Cut& cut);

  // Moves what was committed from the write-ahead log into the file, without
  // holding up the writer. [checkpoint]
  absl::Status Checkpoint();
  // Pages in the write-ahead log after the last commit. Any thread.
  int wal_pages() const { return wal_pages_.load(std::memory_order_relaxed); }

  // Says, by the file PATH-intact, whether all that was ever shown is in the
  // journal. Say so before showing something that is not. [writer]
  absl::Status SetIntact(bool intact);

  // Says that the process ends with everything committed that was ever given a
  // number. Nothing is written after this. [writer]
  absl::Status Close();

  // A reader with a connection of its own, for one thread. Must not outlive
  // the journal. Any thread.
  absl::StatusOr<std::unique_ptr<JournalReader>> OpenReader() const;

  // Size of the file and of its write-ahead log; 0 if it cannot be told. Any
  // thread.
  uint64_t FileBytes() const;
  uint64_t WalBytes() const;

 private:
  struct Statements;

  SqliteJournal(SqliteJournalOptions options, int lock);

  SqliteFile File() const;
  absl::Status SetUp();
  absl::Status CheckTables();
  absl::Status ReadContents();
  absl::Status ReadNewest();
  absl::Status ReadHolesAndSubscriptions();
  // Decides where numbers go on, and writes down that this process runs.
  absl::Status Begin();
  // Notes that nothing can be read behind `sound`, where the newest row ends
  // that can be, and that numbers go on `damaged` later.
  void NoteDamage(uint64_t sound, uint64_t damaged);
  // When the first sound row after `after` was appended, from its first to its
  // last event; nullopt if there is none up to `latest`.
  struct Span {
    uint64_t after = 0;
    absl::Time t0, t1;
  };
  absl::StatusOr<std::optional<Span>> SoundAfter(uint64_t after,
                                                 uint64_t latest);
  absl::StatusOr<std::string> MetaText(const char* key);
  absl::StatusOr<uint64_t> MetaNumber(const char* key);
  absl::Status Transact(const JournalBatch& batch, uint64_t reserve);
  absl::Status WriteMeta(const char* key, uint64_t number);

  const SqliteJournalOptions options_;
  const int lock_;  // Descriptor; the lock goes with it.
  JournalContents contents_;
  std::vector<LogHole> damaged_;  // Behind the newest row that is sound.
  uint64_t newest_sound_ = 0;     // Where that begins; 0 = there is none.
  uint64_t pruned_ = 0;           // The newest that retention had taken.

  // The writer's.
  std::unique_ptr<SqliteConnection> writer_;
  std::unique_ptr<Statements> statements_;
  uint64_t reserved_ = 0;
  absl::Time pruned_time_ = absl::InfinitePast();
  std::optional<Span> sound_after_;  // What SoundAfter found last.
  // The checkpointer's.
  std::unique_ptr<SqliteConnection> checkpointer_;

  std::atomic<int> wal_pages_{0};
};

}  // namespace weir

#endif  // WEIR_HOST_BROKER_SQLITE_JOURNAL_H_
