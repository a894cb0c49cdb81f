#ifndef WEIR_HOST_STEWARD_NATS_TRANSPORT_H_
#define WEIR_HOST_STEWARD_NATS_TRANSPORT_H_

#include <atomic>
#include <cstddef>
#include <functional>
#include <set>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "host/nats/nats_link.h"
#include "host/nats/nats_options.h"
#include "host/steward/steward_sender.h"
#include "host/steward/steward_transport.h"
#include "host/sync/mutex.h"

namespace weir {

// The sender's way to a NATS server. Answers come to an inbox of the message,
// "_INBOX.UNIQUE.NUMBER"; or, where permissions have no inboxes, to
// "SUBJECT.reply".
//
// What came is kept until Take. One thread calls it, except for max_payload,
// which any may; `wake` is called by others when there is something to take.
class NatsTransport final : public StewardTransport,
                            private NatsLink::Listener {
 public:
  struct News {
    struct Answered {
      std::string reply;
      StewardSender::Answer answer;
    };
    std::vector<Answered> answers;
    bool ended = false;
    absl::Status why;  // Of the end.
  };

  NatsTransport(NatsServerOptions options, bool shared_reply_subject,
                std::function<void()> wake);
  ~NatsTransport() override;

  // As NatsLink's.
  absl::Status Connect() ABSL_LOCKS_EXCLUDED(mu_);
  void Disconnect() ABSL_LOCKS_EXCLUDED(mu_);
  const std::string& endpoint() const { return link_.endpoint(); }

  News Take() ABSL_LOCKS_EXCLUDED(mu_);

  absl::StatusOr<std::string> ReplySubject(const std::string& subject,
                                           uint64_t number) override;
  absl::Status Publish(const std::string& subject, const std::string& reply,
                       const steward::Payload& payload) override;
  absl::Status Flush() override ABSL_LOCKS_EXCLUDED(mu_);
  bool Refused(const std::string& subject) override ABSL_LOCKS_EXCLUDED(mu_);
  size_t max_payload() const override { return max_payload_.load(); }

 private:
  void OnMessage(natsMsg* message) override ABSL_LOCKS_EXCLUDED(mu_);
  void OnEnd(const absl::Status& why) override ABSL_LOCKS_EXCLUDED(mu_);
  void OnForbidden(const std::string& subject) override
      ABSL_LOCKS_EXCLUDED(mu_);

  const bool shared_reply_subject_;
  const std::function<void()> wake_;
  NatsLink link_;
  std::string inbox_;              // Of the connection, with a dot at its end.
  std::set<std::string> replies_;  // Those that are subscribed to.
  std::atomic<size_t> max_payload_;

  Mutex mu_;
  News news_ ABSL_GUARDED_BY(mu_);
  std::set<std::string> refused_ ABSL_GUARDED_BY(mu_);  // Subjects.
};

}  // namespace weir

#endif  // WEIR_HOST_STEWARD_NATS_TRANSPORT_H_
