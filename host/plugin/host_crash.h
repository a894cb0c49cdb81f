#ifndef WEIR_HOST_PLUGIN_HOST_CRASH_H_
#define WEIR_HOST_PLUGIN_HOST_CRASH_H_

#include <functional>
#include <string>

#include "absl/strings/string_view.h"
#include "host/pipeline/event.h"
#include "host/pipeline/event_sink.h"
#include "host/plugin/crash_page.h"
#include "host/plugin/module_store.h"
#include "host/plugin/poison_keeper.h"

namespace weir {

// "SIGSEGV in message 1000 (UPDATE of sources/ris)", for humans.
std::string DescribeHostCrash(const HostCrash& crash);

// Tells of a plugin that took the process before this one down: a line in the
// log, the event weir.plugin.demoted, and its message among the poison
// messages, with a stack as far as the store still has the code. `poisons` may
// be null.
void TellHostCrash(
    const HostCrash& crash, const ModuleStore& modules, PoisonKeeper* poisons,
    EventSink& sink,
    const std::function<void(Severity, absl::string_view area,
                             absl::string_view text)>& write_log);

}  // namespace weir

#endif  // WEIR_HOST_PLUGIN_HOST_CRASH_H_
