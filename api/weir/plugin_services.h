/* What a plugin and the host can do for each other beside messages and events:
 * extensions of weir/plugin_abi.h, each asked for by its id with get_ext. A
 * host or a plugin that does not know one answers null, and all else works.
 *
 * Host side extensions take the `ctx` of weir_host. Ask for them in `create`
 * and keep the table: it is valid as long as the instance.
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

/* Plugin side. Told of the processes by which messages come that it wants: of
 * each node that its settings let it hear, what has a method whose type
 * `wants_message` says yes to (the type of a sub-process, "subCopySrc.ID", is
 * what is before the dot). So it may have a loop of its own for each, on a
 * thread of its own, that begins and ends with the process.
 *
 * A process has begun when it is to be subscribed, and goes on while the source
 * has no connection. The calls come between two messages, some 100 ms after
 * what they tell of and before the next message, under the deadlines of a
 * message; not while the plugin is paused, and not while another instance has
 * its place. What began is told to have ended before destroy, and when another
 * instance takes its place, even on probation; what runs when an instance comes
 * or comes back is told to have begun. What ended and began again at once may
 * not be told. */
#define WEIR_EXT_PROCESS "weir.process/1"
typedef struct weir_ext_process {
  uint32_t struct_size, reserved;
  /* [worker] Of `source`, as weir_ext_names.source has it, which is the node
   * `node` of its network. An error is logged; it is told of the end, too. */
  weir_status (*started)(void* self, weir_str source, weir_str node,
                         weir_str method);
  /* [worker] What belongs to the process has ended when it returns. */
  weir_status (*stopped)(void* self, weir_str source, weir_str method);
} weir_ext_process;

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

/* Plugin side. What an instance hands to the one that takes its place at a
 * reload, an upgrade or a rollback, while no message is handled: so be quick.
 * Neither is called at a crash. */
#define WEIR_EXT_STATE "weir.state/1"
typedef struct weir_ext_state {
  uint32_t struct_size, reserved;
  /* [worker] Hands `data` to `write`, with `to`, as often as it likes, 64 MiB
   * in all; it stops where `write` returns an error. The instance may go on
   * with messages afterwards, if its successor fails. On an error, `err` says
   * why; the exchange is then given up, and the instance goes on. */
  weir_status (*save)(void* self,
                      weir_status (*write)(void* to, const void* data,
                                           uint64_t len),
                      void* to, weir_err* err);
  /* [worker] Takes what another version of the plugin may have saved, in the
   * place of all that it has. Before its first message, or at a rollback. On an
   * error, `err` says why; the exchange is then given up. */
  weir_status (*load)(void* self, const void* data, uint64_t len,
                      weir_err* err);
} weir_ext_state;

enum { /* weir_metric.kind */
       WEIR_METRIC_COUNTER = 1,
       WEIR_METRIC_GAUGE = 2,
       WEIR_METRIC_HISTOGRAM = 3
};

/* One series of a metric: the same name with other labels is another one. */
typedef struct weir_metric {
  uint32_t struct_size;
  int32_t kind;             /* WEIR_METRIC_* */
  weir_str name;            /* 1-48 of [a-z0-9_], a letter first; the host puts
                               weir_plugin_<plugin>_ before it */
  weir_str help;            /* one line, up to 200 bytes */
  const weir_label* labels; /* keys of 1-32 like the name, values up to 64 */
  const uint64_t* bounds;   /* of a histogram: upper ones, increasing */
  uint32_t n_labels;        /* at most 4 */
  uint32_t n_bounds;        /* 1-30; 0 for what is no histogram */
} weir_metric;

