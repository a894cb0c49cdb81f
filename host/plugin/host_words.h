#ifndef WEIR_HOST_PLUGIN_HOST_WORDS_H_
#define WEIR_HOST_PLUGIN_HOST_WORDS_H_

#include <atomic>
#include <cstdint>

#include "host/pipeline/losses.h"

namespace weir {

// What the host tells an instance while it runs: in a child, part of the memory
// that both share. The host writes, and never reads what it wrote.
struct HostWords {
  std::atomic<uint32_t> stop;  // 1: it waits for the call in progress.
  std::atomic<uint64_t> dropped_policy;
  std::atomic<uint64_t> dropped_full;
  std::atomic<uint64_t> dropped_not_running;
  std::atomic<uint64_t> dropped_quarantined;
  std::atomic<uint64_t> lost_in_crash;
  std::atomic<uint64_t> discarded_on_unload;

  void Tell(const Losses& losses) {
    constexpr auto kRelaxed = std::memory_order_relaxed;
    dropped_policy.store(losses.dropped_policy, kRelaxed);
    dropped_full.store(losses.dropped_full, kRelaxed);
    dropped_not_running.store(losses.dropped_not_running, kRelaxed);
    dropped_quarantined.store(losses.dropped_quarantined, kRelaxed);
    lost_in_crash.store(losses.lost_in_crash, kRelaxed);
    discarded_on_unload.store(losses.discarded_on_unload, kRelaxed);
  }
};

}  // namespace weir

#endif  // WEIR_HOST_PLUGIN_HOST_WORDS_H_
