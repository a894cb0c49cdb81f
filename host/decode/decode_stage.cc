#include "host/decode/decode_stage.h"

#include <algorithm>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "host/decode/message_text.h"
#include "host/log/log.h"
#include "host/pipeline/event.h"

namespace weir {
namespace {

constexpr uint16_t kMsgRedelivered = 1;  // weir_msg.flags

}  // namespace

DecodeStage::DecodeStage(DecodeStageOptions options,
                         std::unique_ptr<Decoder> decoder, const Parts& parts)
    : options_(std::move(options)),
      decoder_(std::move(decoder)),
      parts_(parts),
      writer_(parts.pool) {}

void DecodeStage::Accept(FrameBatch& batch) {
  Tally tally;
  const int64_t begin_ns = parts_.clock.MonotonicNs();
  const int64_t recv_ns = absl::ToUnixNanos(batch.received_at);
  const bool raw = parts_.sink.Wanted(kTypeRaw);
  writer_.Begin(Wrap(std::move(batch.receipt)));
  for (size_t i = 0; i < batch.frames.size(); ++i) {
    const Message* const before = writer_.last();
    DecodeFrame(
        batch.frames[i],
        batch.subjects.empty() ? absl::string_view() : batch.subjects[i], raw,
        &tally);
    if (!batch.notes.empty()) Annotate(before, batch.notes[i]);
  }
  FinishMessages(recv_ns, &tally);
  const int64_t end_ns = parts_.clock.MonotonicNs();
  tally.decode_ns = end_ns - begin_ns;
  if (!tally.first_problem.empty()) {
    LogWarning(options_.source, "skipped ", tally.parse_errors,
               " bad payloads; the first: ", tally.first_problem);
  }
  if (!tally.first_with_reason.empty() && parts_.upstream_error) {
    parts_.upstream_error(tally.first_with_reason);
  }
  // Counted before they are handed on, so that no handler has seen more than
  // the statistics tell.
  Add(std::move(tally), recv_ns, end_ns);
  MessageBatchRef messages = writer_.Finish();
  if (messages) parts_.sink.Dispatch(std::move(messages));
}

Receipt DecodeStage::Wrap(Receipt receipt) {
  completions_->handed_out.fetch_add(1, std::memory_order_relaxed);
  return Receipt([receipt = std::move(receipt),
                  completions = completions_](Outcome outcome) mutable {
    auto& count = outcome == Outcome::kSomeLost ? completions->incomplete
                                                : completions->completed;
    count.fetch_add(1, std::memory_order_release);
    receipt.Complete(outcome);
  });
}

void DecodeStage::DecodeFrame(absl::string_view frame,
                              absl::string_view subject, bool raw,
                              Tally* tally) {
  tally->bytes += frame.size();
  absl::string_view payload = frame;
  if (raw) {
    const MessageWriter::Room room = writer_.Reserve(frame, 0, 0);
    room.message->view.type_id = kTypeRaw;
    payload = room.message->payload();
    writer_.Commit(0, 0);
  }
  const Decoded decoded = decoder_->DecodeFrom(subject, payload, writer_);
  switch (decoded.verdict) {
    case Decoded::Verdict::kMessages:
      tally->unknown_types += decoded.unknown_types;
      break;
    case Decoded::Verdict::kParseError:
      if (tally->parse_errors++ == 0) tally->first_problem = decoded.text;
      if (!decoded.reason.empty()) {
        ++tally->by_reason[decoded.reason];
        if (tally->first_with_reason.empty()) {
          tally->first_with_reason =
              absl::StrCat(decoded.reason, ": ", decoded.text);
        }
      }
      // The last ones are kept, so these need not all be.
      if (tally->samples.size() == options_.samples &&
          !tally->samples.empty()) {
        tally->samples.erase(tally->samples.begin());
      }
      if (options_.samples > 0) {
        tally->samples.emplace_back(frame.substr(0, kSampleBytes));
      }
      break;
    case Decoded::Verdict::kNotAMessage:
      ++tally->not_messages;
      break;
    case Decoded::Verdict::kEmpty:
      ++tally->empty;
      break;
    case Decoded::Verdict::kUpstreamError:
      ++tally->not_messages;
      ++tally->upstream_errors;
      TellUpstreamError(decoded.text);
      break;
  }
}

void DecodeStage::Annotate(const Message* before, const FrameNote& note) {
  writer_.ForEachAfter(before, [&](Message& message) {
    weir_msg& view = message.view;
    if (view.ts_ns == 0) view.ts_ns = note.time_ns;
    if (note.redelivered) view.flags |= kMsgRedelivered;
  });
}

void DecodeStage::FinishMessages(int64_t recv_ns, Tally* tally) {
  tally->by_type.resize(kWellKnownTypes);
  writer_.ForEach([&](Message& message) {
    weir_msg& view = message.view;
    view.seq = parts_.last_seq.fetch_add(1, std::memory_order_relaxed) + 1;
    view.recv_ns = recv_ns;
    view.source_id = options_.source_id;
    if (view.type_id == kTypeRaw) return;
    ++tally->messages;
    if (view.type_id >= tally->by_type.size()) {
      tally->by_type.resize(view.type_id + 1);
    }
    ++tally->by_type[view.type_id];
    tally->newest_event_ns = std::max(tally->newest_event_ns, view.ts_ns);
    if (view.type_id == kTypeOpen || view.type_id == kTypeNotification) {
      LogSession(message);
    }
  });
}

void DecodeStage::LogSession(const Message& message) const {
  LogInfo(options_.source, DescribeSession(message));
}

void DecodeStage::TellUpstreamError(absl::string_view text) const {
  LogWarning(options_.source, "the server says: ", text);
  if (parts_.upstream_error) parts_.upstream_error(text);
}

void DecodeStage::Add(Tally tally, int64_t recv_ns, int64_t now_ns) {
  if (tally.messages > 0) {
    last_message_ns_.store(recv_ns, std::memory_order_relaxed);
  }
  if (tally.newest_event_ns != 0) {
    newest_event_ns_.store(tally.newest_event_ns, std::memory_order_relaxed);
  }
  MutexLock lock(&mu_);
  total_.by_type.resize(std::max(total_.by_type.size(), tally.by_type.size()));
  for (size_t i = 0; i < tally.by_type.size(); ++i) {
    total_.by_type[i] += tally.by_type[i];
  }
  total_.messages += tally.messages;
  total_.bytes += tally.bytes;
  total_.parse_errors += tally.parse_errors;
  for (const auto& [reason, count] : tally.by_reason) {
    total_.by_reason[reason] += count;
  }
  total_.empty += tally.empty;
  total_.not_messages += tally.not_messages;
  total_.unknown_types += tally.unknown_types;
  total_.upstream_errors += tally.upstream_errors;
  for (std::string& sample : tally.samples) {
    if (samples_.size() == options_.samples) samples_.pop_front();
    samples_.push_back(std::move(sample));
  }
  message_rate_.Add(tally.messages, now_ns);
  byte_rate_.Add(tally.bytes, now_ns);
  if (tally.messages == 0) return;
  decode_histogram_.Record(
      static_cast<uint64_t>(tally.decode_ns) / tally.messages, tally.messages,
      now_ns);
  if (tally.newest_event_ns == 0) return;
  // A source whose clock is ahead of ours is not behind.
  const int64_t lag_ns = std::max(recv_ns - tally.newest_event_ns, int64_t{0});
  lag_ = absl::Nanoseconds(lag_ns);
  lag_histogram_.Record(static_cast<uint64_t>(lag_ns), 1, now_ns);
}

SourceStats DecodeStage::Read() const {
  const int64_t now_ns = parts_.clock.MonotonicNs();
  SourceStats stats;
  stats.name = options_.source;
  stats.last_message_time = last_message_time();
  // In this order, so that what completes meanwhile does not make fewer than
  // none open.
  stats.completed_batches =
      completions_->completed.load(std::memory_order_acquire);
  stats.incomplete_batches =
      completions_->incomplete.load(std::memory_order_acquire);
  stats.open_batches =
      completions_->handed_out.load(std::memory_order_acquire) -
      stats.completed_batches - stats.incomplete_batches;
  MutexLock lock(&mu_);
  stats.messages = total_.messages;
  stats.bytes = total_.bytes;
  for (size_t i = 0; i < total_.by_type.size(); ++i) {
    if (total_.by_type[i] == 0) continue;
    stats.messages_by_type[std::string(parts_.types.Name(i))] =
        total_.by_type[i];
  }
  stats.parse_errors = total_.parse_errors;
  stats.unknown_types = total_.unknown_types;
  stats.upstream_errors = total_.upstream_errors;
  uint64_t without_reason = total_.parse_errors;
  for (const auto& [reason, count] : total_.by_reason) {
    stats.skipped_by_reason[reason] = count;
    without_reason -= count;
  }
  for (const auto& [reason, count] :
       {std::pair("parse_error", without_reason),
        std::pair("empty", total_.empty),
        std::pair("not_a_message", total_.not_messages)}) {
    if (count > 0) stats.skipped_by_reason[reason] = count;
  }
  stats.messages_per_second = message_rate_.PerSecond(now_ns);
  stats.bits_per_second = 8 * byte_rate_.PerSecond(now_ns);
  stats.lag = lag_;
  stats.lag_distribution = lag_histogram_.Read(now_ns);
  stats.decode = decode_histogram_.Read(now_ns);
  stats.bad_samples.assign(samples_.begin(), samples_.end());
  return stats;
}

}  // namespace weir