/* Host side. Numbers that the plugin measures, which the host shows. */
#define WEIR_EXT_METRICS "weir.metrics/1"
typedef struct weir_ext_metrics {
  uint32_t struct_size, max_series;
  /* [worker] During create only. Points `*cells` to the words of the series:
   *   counter    [0] the count
   *   gauge      [0] the value, an int64_t
   *   histogram  [i] how many values were up to bounds[i] and above the bound
   *              before; [n_bounds] how many above all; [n_bounds + 1] the sum
   * The plugin changes them by atomic additions (a gauge: or stores) from any
   * thread, until destroy returns; nothing else has to be called. Counters and
   * histograms go on where the instance before has ended.
   *
   * A series that is there already: its words again. WEIR_INVALID for a bound
   * of weir_metric that is broken, or a name that has another kind or other
   * bounds; WEIR_AGAIN if there is no room; WEIR_UNSUPPORTED after create. */
  weir_status (*declare)(void* ctx, const weir_metric* metric,
                         uint64_t** cells);
} weir_ext_metrics;

/* Host side. Bytes by key, for each plugin its own, over restarts. A change is
 * seen at once, and on the disk within a second or so; what was flushed
 * survives whatever happens to plugin and host. */
#define WEIR_EXT_KV "weir.kv/1"
typedef struct weir_ext_kv {
  uint32_t struct_size, max_key_bytes;
  uint64_t max_value_bytes; /* of one value */
  uint64_t max_total_bytes; /* of all keys and values of the plugin */
  /* [any-thread] Copies the first `cap` bytes of the value to `to`; *len is how
   * long it is. WEIR_NOT_FOUND: there is none. WEIR_ERR: the database fails.
   * Waits for the host: some 10 us for a plugin in a child. */
  weir_status (*get)(void* ctx, weir_str key, void* to, uint64_t cap,
                     uint64_t* len);
  /* [any-thread] WEIR_OK: taken; whether it fits the total a child learns from
   * flush only. WEIR_INVALID: a key of no bytes, or too many bytes. WEIR_AGAIN:
   * the total is used up, or too much waits. Waits for room for 100 ms at most.
   */
  weir_status (*put)(void* ctx, weir_str key, weir_str value);
  /* [any-thread] The same; no error if there is none. */
  weir_status (*erase)(void* ctx, weir_str key);
  /* [any-thread] Waits, up to 5 s, until all changes of before are on the disk.
   * WEIR_AGAIN: one since the last flush was not taken. WEIR_ERR: the disk does
   * not take them; they stay in memory and are tried again. */
  weir_status (*flush)(void* ctx);
} weir_ext_kv;

enum { /* weir_ext_health.report */
       WEIR_HEALTH_OK = 1,
       WEIR_HEALTH_DEGRADED = 2
};

/* Host side. What the plugin says of how it does, for the operator. */
#define WEIR_EXT_HEALTH "weir.health/1"
typedef struct weir_ext_health {
  uint32_t struct_size, reserved;
  /* [any-thread] WEIR_HEALTH_*, and why, up to 256 bytes. The last one holds;
   * an instance that says nothing is well. Never blocks. */
  weir_status (*report)(void* ctx, int32_t health, weir_str text);
} weir_ext_health;

/* Host side. Null if the host keeps nothing on the disk. */
#define WEIR_EXT_DATADIR "weir.datadir/1"
typedef struct weir_ext_datadir {
  uint32_t struct_size, reserved;
  /* [any-thread] An absolute path: a directory of the plugin's own, the same
   * for all its instances, which the host makes and never cleans up. */
  weir_str (*path)(void* ctx);
} weir_ext_datadir;

/* One answer to a message. */
typedef struct weir_reply {
  uint32_t struct_size, reserved;
  weir_str data; /* up to weir_ext_reply.max_bytes; for nodes of S0 UTF-8 */
  /* Put behind the name of the file that the request names, where it does:
   * ".error". Up to 64 bytes of UTF-8 without '/' and without controls; mostly
   * empty. */
  weir_str file_suffix;
} weir_reply;

/* Host side. Answers to those who sent a message, by the way it came: a node of
 * a steward or ctrl network gets a message with the method, the arguments and
 * the file that it asked for. Null if the host sends nothing. */
