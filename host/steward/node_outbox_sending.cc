// The thread that sends; what hands messages in is in node_outbox.cc.
#include <algorithm>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "host/log/log.h"
#include "host/pipeline/event.h"
#include "host/status/json_text.h"
#include "host/steward/node_outbox.h"
#include "host/steward/outgoing.h"
#include "lib/steward/message_codec.h"

namespace weir {
namespace {

using steward::Message;

// After a write that failed.
constexpr absl::Duration kSaveAgain = absl::Seconds(1);

}  // namespace

void NodeOutbox::SenderRun() {
  while (true) {
    TakeIn(clock_.MonotonicNs());
    KeepConnected(clock_.MonotonicNs());
    const int64_t hello_ns = SayHello(clock_.MonotonicNs());
    int64_t next_ns = std::min(hello_ns, sender_.Turn(clock_.MonotonicNs()));
    if (linked_ && !sender_.connected()) {
      Lost(absl::UnavailableError("a message could not be written to it"),
           clock_.MonotonicNs());
    }
    {
      // Before it is taken from those that wait: it is never in neither.
      MutexLock lock(&mu_);
      sent_ = sender_.counters();
      in_flight_ = sender_.in_flight();
    }
    SaveSettled(clock_.MonotonicNs());
    if (!linked_) next_ns = std::min(next_ns, connect_ns_);
    if (save_failed_) next_ns = std::min(next_ns, save_ns_);
    MutexLock lock(&mu_);
    counters_["outbox_connected"] = linked_ ? 1 : 0;
    idle_ = !linked_ || sender_.waiting() == 0;
    if (idle_) posted_.NotifyAll();
    while (!wake_ && !stopping_) {
      const int64_t now_ns = clock_.MonotonicNs();
      if (now_ns >= next_ns) break;
      woken_.WaitFor(&mu_, absl::Nanoseconds(next_ns - now_ns));
    }
    wake_ = false;
    if (stopping_) return;
  }
}

void NodeOutbox::TakeIn(int64_t now_ns) {
  std::vector<Added> added;
  std::vector<Outgoing> at_once;
  {
    MutexLock lock(&mu_);
    added.swap(added_);
    at_once.swap(now_);
    if (!added.empty()) idle_ = false;
  }
  for (const Added& one : added) {
    sender_.Add(one.number, one.subject, one.acknowledged);
  }
  for (const Outgoing& one : at_once) sender_.SendNow(one);
  const NatsTransport::News news = transport_.Take();
  for (const NatsTransport::News::Answered& one : news.answers) {
    sender_.Answered(one.reply, one.answer, now_ns);
  }
  if (news.ended && linked_) Lost(news.why, now_ns);
}

void NodeOutbox::KeepConnected(int64_t now_ns) {
  if (linked_ || now_ns < connect_ns_) return;
  const absl::Status status = transport_.Connect();
  now_ns = clock_.MonotonicNs();
  if (status.ok()) {
    linked_ = true;
    linked_ns_ = now_ns;
    hello_ns_ = now_ns;
    told_down_ = false;
    sender_.Connected();
    LogInfo(options_.source, "outbox: connected to ", transport_.endpoint(),
            "; ", sender_.waiting(), " messages wait");
    return;
  }
  connect_ns_ = now_ns + absl::ToInt64Nanoseconds(backoff_.Next());
  if (std::exchange(told_down_, true)) return;
  LogWarning(options_.source, "outbox: not connected: ", status.message(), "; ",
             sender_.waiting(), " messages wait until it is");
}

int64_t NodeOutbox::SayHello(int64_t now_ns) {
  if (!linked_ || options_.central_node.empty()) {
    return std::numeric_limits<int64_t>::max();
  }
  if (now_ns < hello_ns_) return hello_ns_;
  hello_ns_ = now_ns + absl::ToInt64Nanoseconds(options_.hello_interval);
  absl::StatusOr<std::vector<Message>> hello = PrepareMessages(
      options_.identity,
      {MakeHello(options_.identity, options_.central_node, public_key_)});
  if (!hello.ok()) {
    LogWarning(options_.source, "hello to ", options_.central_node, ": ",
               hello.status().message());
    return hello_ns_;
  }
  {
    MutexLock lock(&mu_);
    hello->front().id = static_cast<int64_t>(++last_number_);
  }
  sender_.SendNow(
      MakeOutgoing(hello->front(), profile(), options_.identity.compression));
  return hello_ns_;
}

void NodeOutbox::Lost(const absl::Status& why, int64_t now_ns) {
  linked_ = false;
  transport_.Disconnect();
  sender_.Disconnected();
  if (absl::Nanoseconds(now_ns - linked_ns_) > backoff_.options().reset_after) {
    backoff_.Reset();
  }
  connect_ns_ = now_ns + absl::ToInt64Nanoseconds(backoff_.Next());
  told_down_ = true;
  LogWarning(options_.source, "outbox: the connection ended: ", why.message(),
             "; ", sender_.waiting(), " messages wait");
}

void NodeOutbox::SaveSettled(int64_t now_ns) {
  if (keeper_.delivered.empty() && keeper_.given_up.empty()) return;
  if (save_failed_ && now_ns < save_ns_) return;
  std::vector<uint64_t> numbers;
  uint64_t forgotten = 0;
  absl::Status status;
  if (!keeper_.delivered.empty()) {
    status = store_->Remove(keeper_.delivered);
    if (status.ok()) numbers = std::exchange(keeper_.delivered, {});
  }
  std::vector<std::pair<OutboxStore::GivenUp, Message>> told;
  if (status.ok() && !keeper_.given_up.empty()) {
    for (const OutboxStore::GivenUp& one : keeper_.given_up) {
      const auto body = store_->Body(one.number);
      const auto decoded = steward::DecodeMessage(body.value_or(""));
      told.emplace_back(one, decoded.ok() ? decoded->message : Message());
    }
    const auto dropped = store_->GiveUp(keeper_.given_up, options_.max_bytes);
    status = dropped.status();
    if (status.ok()) {
      forgotten = *dropped;
      keeper_.given_up.clear();
      for (const auto& [one, message] : told) numbers.push_back(one.number);
    } else {
      told.clear();
    }
  }
  if (!status.ok()) {
    save_ns_ = now_ns + absl::ToInt64Nanoseconds(kSaveAgain);
    if (!std::exchange(save_failed_, true)) {
      LogError(options_.source,
               "outbox: what was delivered cannot be noted, and would be sent "
               "again by a new start: ",
               status.message());
    }
  } else {
    save_failed_ = false;
  }
  {
    MutexLock lock(&mu_);
    if (!numbers.empty()) last_settled_ = numbers.back();
    for (const uint64_t number : numbers) {
      const auto size = sizes_.find(number);
      if (size == sizes_.end()) continue;
      bytes_ -= size->second;
      sizes_.erase(size);
    }
    if (!told.empty()) {
      counters_["outbox_undelivered"] += told.size() - forgotten;
    }
    if (forgotten > 0) counters_["outbox_forgotten"] += forgotten;
  }
  if (forgotten > 0) {
    LogWarning(options_.source, "outbox: ", forgotten,
               " undelivered messages, the oldest, are not kept any more");
  }
  for (const auto& [one, message] : told) TellGivenUp(one, message);
}

void NodeOutbox::TellGivenUp(const OutboxStore::GivenUp& one,
                             const Message& message) {
  LogWarning(options_.source, "outbox: gave up message ", message.id, ", ",
             message.method, " to ", message.to_node, ": ", one.reason);
  const absl::Status status =
      events_.Publish({.type = "weir.steward.given_up",
                       .source = options_.source,
                       .subject = message.to_node,
                       .severity = Severity::kWarning,
                       .json = absl::StrCat(
                           R"({"number":)", one.number, R"(,"id":)", message.id,
                           R"(,"method":)", ToJsonString(message.method),
                           R"(,"to_node":)", ToJsonString(message.to_node),
                           R"(,"reason":)", ToJsonString(one.reason), "}"),
                       .labels = {{"method", ToUtf8(message.method)}}});
  if (!status.ok()) LogError(options_.source, status.message());
  if (IsErrorLog(message)) return;
  ReportError(absl::StrCat("max retries reached for message ", message.id, ", ",
                           message.method, " to ", message.to_node, ": ",
                           one.reason));
}

}  // namespace weir
