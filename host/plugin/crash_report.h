#ifndef WEIR_HOST_PLUGIN_CRASH_REPORT_H_
#define WEIR_HOST_PLUGIN_CRASH_REPORT_H_

#include "host/plugin/child_channel.h"

namespace weir {

// From now on, a signal that ends this process because of what its code did, or
// SIGABRT, first writes down where: the signal, the address and the frames, as
// offsets in their modules. The process then dies of the same signal. Uses only
// what a signal handler may. `crash` must last as long as the process.
// `before`, if it is there, is called in the handler once the signal is written
// down, and before the frames are: to walk a broken stack may fail.
void ReportCrashesTo(ChildCrash& crash, void (*before)() = nullptr);

// The words may go; nothing is written down any more.
void StopReportingCrashes();

// Gives the calling thread a stack for that, so that it is also told of a stack
// that ran over. Once for each thread.
void UseCrashStack();

}  // namespace weir

#endif  // WEIR_HOST_PLUGIN_CRASH_REPORT_H_