#define WEIR_EXT_REPLY "weir.reply/1"
typedef struct weir_ext_reply {
  uint32_t struct_size, reserved;
  uint64_t max_bytes; /* of weir_reply.data */
  /* [worker] While `message` is being handled, as often as it takes: each is a
   * message of its own, and those of one message go out in this order. All is
   * copied.
   *
   * WEIR_OK: it will be sent, over a restart of the host too, unless the host
   * cannot write it to the disk; then the message counts as failed for its
   * sender. One whose sender wants to know when it is done is said to be done
   * after its answers are on the disk. What was answered before the plugin dies
   * of the message is sent, and the message may come again.
   *
   * WEIR_UNSUPPORTED: nothing can be sent to where the message came from.
   * WEIR_NOT_FOUND: its sender wants no answer, or it is none of the messages
   * in hand. WEIR_INVALID: a bound is broken, or what the request asks for
   * makes no message. WEIR_AGAIN: too much waits to be sent, or it is longer
   * than the receiver's server takes. WEIR_ERR: the host's disk does not take
   * it, the host ends, or this is not the worker. Some 5 us for a plugin in a
   * child, which waits for the host. */
  weir_status (*reply)(void* ctx, const weir_msg* message,
                       const weir_reply* reply);
} weir_ext_reply;

enum {                            /* weir_process.state */
       WEIR_PROCESS_STARTING = 1, /* to be subscribed, once it is connected */
       WEIR_PROCESS_RUNNING = 2,
       WEIR_PROCESS_STOPPED = 3, /* so configured, or stopped by somebody */
       WEIR_PROCESS_ENDED = 4    /* a handler failed; `why` says which */
};

/* A source that is a node of a steward or ctrl network. */
typedef struct weir_node {
  uint32_t struct_size, reserved;
  weir_str name;       /* "central", in the network */
  weir_str profile;    /* "S0", "S1", "C1", "C2", "C3", "C4" */
  weir_str public_key; /* ed25519, 32 bytes; empty: it signs nothing, or does
                          not send */
} weir_node;

/* A subject that a node takes messages from. */
typedef struct weir_process {
  uint32_t struct_size;
  int32_t state;       /* WEIR_PROCESS_* */
  uint64_t id;         /* unique in the source while the host runs */
  uint32_t configured; /* 1: of the configuration; 0: started at run time */
  uint32_t reserved;
  weir_str method;  /* "REQCliCommand", or of a sub-process "subCopySrc.ID" */
  weir_str subject; /* "central.REQCliCommand.EventACK" */
  weir_str name; /* as the originals say it: "SUBJECT_subscriber", "SUBJECT" */
  weir_str why;  /* of WEIR_PROCESS_ENDED */
} weir_process;

/* Host side. What a plugin can ask of a node that it gets messages from, or
 * might: `source` is named as weir_ext_names.source does it, and
 * WEIR_NOT_FOUND says that there is none of that name, that it is no node, or
 * that the plugin's settings keep its messages away. Null if the host has no
 * nodes.
 *
 * Where there is an `err`, which may be null, it is filled in beside an error:
 * with a sentence for people. A string that is too long or is no UTF-8 is
 * WEIR_INVALID. */
