#ifndef WEIR_HOST_PLUGIN_CHILD_CHANNEL_H_
#define WEIR_HOST_PLUGIN_CHILD_CHANNEL_H_

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "host/control/sandbox_profile.h"
#include "host/plugin/call_watch.h"
#include "host/plugin/host_words.h"
#include "host/plugin/metric_page.h"

namespace weir {

// What the host asks a child, one thing at a time.
enum class ChildCommand : uint32_t {
  kCreate = 1,  // `request`: the configuration. Loads the library first.
  kCapacity,
  kWants,        // `request`: the type.
  kRun,          // `run`: the messages.
  kReconfigure,  // `request`: the new configuration.
  kDestroy,      // The last one; the child ends after it.
  kTick,
  kSaveState,   // `state_bytes`, or an error.
  kReadState,   // `count`: which piece of kMaxAnswer bytes.
  kWriteState,  // `request`: the next piece.
  kLoadState,
  kTellProcess,  // `request`: a ProcessChange, as it is encoded.
};

// A message of a run: where its weir_msg lies. The pointers in it are turned
// into the child's by adding what the child's mapping is away from the host's;
// in the spill area they count from the begin of the channel.
struct ChildDescriptor {
  uint64_t offset;
  uint32_t in_spill;
  uint32_t redelivered;  // Is given a second time.
};

// How a child that crashed says why, from its signal handler.
struct ChildCrash {
  static constexpr uint32_t kMaxFrames = 32;
  struct Frame {
    uint64_t offset;  // In the module; the address itself if there is none.
    char module[56];  // The end of its path, terminated.
  };
  std::atomic<uint32_t> state;  // 1: signal and address; 2: frames, too.
  int32_t signal;
  uint64_t address;
  uint32_t n_frames;
  Frame frames[kMaxFrames];
};

// Bytes from the child to the host: records of what the plugin says, each of
// them {uint32_t size, uint32_t kind} and a body, padded to 8. `size` counts it
// all. See ChildRingWriter and ChildRingReader.
struct ChildRing {
  static constexpr size_t kBytes = 4 << 20;  // 16,384 events of 240 bytes.
  alignas(64) std::atomic<uint64_t> tail;    // Written ever. The child's.
  std::atomic<uint64_t> events_in;           // The child's.
  alignas(64) std::atomic<uint64_t> head;    // Read ever. The host's.
  std::atomic<uint64_t> events_out;          // The host's.
  alignas(64) uint8_t bytes[kBytes];
};

// Something that the child asks the host, from any of its threads, one at a
// time: the host answers with `answered` set to the number in `asked`, both
// counted from 1.
struct ChildQuestion {
  enum Kind : uint32_t {
    kGet = 1,    // The value of `key`.
    kFlush = 2,  // Whether all that was put is on the disk.
    kReply = 3,  // What became of the last answer in the ring.
    kNode = 4,   // The same of the last NodeCall; `value` is what it says.
  };
  static constexpr size_t kMaxKey = 512;
  static constexpr size_t kMaxValue = 1 << 20;

  // The child's.
  alignas(64) std::atomic<uint32_t> asked;
  uint32_t kind;
  uint32_t key_bytes;
  char key[kMaxKey];
  // The host's.
  alignas(64) std::atomic<uint32_t> answered;
  int32_t status;        // A weir_status.
  uint32_t value_bytes;  // kGet; kNode, with every status.
  char value[kMaxValue];
};

// The memory that the host and one child share. A private matter of the two:
// both are built together, and a child of another build notices (see
// kChildLayout).
//
// The host believes nothing that it reads here: the plugin can write anything,
// anywhere, at any time. It reads each word once, checks its copy, and never
// reads back what it wrote itself.
//
// A command goes to the child in the host's words, with `turn` last; the answer
// comes back in the child's words, with `answered` set to the same number last.
// Both wait on these two with a futex: it costs as much as an eventfd when the
// other side sleeps, and no call at all when it does not.
struct ChildChannel {
  static constexpr size_t kPage = 4096;
  static constexpr uint32_t kMaxRun = 256;  // As dispatch takes at once.
  static constexpr size_t kMaxRequest = 1 << 20;
  static constexpr size_t kMaxAnswer = 256 << 10;  // 1024 kinds of 128 bytes.
  static constexpr size_t kMaxNames = 1024;        // As a NameTable has.
  static constexpr size_t kMaxNameBytes = 4096;    // Longer ones are cut.
  // A message of the largest line, 2 MiB, with what was decoded of it.
  static constexpr size_t kSpillBytes = 16 << 20;
  static constexpr size_t kMaxPath = 4096;
  static constexpr size_t kReasons = 5;  // PluginHostServices::Rejection.

  struct Name {
    uint32_t length;
    char text[kMaxNameBytes];
  };

  // Set before the child starts.
  uint64_t layout;
  uint64_t host_arena;  // Where the host has the arena; 0: there is none.
  uint64_t arena_bytes;
  uint64_t memory_limit_bytes;  // 0: none.
  // A run is answered early, with `head` at that message, at so many; 0: never.
  uint32_t max_consecutive_errors;
  uint32_t emit_ring_events;
  uint32_t emit_limit_per_second;
  int32_t host_pid;
  SandboxProfile sandbox;
  char data_dir[kMaxPath];  // Absolute, terminated; "": there is none.
  CallLimits limits;
  uint32_t max_key_bytes;    // ChildQuestion::kMaxKey at most, ...
  uint64_t max_value_bytes;  // ... kMaxValue; 0: nothing can be kept.
  uint64_t max_total_bytes;
  uint32_t takes_replies;  // 1 or 0.
  uint32_t has_nodes;      // 1 or 0.

