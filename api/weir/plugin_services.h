/* What a plugin and the host can do for each other beside messages and events:
 * extensions of weir/plugin_abi.h, each asked for by its id with get_ext. A
 * host or a plugin that does not know one answers null, and all else works.
 *
 * Host side extensions take the `ctx` of weir_host. Ask for them in `create`
 * and keep the table: it is in static storage.
 */
#ifndef WEIR_PLUGIN_SERVICES_H_
#define WEIR_PLUGIN_SERVICES_H_

#include "weir/plugin_abi.h"

/* NOLINTBEGIN(readability-identifier-naming): these are C's names. */

#ifdef __cplusplus
extern "C" {
#endif

/* Plugin side. A moment of its own between two messages, also while none come,
 * so that it needs no thread to look at the time. Only while the plugin runs:
 * not while it is paused, nor while another instance has its place. */
#define WEIR_EXT_TIMER "weir.timer/1"
typedef struct weir_ext_timer {
  uint32_t struct_size, reserved;
  /* [worker] Once, after create: nanoseconds from one tick to the next. Less
   * than 10 ms counts as 10 ms; 0 and less: no ticks. */
  int64_t (*interval_ns)(void* self);
  /* [worker] Under the deadlines of a message. An error is counted. Ticks that
   * were missed, behind a slow message, are not made up for. */
  weir_status (*tick)(void* self);
} weir_ext_timer;

/* Host side. How long the call that the plugin is in may still take. A plugin
 * that has asked for this gets its messages one by one, so that the time of
 * each is known; that costs it some 50 ns for each. */
#define WEIR_EXT_DEADLINE "weir.deadline/1"
typedef struct weir_ext_deadline {
  uint32_t struct_size, reserved;
  /* [any-thread] Nanoseconds until the host ends or abandons the call in
   * progress, and with it the instance; 0 and less: any moment. INT64_MAX:
   * there is no call in progress. */
  int64_t (*time_left_ns)(void* ctx);
  /* [any-thread] 1 once the call should come back, finished or not: it is past
   * the soft deadline, or the host waits to end or to replace the instance.
   * Cheap enough for an inner loop. */
  int32_t (*should_stop)(void* ctx);
} weir_ext_deadline;

/* Host side. */
#define WEIR_EXT_THREAD "weir.thread/1"
typedef struct weir_ext_thread {
  uint32_t struct_size, reserved;
  /* [any-thread] 1 on the one thread that calls the plugin, else 0. */
  int32_t (*is_worker)(void* ctx);
} weir_ext_thread;

/* Messages that the plugin wanted and did not get, by reason, since its place
 * in the host was made: over restarts and upgrades, not over a restart of the
 * host. They only grow. */
typedef struct weir_losses {
  uint32_t struct_size, reserved;
  uint64_t dropped_policy; /* linear_drop, while there was room */
  uint64_t dropped_full;
  uint64_t dropped_not_running; /* while there was no instance */
  uint64_t dropped_quarantined;
  uint64_t lost_in_crash;       /* in the hands of an instance that died */
  uint64_t discarded_on_unload; /* queued at the end of an instance */
} weir_losses;

/* Host side. */
#define WEIR_EXT_LOSSES "weir.losses/1"
typedef struct weir_ext_losses {
  uint32_t struct_size, reserved;
  /* [any-thread] Fills in what was lost before the messages in hand, or before
   * the tick. `out->struct_size` says how much of it there is. */
  void (*read)(void* ctx, weir_losses* out);
} weir_ext_losses;

#ifdef __cplusplus
} /* extern "C" */
#endif

WEIR_ASSERT_LAYOUT(sizeof(weir_ext_timer) == 24);
WEIR_ASSERT_LAYOUT(sizeof(weir_ext_deadline) == 24);
WEIR_ASSERT_LAYOUT(sizeof(weir_ext_thread) == 16);
WEIR_ASSERT_LAYOUT(sizeof(weir_losses) == 56);

/* NOLINTEND(readability-identifier-naming) */

#endif /* WEIR_PLUGIN_SERVICES_H_ */
