#include "tests/host/broker/modelled_journal.h"

#include <filesystem>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "host/broker/broker.h"
#include "host/sqlite/sqlite_connection.h"
#include "tests/support/failing_vfs.h"
#include "tests/support/status_matchers.h"

namespace weir {
namespace {

constexpr char kName[] = "/journal.db";

void CopyIfThere(const std::string& from, const std::string& to) {
  if (std::filesystem::exists(from)) std::filesystem::copy_file(from, to);
}

}  // namespace

ModelledJournal::ModelledJournal(uint64_t seed, const std::string& epoch,
                                 const EventCodec& codec,
                                 const SteppingClock& clock)
    : random_(seed), clock_(clock), codec_(codec) {
  options_.journal.path = NextDirectory() + kName;
  options_.journal.new_epoch = epoch;
  options_.journal.boot_id = "0";
  options_.journal.vfs = FailingVfs::kName;
  options_.journal.full_sync = seed % 5 == 0;
  options_.ring.chunk_events = 1 + seed % 13;
  options_.ring.chunk_bytes = 600;
  options_.ring.ring_events = 100;
  options_.ring.ring_age = absl::Minutes(1 + seed % 11);
  options_.retention = {};
  options_.retention.events = seed % 2 == 0 ? 900 : 0;
  if (seed % 3 == 0) options_.retention.age = absl::Minutes(5);
  options_.replay.threads = 0;
  options_.replay.quantum_bytes = 3000;
  FailingVfs::Get().Watch(&disk_);
}

ModelledJournal::~ModelledJournal() { FailingVfs::Get().Watch(nullptr); }

ModelledBroker ModelledJournal::Live(
    const std::shared_ptr<ModelledJournal>& self) {
  auto log = JournaledLog::Open(self->options_, self->codec_, self->clock_);
  EXPECT_THAT(log, IsOk());
  JournaledLog* const l = log->get();
  auto broker = std::make_unique<Broker>(BrokerOptions(), *std::move(log),
                                         self->codec_, self->clock_);
  Broker* const b = broker.get();
  ModelledBroker made;
  made.log = std::move(broker);
  made.publish = [b](Event event) {
    EXPECT_TRUE(b->Publish(std::move(event)).ok());
  };
  made.commit = [l] {
    // A step has a bound; a burst takes several.
    uint64_t before = 0;
    do {
      before = l->durable();
      l->Step();
    } while (l->durable() != before);
  };
  made.tick = [l, b] {
    LogBounds before;
    do {
      before = l->bounds();
      l->Step();
      b->Tick();
    } while (l->bounds().earliest != before.earliest ||
             l->bounds().latest != before.latest);
  };
  made.read = [l] { return l->ReadOne(); };
  const JournaledLogOptions& options = self->options_;
  made.keeps = {.ring_events = options.ring.ring_events,
                .ring_age = options.ring.ring_age,
                .journal = true,
                .events = options.retention.events,
                .age = options.retention.age,
                .unit = options.ring.chunk_events};
  made.waits_for_disk = options.journal.full_sync;
  made.reincarnate = [self, b](Ending ending) {
    if (ending == Ending::kClean) b->Close();
    if (ending == Ending::kMachineDown) {
      self->MoveAfterPowerLoss();
    } else {
      self->MoveAfterKill();
    }
    const uint64_t found = self->Newest(
        std::filesystem::path(self->options_.journal.path).parent_path());
    ModelledBroker next = Live(self);
    next.found = found;
    return next;
  };
  return made;
}

void ModelledJournal::MoveAfterKill() {
  const std::string from = options_.journal.path;
  const std::string to = NextDirectory();
  for (const char* const suffix : {"", "-wal", "-intact"}) {
    CopyIfThere(from + suffix, to + kName + suffix);
  }
  disk_.OnCopied(std::filesystem::path(from).parent_path(), to);
  options_.journal.path = to + kName;
}

void ModelledJournal::MoveAfterPowerLoss() {
  using Loss = UnsyncedDisk::Loss;
  const std::string from = options_.journal.path;
  const std::string to = NextDirectory();
  disk_.WriteImage(std::filesystem::path(from).parent_path(), to,
                   static_cast<Loss>(random_() % 3), random_());
  CopyIfThere(from + "-intact", to + kName + "-intact");
  options_.journal.path = to + kName;
  options_.journal.boot_id = std::to_string(lives_);
}

std::string ModelledJournal::NextDirectory() {
  std::string directory = absl::StrCat(dir_.path(), "/", ++lives_);
  std::filesystem::create_directory(directory);
  return directory;
}

uint64_t ModelledJournal::Newest(const std::string& directory) const {
  // Of a copy: who opens a database recovers it.
  const std::string copy = absl::StrCat(dir_.path(), "/look");
  std::filesystem::remove_all(copy);
  std::filesystem::create_directory(copy);
  for (const char* const suffix : {"", "-wal"}) {
    CopyIfThere(directory + kName + suffix, copy + kName + suffix);
  }
  auto opened = SqliteConnection::Open({.path = copy + kName},
                                       SqliteConnection::Access::kWrite);
  EXPECT_THAT(opened, IsOk());
  const auto newest = (*opened)->AskNumber(
      "SELECT max(coalesce((SELECT max(first + n - 1) FROM chunk), 0), "
      "coalesce((SELECT max(last) FROM hole), 0), "
      "coalesce((SELECT v FROM meta WHERE k = 'pruned_seq'), 0))");
  EXPECT_THAT(newest, IsOk());
  return static_cast<uint64_t>(*newest);
}

}  // namespace weir
