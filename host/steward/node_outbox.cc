#include "host/steward/node_outbox.h"

#include <algorithm>
#include <limits>

#include "absl/strings/str_cat.h"
#include "host/log/log.h"
#include "host/status/error_info.h"
#include "host/status/json_text.h"
#include "host/steward/outgoing.h"
#include "lib/steward/message_codec.h"
#include "lib/steward/subject.h"

namespace weir {
namespace {

using steward::Message;

// What a message that waits costs beside its bytes: its row, and what is kept
// of it in memory.
constexpr uint64_t kOverheadBytes = 128;

// Room for the headers of a message, for which it need not be packed to see
// whether the server takes it.
constexpr size_t kHeaderRoom = 1024;

// Errors that are sent to the node for errors: a storm of them helps nobody.
constexpr double kErrorsPerSecond = 10;
constexpr uint32_t kErrorBurst = 100;

absl::Status Draining() {
  return MakeError(absl::StatusCode::kUnavailable,
                   "the host is stopping; send it again when it is back",
                   {.reason = "SERVER_DRAINING",
                    .metadata = {},
                    .retry_delay = absl::Seconds(2)});
}

absl::Status StoreFailed(const absl::Status& why) {
  return MakeError(
      absl::StatusCode::kFailedPrecondition,
      absl::StrCat("it cannot be kept, and so is not sent: ", why.message()),
      {.reason = "OUTBOX_UNAVAILABLE",
       .metadata = {{"detail", std::string(why.message())}}});
}

absl::Status Full(uint64_t waiting, uint64_t more, uint64_t max_bytes) {
  return MakeError(
      absl::StatusCode::kResourceExhausted,
      absl::StrCat(waiting, " bytes wait to be sent, and with ", more,
                   " more it would be over max_bytes, ", max_bytes,
                   "; see whether the nodes that they are for answer"),
      {.reason = "OUTBOX_FULL",
       .metadata = {{"waiting_bytes", absl::StrCat(waiting)},
                    {"limit", absl::StrCat(max_bytes)}}});
}

// What they need at least, once there is one for each of their `to_nodes`.
uint64_t LeastBytes(const std::vector<Message>& messages) {
  uint64_t all = 0;
  for (const Message& message : messages) {
    const uint64_t one = kOverheadBytes + ContentSize(message);
    const size_t nodes =
        message.to_nodes.has_value() ? message.to_nodes->size() : 0;
    all += one * std::max<size_t>(nodes, 1);
  }
  return all;
}

}  // namespace

absl::StatusOr<std::unique_ptr<NodeOutbox>> NodeOutbox::Open(
    NodeOutboxOptions options, const Clock& clock, EventSink& events) {
  std::string moved_away;
  auto store = OutboxStore::Open(options.path, options.vfs, &moved_away);
  if (!moved_away.empty()) LogError(options.source, moved_away);
  if (!store.ok()) return store.status();
  std::unique_ptr<NodeOutbox> outbox(
      new NodeOutbox(std::move(options), clock, events, *std::move(store)));
  if (absl::Status status = outbox->ReadStore(); !status.ok()) return status;
  return outbox;
}

NodeOutbox::NodeOutbox(NodeOutboxOptions options, const Clock& clock,
                       EventSink& events, std::unique_ptr<OutboxStore> store)
    : options_(std::move(options)),
      clock_(clock),
      events_(events),
      public_key_(options_.identity.key.has_value()
                      ? options_.identity.key->public_key()
                      : ""),
      store_(std::move(store)),
      error_tokens_(kErrorsPerSecond, kErrorBurst, clock.MonotonicNs()),
      random_(options_.seed),
      transport_(options_.server, options_.shared_reply_subject,
                 [this] { Wake(); }),
      keeper_(options_.identity, *store_, clock),
      sender_({.max_in_flight = options_.shared_reply_subject
                                    ? size_t{1}
                                    : StewardSender::Options().max_in_flight,
               .min_retry_wait = options_.min_retry_wait},
              transport_, keeper_, random_),
      backoff_(options_.reconnect, random_) {}

NodeOutbox::~NodeOutbox() { Stop(absl::ZeroDuration()); }

absl::Status NodeOutbox::ReadStore() {
  const absl::StatusOr<uint64_t> last = store_->LastNumber();
  if (!last.ok()) return last.status();
  const absl::StatusOr<uint64_t> given_up = store_->CountGivenUp();
  if (!given_up.ok()) return given_up.status();
  {
    MutexLock lock(&mu_);
    last_number_ = *last;
    if (*given_up > 0) counters_["outbox_undelivered"] = *given_up;
  }
  return store_->ForEachWaiting([&](uint64_t number, absl::string_view body) {
    const auto decoded = steward::DecodeMessage(body);
    Added added = decoded.ok() ? Address(number, decoded->message)
                               : Added{.number = number};
    MutexLock lock(&mu_);
    sizes_[number] = body.size() + kOverheadBytes;
    bytes_ += body.size() + kOverheadBytes;
    added_.push_back(std::move(added));
  });
}

NodeOutbox::Added NodeOutbox::Address(uint64_t number,
                                      const Message& message) const {
  return {.number = number,
          .subject = SubjectOf(profile(), message.to_node, message.method),
          .acknowledged = WantsAcknowledgement(message, LayoutOf(profile()))};
}

void NodeOutbox::Start() {
  writer_ = std::thread([this] { WriterRun(); });
  sender_thread_ = std::thread([this] { SenderRun(); });
}

void NodeOutbox::Stop(absl::Duration limit) {
  {
    MutexLock lock(&mu_);
    closed_ = true;
    posted_.NotifyAll();
  }
  if (writer_.joinable()) writer_.join();
  if (!sender_thread_.joinable()) return;
  {
    MutexLock lock(&mu_);
    const int64_t end_ns =
        clock_.MonotonicNs() + absl::ToInt64Nanoseconds(limit);
    while (!idle_ || !added_.empty()) {
      const int64_t left_ns = end_ns - clock_.MonotonicNs();
      if (left_ns <= 0) break;
      posted_.WaitFor(&mu_, absl::Nanoseconds(left_ns));
    }
    stopping_ = true;
    woken_.NotifyAll();
  }
  sender_thread_.join();
  transport_.Disconnect();
}

absl::Status NodeOutbox::TooLarge(const Message& message, size_t bytes) const {
  const size_t max = transport_.max_payload();
  if (bytes + kHeaderRoom <= max) return absl::OkStatus();
  const Outgoing outgoing =
      MakeOutgoing(message, profile(), options_.identity.compression);
  const size_t size = WireSize(outgoing.payload) +
                      sizeof(StewardSender::kAckHeader) +
                      sizeof(StewardSender::kAckConfigured);
  if (size <= max) return absl::OkStatus();
  return MakeError(
      absl::StatusCode::kResourceExhausted,
      absl::StrCat("a message to ", message.to_node, " has ", size,
                   " bytes, and the server takes ", max,
                   "; send less, or raise the server's max_payload"),
      {.reason = "OUTBOX_MESSAGE_TOO_LARGE",
       .metadata = {{"size", absl::StrCat(size)},
                    {"limit", absl::StrCat(max)}}});
}

void NodeOutbox::Post(std::vector<Message> messages, Done done) {
  PostFrom(From::kOthers, std::move(messages), std::move(done));
}

void NodeOutbox::PostFrom(From from, std::vector<Message> messages, Done done) {
  const auto refuse = [&](const absl::Status& why) {
    {
      MutexLock lock(&mu_);
      ++counters_["outbox_refused"];
    }
    if (done) done(why);
  };
  // Before they are copied: a file to a thousand nodes may not fit in memory.
  if (const uint64_t least = LeastBytes(messages); least > options_.max_bytes) {
    uint64_t waiting = 0;
    {
      MutexLock lock(&mu_);
      waiting = bytes_;
    }
    return refuse(Full(waiting, least, options_.max_bytes));
  }
  absl::StatusOr<std::vector<Message>> prepared =
      PrepareMessages(options_.identity, std::move(messages));
  if (!prepared.ok()) return refuse(prepared.status());
  // With the longest ID there is, so that the true one makes it no longer.
  uint64_t bytes = 0;
  for (Message& message : *prepared) {
    message.id = std::numeric_limits<int64_t>::max();
    const size_t size = EncodeMessage(message, LayoutOf(profile())).size();
    if (absl::Status status = TooLarge(message, size); !status.ok()) {
      return refuse(status);
    }
    bytes += size + kOverheadBytes;
  }
  absl::Status refused;
  {
    MutexLock lock(&mu_);
    if (closed_) {
      refused = Draining();
    } else if (bytes_ + bytes > options_.max_bytes) {
      refused = Full(bytes_, bytes, options_.max_bytes);
    } else {
      Posted post;
      post.from = from;
      post.done = done;
      for (Message& message : *prepared) {
        const uint64_t number = ++last_number_;
        message.id = static_cast<int64_t>(number);
        Added added = Address(number, message);
        post.subjects.emplace_back(std::move(added.subject),
                                   added.acknowledged);
        post.entries.push_back(
            {number, EncodeMessage(message, LayoutOf(profile()))});
        post.bytes += post.entries.back().body.size() + kOverheadBytes;
      }
      bytes_ += post.bytes;
      posts_.push_back(std::move(post));
      posted_.NotifyAll();
    }
  }
  if (!refused.ok()) refuse(refused);
}

absl::Status NodeOutbox::Send(std::vector<Message> messages) {
  Mutex mu;
  CondVar changed;
  bool is_done = false;
  absl::Status result;
  Post(std::move(messages), [&](const absl::Status& status) {
    MutexLock lock(&mu);
    result = status;
    is_done = true;
    changed.NotifyAll();
  });
  MutexLock lock(&mu);
  while (!is_done) changed.Wait(&mu);
  return result;
}

void NodeOutbox::SendNow(Message message) {
  absl::StatusOr<std::vector<Message>> prepared =
      PrepareMessages(options_.identity, {std::move(message)});
  MutexLock lock(&mu_);
  if (!prepared.ok() || closed_) {
    ++counters_["outbox_dropped"];
    return;
  }
  for (Message& one : *prepared) {
    one.id = static_cast<int64_t>(++last_number_);
    now_.push_back(MakeOutgoing(one, profile(), options_.identity.compression));
  }
  wake_ = true;
  woken_.NotifyAll();
}

void NodeOutbox::ReportError(absl::string_view text) {
  if (options_.error_node.empty()) return;
  {
    MutexLock lock(&mu_);
    if (!error_tokens_.TryTake(clock_.MonotonicNs())) {
      ++counters_["outbox_dropped"];
      return;
    }
  }
  PostFrom(From::kNodeItself,
           {MakeErrorLog(options_.identity, options_.error_node, ToUtf8(text),
                         clock_.Now())},
           nullptr);
}

absl::StatusOr<std::vector<UndeliveredMessage>> NodeOutbox::ListUndelivered(
    uint64_t after, size_t limit) {
  const auto rows = store_->ListGivenUp(after, limit);
  if (!rows.ok()) return StoreFailed(rows.status());
  std::vector<UndeliveredMessage> list;
  for (const OutboxStore::GivenUp& row : *rows) {
    UndeliveredMessage one;
    one.number = row.number;
    one.given_up = row.time;
    one.reason = row.reason;
    if (auto decoded = steward::DecodeMessage(row.body); decoded.ok()) {
      one.message = std::move(decoded->message);
      one.subject = Address(row.number, one.message).subject;
    }
    list.push_back(std::move(one));
  }
  return list;
}

absl::Status NodeOutbox::Resend(const std::vector<uint64_t>& numbers) {
  std::vector<std::pair<uint64_t, uint64_t>> pairs;
  {
    MutexLock lock(&mu_);
    if (closed_) return Draining();
    for (const uint64_t number : numbers) {
      pairs.emplace_back(number, ++last_number_);
    }
  }
  const auto entries = store_->Revive(pairs);
  if (absl::IsNotFound(entries.status())) {
    return MakeError(
        absl::StatusCode::kNotFound,
        absl::StrCat("undelivered message ", entries.status().message(),
                     "; ListUndelivered names those that are"),
        {.reason = "UNDELIVERED_NOT_FOUND",
         .metadata = {{"source", options_.source}}});
  }
  if (!entries.ok()) return StoreFailed(entries.status());
  MutexLock lock(&mu_);
  counters_["outbox_undelivered"] -= entries->size();
  for (const OutboxStore::Entry& entry : *entries) {
    const auto decoded = steward::DecodeMessage(entry.body);
    added_.push_back(decoded.ok() ? Address(entry.number, decoded->message)
                                  : Added{.number = entry.number});
    sizes_[entry.number] = entry.body.size() + kOverheadBytes;
    bytes_ += entry.body.size() + kOverheadBytes;
  }
  wake_ = true;
  woken_.NotifyAll();
  return absl::OkStatus();
}

std::map<std::string, uint64_t> NodeOutbox::counters() const {
  MutexLock lock(&mu_);
  std::map<std::string, uint64_t> all = counters_;
  all["outbox_waiting"] = sizes_.size();
  all["outbox_waiting_bytes"] = bytes_;
  all["outbox_published"] = sent_.transmissions;
  all["outbox_repeated"] = sent_.retransmissions;
  all["outbox_delivered"] = sent_.delivered;
  all["outbox_given_up"] = sent_.given_up;
  all["outbox_unanswered"] = sent_.timeouts;
  all["outbox_no_responders"] = sent_.no_responders;
  all["outbox_dropped"] += sent_.dropped_now;
  // As the originals name them.
  all["nats_delivered_total"] = sent_.delivered;
  all["nats_messages_failed_acks_total"] = sent_.given_up;
  all["nats_messages_missed_acks_total"] = sent_.timeouts;
  all["messages_processed_id_last"] = last_settled_;
  all["in_memory_buffer_messages_current"] = in_flight_;
  all["db_messages_current"] = sizes_.size();
  for (auto it = all.begin(); it != all.end();) {
    it = it->second == 0 ? all.erase(it) : std::next(it);
  }
  return all;
}

void NodeOutbox::WriterRun() {
  while (true) {
    std::vector<Posted> posts;
    {
      MutexLock lock(&mu_);
      while (posts_.empty() && !closed_) posted_.Wait(&mu_);
      if (posts_.empty()) return;
      posts.swap(posts_);
    }
    Write(std::move(posts));
  }
}

void NodeOutbox::Write(std::vector<Posted> posts) {
  std::vector<OutboxStore::Entry> all;
  for (Posted& post : posts) {
    for (OutboxStore::Entry& entry : post.entries) {
      all.push_back(std::move(entry));
    }
  }
  absl::Status status = store_->Add(all);
  if (status.ok() || posts.size() == 1) {
    if (!status.ok()) LogError(options_.source, "outbox: ", status.message());
    for (Posted& post : posts) Written(post, status);
    return;
  }
  // What is too large for the disk must not take the others with it.
  size_t next = 0;
  for (Posted& post : posts) {
    std::vector<OutboxStore::Entry> entries;
    for (size_t i = 0; i < post.entries.size(); ++i) {
      entries.push_back(std::move(all[next++]));
    }
    status = store_->Add(entries);
    if (!status.ok()) LogError(options_.source, "outbox: ", status.message());
    Written(post, status);
  }
}

void NodeOutbox::Written(Posted& post, const absl::Status& status) {
  {
    MutexLock lock(&mu_);
    if (status.ok()) {
      for (size_t i = 0; i < post.entries.size(); ++i) {
        const uint64_t number = post.entries[i].number;
        sizes_[number] = post.bytes / post.entries.size();
        added_.push_back({.number = number,
                          .subject = std::move(post.subjects[i].first),
                          .acknowledged = post.subjects[i].second});
      }
      counters_[post.from == From::kOthers ? "user_messages_total"
                                           : "error_messages_sent_total"] +=
          post.entries.size();
      // What the division left over.
      if (!post.entries.empty()) {
        sizes_[post.entries[0].number] += post.bytes % post.entries.size();
      }
      wake_ = true;
      woken_.NotifyAll();
    } else {
      bytes_ -= post.bytes;
      ++counters_["outbox_refused"];
    }
  }
  if (post.done) post.done(status.ok() ? status : StoreFailed(status));
}

void NodeOutbox::Wake() {
  MutexLock lock(&mu_);
  wake_ = true;
  woken_.NotifyAll();
}

}  // namespace weir
