#include "sim/stream_body.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <utility>

#include "absl/time/clock.h"
#include "sim/fault_lines.h"

namespace weir::sim {
namespace {

// A stream that has to wait waits at least this long and then sends all that is
// due, so that a high rate costs no more wake-ups than 200 a second.
constexpr absl::Duration kShortestPause = absl::Milliseconds(5);

}  // namespace

StreamBody::StreamBody(SessionPool::Lease lease, LineEditor editor,
                       Options options, FaultScript& script,
                       const StopSignal& stop, int socket,
                       std::atomic<uint64_t>& sent)
    : lease_(std::move(lease)),
      editor_(std::move(editor)),
      hold_at_end_(options.hold_at_end),
      requested_at_(lease_.session().position() +
                    (options.fault.has_value() ? options.fault->after : 0)),
      script_(script),
      stop_(stop),
      socket_(socket),
      sent_(sent),
      gzip_(options.gzip ? std::make_unique<GzipEncoder>() : nullptr),
      began_(absl::Now()),
      began_at_(lease_.session().NextAt().value_or(absl::ZeroDuration())) {
  if (options.fault.has_value()) requested_ = options.fault->fault;
}

ssize_t StreamBody::Read(char* buffer, size_t room) {
  while (pending_.empty()) {
    if (!end_.has_value()) {
      Produce(room);
    } else if (*end_ == kEnd && gzip_ != nullptr) {
      text_ = gzip_->Finish();
      pending_ = text_;
      gzip_.reset();
    } else {
      // Before the client can see the end, and come back.
      lease_.Release();
      return *end_;
    }
  }
  const size_t size = std::min(room, pending_.size());
  std::memcpy(buffer, pending_.data(), size);
  pending_.remove_prefix(size);
  return static_cast<ssize_t>(size);
}

void StreamBody::Produce(size_t room) {
  if (ApplyDueFault()) return;
  Session& session = lease_.session();
  const std::optional<absl::Duration> at = session.NextAt();
  if (!at.has_value()) return EndOfStream();
  const absl::Time now = absl::Now();
  const absl::Duration wait = (*at - began_at_) - (now - began_);
  if (wait > absl::ZeroDuration()) {
    return Pause(std::max(wait, kShortestPause));
  }
  const absl::Duration until = std::max(*at, began_at_ + (now - began_));
  const LineBatch batch = session.Take(until, MessagesToNextFault(), room, now);
  if (editor_.edits()) {
    SendEdited(batch.text);
    // A filter may leave nothing; then nothing is sent that could go wrong.
    if (pending_.empty()) Pause(absl::ZeroDuration());
    return;
  }
  sent_ += batch.messages;
  Send(batch.text);
}

void StreamBody::SendEdited(absl::string_view lines) {
  std::string edited;
  sent_ += editor_.Edit(lines, edited);
  text_ = std::move(edited);
  Send(text_);
}

void StreamBody::Send(absl::string_view text) {
  if (gzip_ == nullptr || text.empty()) {
    pending_ = text;
    return;
  }
  text_ = gzip_->Add(text);
  pending_ = text_;
}

void StreamBody::Pause(absl::Duration duration) {
  if (stop_.WaitFor(duration, socket_) != StopSignal::Woken::kTimeUp) {
    end_ = kCut;
  }
}

void StreamBody::EndOfStream() {
  if (hold_at_end_) return Pause(absl::InfiniteDuration());
  end_ = kEnd;
}

uint64_t StreamBody::MessagesToNextFault() const {
  const uint64_t position = lease_.session().position();
  const uint64_t to_scripted = script_.MessagesToNext(position);
  return requested_.has_value()
             ? std::min(to_scripted, requested_at_ - position)
             : to_scripted;
}

bool StreamBody::ApplyDueFault() {
  const uint64_t position = lease_.session().position();
  if (requested_.has_value() && position >= requested_at_) {
    Apply(*std::exchange(requested_, std::nullopt));
    return true;
  }
  const std::optional<Fault> scripted = script_.TakeForStream(position);
  if (!scripted.has_value()) return false;
  Apply(*scripted);
  return true;
}

void StreamBody::Apply(const Fault& fault) {
  const absl::Time now = absl::Now();
  switch (fault.kind) {
    case FaultKind::kCutMidLine:
      return CutMidLine();
    case FaultKind::kEof:
      end_ = kEnd;
      return;
    case FaultKind::kStall:
      return Pause(fault.arg == 0 ? absl::InfiniteDuration()
                                  : absl::Seconds(fault.arg));
    case FaultKind::kGarbage:
      text_ = GarbageLine();
      return Send(text_);
    case FaultKind::kUnknownType:
      text_ = UnknownTypeLines(now);
      return Send(text_);
    case FaultKind::kLongLine:
      text_ = LongLine(fault.arg, now);
      return Send(text_);
    case FaultKind::kRisError:
      end_ = kEnd;
      text_ = RisErrorLine();
      return Send(text_);
    case FaultKind::kOldFormat:
      return editor_.UseOldFormat();
    case FaultKind::kBurst:
      text_ = BurstLines(fault.arg, now);
      return Send(text_);
    case FaultKind::kHttp500:
    case FaultKind::kHttp404:
    case FaultKind::kRedirect:
    case FaultKind::kSlowHeaders:
    case FaultKind::kGzip:
      break;  // Faults of the request, which has been answered by now.
  }
}

// The line comes again, whole, to the client's next connection.
void StreamBody::CutMidLine() {
  end_ = kCut;
  Session& session = lease_.session();
  const std::optional<absl::Duration> at = session.NextAt();
  if (!at.has_value()) return;
  const LineBatch batch = session.Take(*at, 1, 1, absl::Now());
  const std::string line(batch.text);
  session.PutBack(line, *at);
  text_ = line.substr(0, line.size() / 2);
  Send(text_);
}

}  // namespace weir::sim
