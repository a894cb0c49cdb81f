#ifndef WEIR_HOST_PLUGIN_POISON_KEEPER_H_
#define WEIR_HOST_PLUGIN_POISON_KEEPER_H_

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "host/control/poison_message.h"

namespace weir {

// Keeps poison messages, within bounds. Thread-safe; calls may wait for a disk.
class PoisonKeeper {
 public:
  virtual ~PoisonKeeper() = default;

  // Keeps `poison`, all of it but `number` and `first_time`. If there is one of
  // the same plugin, digest and fingerprint, that one stays, with its number
  // and its first_time, one more `count`, and the rest as it is here. Returns
  // how it is kept, without its bytes; Unavailable, with the reason, if it is
  // not.
  virtual absl::StatusOr<PoisonMessage> Keep(const PoisonMessage& poison) = 0;

  // Those of "plugins/counts", or of all with "plugins/-", newest first,
  // without their bytes. Returns Unavailable or DataLoss if they cannot be
  // read.
  virtual absl::StatusOr<std::vector<PoisonMessage>> List(
      absl::string_view plugin) = 0;

  // The whole one. Returns NotFound if it is not kept, or not any more.
  virtual absl::StatusOr<PoisonMessage> Get(absl::string_view plugin,
                                            uint64_t number) = 0;

  // How many of the plugin's there are; 0 if that cannot be read.
  virtual uint32_t Count(absl::string_view plugin) = 0;

  // Removes all of a plugin that is gone.
  virtual absl::Status Forget(absl::string_view plugin) = 0;
};

}  // namespace weir

#endif  // WEIR_HOST_PLUGIN_POISON_KEEPER_H_
