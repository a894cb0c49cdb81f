#ifndef WEIR_HOST_PLUGIN_FOLDER_EVENTS_H_
#define WEIR_HOST_PLUGIN_FOLDER_EVENTS_H_

#include "absl/time/time.h"

namespace weir {

// Waits for something to happen in the plugin folders. May miss things: whoever
// asks looks for itself every now and then, too.
class FolderEvents {
 public:
  enum class Result {
    kHappened,  // Something did; look.
    kTimeout,   // Nothing did, as far as is known.
    kWoken,     // Wake was called.
  };

  virtual ~FolderEvents() = default;

  // Blocks until something happens, `timeout` passes, or Wake. What happened
  // since the last Wait, or since this was made, counts. One thread.
  virtual Result Wait(absl::Duration timeout) = 0;

  // Ends the present Wait, and every later one at once. Any thread.
  virtual void Wake() = 0;
};

}  // namespace weir

#endif  // WEIR_HOST_PLUGIN_FOLDER_EVENTS_H_