#define WEIR_EXT_NODE "weir.node/1"
typedef struct weir_ext_node {
  uint32_t struct_size, reserved;
  uint64_t max_bytes; /* of `messages` */
  /* [any-thread] Calls `take` with `to` once, before it returns; what it is
   * given is valid during the call. Returns what `take` returns. */
  weir_status (*describe)(void* ctx, weir_str source,
                          weir_status (*take)(void* to, const weir_node* node),
                          void* to);
  /* [any-thread] Sends messages in the name of the node: one object or an array
   * of them, up to 1,000, in the JSON form of ctrl, with names like "toNode",
   * "method" and "ACKTimeout"; `data` is base64, or a list of texts. What the
   * outbox fills in, such as the sender, the ID and the signature, is not
   * looked at; what has another name is passed over.
   *
   * WEIR_OK: all are on the disk, and will be sent until they are acknowledged,
   * over a restart of the host too. Else none was taken: WEIR_INVALID, a
   * message is wrong, and `err` says which and how; WEIR_AGAIN, too much waits,
   * or one is longer than the server takes; WEIR_UNSUPPORTED, the node does not
   * send. After WEIR_ERR they may be sent: the disk does not take them, or has
   * not said so for 5 s, for which this waits at most. */
  weir_status (*send)(void* ctx, weir_str source, weir_str messages,
                      weir_err* err);
  /* [any-thread] Calls `take` with `to` for each process of the node, by id,
   * until it returns an error, and returns that. What begins or ends meanwhile
   * may be there or not. */
  weir_status (*list_processes)(
      void* ctx, weir_str source,
      weir_status (*take)(void* to, const weir_process* process), void* to);
  /* [any-thread] Starts a process, if it does not run already:
   *
   *   only_sender is empty   one of the configuration, with its settings.
   *                          WEIR_NOT_FOUND: there is none of that method.
   *   only_sender is a node  a sub-process that takes messages of that node
   *                          alone: "subNAME.WORD", or "REQSUBNAME.WORD", with
   *                          a WORD of 1 to 64 of [A-Za-z0-9_-]. It ends with
   *                          the instance at the latest, of which up to 100 may
   *                          run, with up to 32 different NAMEs in its life.
   *                          WEIR_INVALID for another method; WEIR_AGAIN if
   *                          there are too many; WEIR_ERR if somebody else has
   *                          it.
   *
   * So nothing that a plugin is told by a message opens a method that the
   * operator did not open. WEIR_OK: it runs, or is subscribed as soon as the
   * source is connected. */
  weir_status (*start_process)(void* ctx, weir_str source, weir_str method,
                               weir_str only_sender, weir_err* err);
  /* [any-thread] Ends one: of the configuration, started at run time by an
   * operator, or a sub-process of this instance. WEIR_NOT_FOUND: there is none
   * of that method. WEIR_ERR: it is the sub-process of another one. */
  weir_status (*stop_process)(void* ctx, weir_str source, weir_str method,
                              weir_err* err);
} weir_ext_node;

#ifdef __cplusplus
} /* extern "C" */
#endif

WEIR_ASSERT_LAYOUT(sizeof(weir_ext_timer) == 24);
WEIR_ASSERT_LAYOUT(sizeof(weir_ext_process) == 24);
WEIR_ASSERT_LAYOUT(sizeof(weir_ext_deadline) == 24);
WEIR_ASSERT_LAYOUT(sizeof(weir_ext_thread) == 16);
WEIR_ASSERT_LAYOUT(sizeof(weir_losses) == 56);
WEIR_ASSERT_LAYOUT(sizeof(weir_ext_state) == 24);
WEIR_ASSERT_LAYOUT(sizeof(weir_metric) == 64);
WEIR_ASSERT_LAYOUT(sizeof(weir_ext_metrics) == 16);
WEIR_ASSERT_LAYOUT(sizeof(weir_ext_kv) == 56);
WEIR_ASSERT_LAYOUT(sizeof(weir_ext_health) == 16);
WEIR_ASSERT_LAYOUT(sizeof(weir_ext_datadir) == 16);
WEIR_ASSERT_LAYOUT(sizeof(weir_reply) == 40);
WEIR_ASSERT_LAYOUT(sizeof(weir_ext_reply) == 24);
WEIR_ASSERT_LAYOUT(sizeof(weir_node) == 56);
WEIR_ASSERT_LAYOUT(sizeof(weir_process) == 88);
WEIR_ASSERT_LAYOUT(sizeof(weir_ext_node) == 56);

/* NOLINTEND(readability-identifier-naming) */

#endif /* WEIR_PLUGIN_SERVICES_H_ */
