#ifndef WEIR_TESTS_HOST_BROKER_MODELLED_JOURNAL_H_
#define WEIR_TESTS_HOST_BROKER_MODELLED_JOURNAL_H_

#include <cstdint>
#include <memory>
#include <random>
#include <string>

#include "host/broker/journaled_log.h"
#include "host/pipeline/event_codec.h"
#include "tests/fakes/stepping_clock.h"
#include "tests/host/broker/model_driver.h"
#include "tests/support/short_temp_dir.h"
#include "tests/support/unsynced_disk.h"

namespace weir {

// A broker over a journal in a directory of its own, which it takes along
// through its lives, onto a new disk each time. Rings so small that much is
// read from there.
//
// A machine that goes down takes along what was not synced: all of it, some of
// it, or the newest. What a killed process left unsynced can still go that way
// in a later life. One at a time in a process: it watches FailingVfs.
class ModelledJournal {
 public:
  // `seed` decides on sizes, retention and whether commits wait for the disk.
  // `codec` and `clock` must outlive it.
  ModelledJournal(uint64_t seed, const std::string& epoch,
                  const EventCodec& codec, const SteppingClock& clock);
  ~ModelledJournal();

  ModelledJournal(const ModelledJournal&) = delete;
  ModelledJournal& operator=(const ModelledJournal&) = delete;

  // Begins the next life; the broker keeps `self`.
  static ModelledBroker Live(const std::shared_ptr<ModelledJournal>& self);

 private:
  // Onto the next disk: what a kill leaves, or a machine that goes down.
  void MoveAfterKill();
  void MoveAfterPowerLoss();
  std::string NextDirectory();
  // The newest position that SQLite itself finds in the files of `directory`.
  uint64_t Newest(const std::string& directory) const;

  std::mt19937_64 random_;
  const ShortTempDir dir_;
  const SteppingClock& clock_;
  const EventCodec& codec_;
  UnsyncedDisk disk_;
  JournaledLogOptions options_;
  int lives_ = 0;
};

}  // namespace weir

#endif  // WEIR_TESTS_HOST_BROKER_MODELLED_JOURNAL_H_
