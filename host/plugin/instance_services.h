#ifndef WEIR_HOST_PLUGIN_INSTANCE_SERVICES_H_
#define WEIR_HOST_PLUGIN_INSTANCE_SERVICES_H_

#include <cstdint>

#include "host/plugin/call_watch.h"
#include "host/plugin/host_words.h"
#include "host/sync/clock.h"
#include "weir/plugin_services.h"

namespace weir {

// The host side of weir/plugin_services.h for one instance, the same in both
// isolation modes; what is the slot's, such as weir.emit/1, is elsewhere.
//
// Whoever lends the extensions derives from this and gives the plugin a `ctx`
// that points to it. Thread-safe, as far as plugin_services.h says so.
class InstanceServices {
 public:
  // All that is referred to must outlive it.
  InstanceServices(const CallLimits& limits, const HostWords& words,
                   const Clock& clock)
      : words_(words), watch_(limits, words.stop, clock) {}

  InstanceServices(const InstanceServices&) = delete;
  InstanceServices& operator=(const InstanceServices&) = delete;

  CallWatch& watch() { return watch_; }

 protected:
  ~InstanceServices() = default;

  // What `ctx` of the plugin's weir_host has to be.
  void* ctx() { return this; }

  // The table of the extension `id`; null if it is none of these.
  const void* FindExt(const char* id);

 private:
  static int64_t TimeLeftNs(void* ctx);
  static int32_t ShouldStop(void* ctx);
  static int32_t IsWorker(void* ctx);
  static void ReadLosses(void* ctx, weir_losses* out);

  const HostWords& words_;
  CallWatch watch_;
};

}  // namespace weir

#endif  // WEIR_HOST_PLUGIN_INSTANCE_SERVICES_H_