  // The host's words.
  alignas(64) std::atomic<uint32_t> turn;
  std::atomic<uint32_t> host_waits;
  ChildCommand command;
  uint32_t count;  // Messages in `run`, or bytes in `request`.
  std::atomic<uint32_t> n_types, n_sources;
  HostWords words;
  ChildDescriptor run[kMaxRun];

  // The child's words.
  alignas(64) std::atomic<uint32_t> answered;
  std::atomic<uint32_t> child_waits;
  int32_t status;         // absl::StatusCode of kCreate and kReconfigure.
  uint32_t declares;      // kCreate: whether `answer` has kinds.
  uint32_t max_batch;     // kCreate.
  uint32_t answer_bytes;  // Of `answer`: an error's text, or {uint32_t, text}*.
  // kCapacity; kWants, kTick: 1 or 0; kTellProcess: a weir_status.
  int64_t number;
  uint64_t state_bytes;         // kSaveState.
  uint32_t has_state;           // kCreate: 1 or 0.
  uint32_t hears_of_processes;  // The same.
  int64_t tick_interval_ns;     // kCreate; 0: it has no ticks.
  std::atomic<int32_t> worker_tid;
  std::atomic<uint64_t> rejected[kReasons];  // Events the child did not take.
  std::atomic<uint64_t> suppressed;          // Log lines without room.

  // The commit protocol of a run. The child stores `inflight`, calls the
  // plugin, stores the message's entry of `failed`, and then `head`. Only
  // `head` commits; what was processed is what lies below it. If the child
  // died, there was a message in its hands exactly if inflight == head + 1.
  alignas(64) std::atomic<uint32_t> inflight;
  std::atomic<uint32_t> head;
  std::atomic<uint8_t> failed[kMaxRun];

  ChildCrash crash;
  ChildRing ring;
  ChildQuestion question;
  MetricPage metrics;
  char answer[kMaxAnswer];

  // From here on the host's again, and write-protected in the child, so that a
  // plugin which writes into a message ends at that message.
  alignas(kPage) Name types[kMaxNames];
  Name sources[kMaxNames];
  char request[kMaxRequest];
  alignas(kPage) uint8_t spill[kSpillBytes];
};

// A number that differs between builds with different layouts.
inline constexpr uint64_t kChildLayout = [] {
  uint64_t hash = 0xcbf29ce484222325;  // FNV-1a.
  for (const uint64_t value : {
           uint64_t{5},  // What offsets do not show: the meaning.
           uint64_t{sizeof(ChildChannel)},
           uint64_t{sizeof(ChildDescriptor)},
           uint64_t{sizeof(ChildCrash)},
           uint64_t{offsetof(ChildChannel, turn)},
           uint64_t{offsetof(ChildChannel, run)},
           uint64_t{offsetof(ChildChannel, words)},
           uint64_t{offsetof(ChildChannel, answered)},
           uint64_t{offsetof(ChildChannel, number)},
           uint64_t{offsetof(ChildChannel, inflight)},
           uint64_t{offsetof(ChildChannel, failed)},
           uint64_t{offsetof(ChildChannel, crash)},
           uint64_t{offsetof(ChildChannel, ring)},
           uint64_t{offsetof(ChildRing, bytes)},
           uint64_t{offsetof(ChildChannel, question)},
           uint64_t{offsetof(ChildChannel, metrics)},
           uint64_t{offsetof(ChildChannel, request)},
           uint64_t{offsetof(ChildChannel, types)},
           uint64_t{offsetof(ChildChannel, spill)},
       }) {
    hash = (hash ^ value) * 0x100000001b3;
  }
  return hash;
}();

// The descriptors that a child starts with, beside the first three. All others
// are closed.
inline constexpr int kChildChannelFd = 3;
inline constexpr int kChildArenaFd = 4;   // The channel again: there is none.
inline constexpr int kChildNotifyFd = 5;  // An eventfd: look into the ring.
inline constexpr int kChildLifeFd = 6;    // Ends when the host does, however.

// A channel's memory in this process.
class ChildChannelMemory {
 public:
  // Makes a new one, zeroed and sealed against being cut. Returns Unavailable
  // with the system's reason.
  static absl::StatusOr<ChildChannelMemory> Create();
  // Maps the one behind `fd`, which stays the caller's.
  static absl::StatusOr<ChildChannelMemory> Map(int fd);

  ChildChannelMemory(ChildChannelMemory&& other) noexcept;
  ChildChannelMemory& operator=(ChildChannelMemory&&) = delete;
  ~ChildChannelMemory();

  ChildChannel& operator*() const { return *channel_; }
  ChildChannel* operator->() const { return channel_; }
  int fd() const { return fd_; }  // -1 if it was mapped.

 private:
  ChildChannelMemory(int fd, ChildChannel* channel)
      : fd_(fd), channel_(channel) {}

  int fd_;
  ChildChannel* channel_;
};

// Waits until `word` is not `old`, somebody wakes us, `timeout` is over, or for
// no reason at all. Across processes.
void FutexWait(const std::atomic<uint32_t>& word, uint32_t old,
               absl::Duration timeout);
void FutexWakeAll(const std::atomic<uint32_t>& word);

}  // namespace weir

#endif  // WEIR_HOST_PLUGIN_CHILD_CHANNEL_H_
