#ifndef WEIR_HOST_PLUGIN_SENT_REPLIES_H_
#define WEIR_HOST_PLUGIN_SENT_REPLIES_H_

#include <memory>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "host/pipeline/message.h"
#include "host/pipeline/reply_sink.h"
#include "weir/plugin_abi.h"

namespace weir {

// What a handler answers to one run of messages, until it is on the disk. The
// run waits for that once, at its end, and not at each answer: so the disk is
// asked for as many as there are, and the receipt of a message still tells its
// sender that it is done only after its answers are safe.
//
// One thread at a time.
class SentReplies {
 public:
  // How long the end of a run waits for the disk at most: less than the hard
  // deadline of a message.
  static constexpr absl::Duration kPatience = absl::Seconds(5);

  // `sink` must outlive it; null: nothing can be sent.
  explicit SentReplies(ReplySink* sink) : sink_(sink) {}

  // Answers `request`, which is held until AwaitKept returns. Returns what
  // weir_ext_reply.reply says; believes neither the length nor the bytes of
  // what it is given.
  weir_status Send(const Message& request, absl::string_view data,
                   absl::string_view file_suffix);

  // Waits until all of them are kept, up to `patience`. Says MarkFailed of the
  // messages with an answer that was not. Then it begins anew.
  void AwaitKept(absl::Duration patience = kPatience);

 private:
  struct Fates;  // Shared with those who are to tell.

  ReplySink* sink_;
  std::shared_ptr<Fates> fates_;  // Null: there were none.
};

}  // namespace weir

#endif  // WEIR_HOST_PLUGIN_SENT_REPLIES_H_
