#ifndef WEIR_HOST_PLUGIN_CHILD_VOICE_H_
#define WEIR_HOST_PLUGIN_CHILD_VOICE_H_

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "host/pipeline/message.h"
#include "host/plugin/child_channel.h"
#include "host/plugin/child_ring.h"
#include "host/plugin/instance_health.h"
#include "host/plugin/instance_nodes.h"
#include "host/plugin/node_call.h"
#include "host/plugin/plugin_host_services.h"
#include "host/plugin/sent_replies.h"
#include "host/sync/mutex.h"
#include "weir/plugin_abi.h"

namespace weir {

// Passes on what a plugin in a child says: events, log lines and what it keeps
// out of its ring, and what it prints; and answers what it asks. The services
// check and limit all of it, as if the plugin was in this process.
//
// Drain is thread-safe; the other calls come from one thread.
class ChildVoice {
 public:
  // `channel` must outlive it, and its ring be empty.
  ChildVoice(ChildChannel& channel,
             std::shared_ptr<PluginHostServices> services);

  ~ChildVoice();

  ChildVoice(const ChildVoice&) = delete;
  ChildVoice& operator=(const ChildVoice&) = delete;

  // Passes on what was in the ring at the call, in order, and then answers the
  // question that there is, if there is one. Returns false if
  // there is what no child writes.
  bool Drain() ABSL_LOCKS_EXCLUDED(mu_);

  // Takes any piece of what the child prints, and passes on complete lines. One
  // that is longer than a log line may be is passed on in pieces.
  void Print(absl::string_view text);

  // Passes on the last line, if it is not complete.
  void EndPrint();

  // `messages` are with the child, which may answer them. They must be held
  // until EndRun returns.
  void BeginRun(absl::Span<const Message* const> messages)
      ABSL_LOCKS_EXCLUDED(mu_);
  // They are not any more, and what was in the ring was drained. Waits until
  // the answers are on the disk.
  void EndRun() ABSL_LOCKS_EXCLUDED(mu_);

  // The child has ended: stops the processes that its plugin has started.
  void EndNodes() { nodes_.End(); }

  // What the plugin says of how it does.
  const InstanceHealth& health() const { return health_; }

 private:
  // Writes answers as long as there is a channel to write them to; the disk may
  // be slower than the end of a child.
  class Answerer;

  bool PassOn(ChildRingReader::Record record)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  bool PassOnPut(absl::string_view body);
  bool PassOnReply(absl::string_view body) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  bool AnswerNode(uint32_t number) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  bool AnswerQuestion(uint32_t number) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void CountRejected() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  ChildChannel& channel_;
  const std::shared_ptr<PluginHostServices> services_;
  const std::shared_ptr<Answerer> answerer_;
  InstanceHealth health_;
  InstanceNodes nodes_;
  std::string line_;  // That is not complete yet.

  // Held while what was said is passed on, so that it stays in order.
  Mutex mu_;
  ChildRingReader ring_ ABSL_GUARDED_BY(mu_);
  std::array<uint64_t, ChildChannel::kReasons> rejected_
      ABSL_GUARDED_BY(mu_) = {};
  uint64_t suppressed_ ABSL_GUARDED_BY(mu_) = 0;
  uint32_t last_question_ ABSL_GUARDED_BY(mu_) = 0;
  absl::Span<const Message* const> run_ ABSL_GUARDED_BY(mu_);
  SentReplies replies_ ABSL_GUARDED_BY(mu_);
  weir_status last_reply_ ABSL_GUARDED_BY(mu_) = WEIR_ERR;
  std::optional<NodeCall> node_call_ ABSL_GUARDED_BY(mu_);  // To be made.
};

}  // namespace weir

#endif  // WEIR_HOST_PLUGIN_CHILD_VOICE_H_
