#include "host/source/jetstream_acks.h"

#include <algorithm>
#include <iterator>

#include "absl/status/status.h"

namespace weir {
namespace {

// How long what a handler lost rests before it comes again: a handler that is
// not there, or dies of it each time, is not to make a busy loop of it.
constexpr absl::Duration kFirstDelay = absl::Milliseconds(100);
constexpr absl::Duration kLongestDelay = absl::Seconds(30);

// While so many messages are in hand, those that are done wait so long for
// others, until there are so many: a thread that is woken for each costs more
// than all the rest. cnats waits as long before it writes.
constexpr size_t kMany = 64;
constexpr absl::Duration kLinger = absl::Milliseconds(1);

absl::Duration DelayAfter(uint64_t deliveries) {
  const uint64_t doublings = std::min<uint64_t>(deliveries - 1, 16);
  return std::min(kFirstDelay * (int64_t{1} << doublings), kLongestDelay);
}

}  // namespace

JetStreamAcks::JetStreamAcks(Options options, NatsConnection* connection,
                             const Clock& clock)
    : options_(options),
      clock_(clock),
      period_ns_(absl::ToInt64Nanoseconds(options.ack_wait) / 3),
      connection_(connection),
      thread_([this] { Run(); }) {}

JetStreamAcks::~JetStreamAcks() { Stop(absl::ZeroDuration()); }

void JetStreamAcks::Connected() {
  MutexLock lock(&mu_);
  connected_ = true;
  ++connections_;
  tell_all_ = true;
  told_.NotifyAll();
}

void JetStreamAcks::ConsumerIsNew() {
  MutexLock lock(&mu_);
  ++consumers_;
  words_.clear();
  for (auto at = in_hand_.begin(); at != in_hand_.end();) {
    at->second.of_another = true;
    at = at->second.settled ? in_hand_.erase(at) : std::next(at);
  }
}

void JetStreamAcks::SetReading(bool reading) {
  MutexLock lock(&mu_);
  reading_ = reading;
}

bool JetStreamAcks::InHand(const Message& message) {
  MutexLock lock(&mu_);
  const auto at = in_hand_.find(message.of_stream.sequence);
  if (at == in_hand_.end()) return false;
  InHandOne& one = at->second;
  // Of a stream that was deleted and made anew, the same number is another
  // message; what is said of the old one would be taken for this one's.
  if (one.time_ns != message.of_stream.time_ns) {
    in_hand_.erase(at);
    words_.erase(std::remove_if(words_.begin(), words_.end(),
                                [&](const Word& word) {
                                  return word.sequence ==
                                         message.of_stream.sequence;
                                }),
                 words_.end());
    return false;
  }
  one.of_another = false;
  one.deliveries = message.of_stream.deliveries;
  one.told_ns = clock_.MonotonicNs();
  return true;
}

Receipt JetStreamAcks::HandOut(std::vector<Message> messages) {
  std::vector<uint64_t> sequences;
  sequences.reserve(messages.size());
  const int64_t now_ns = clock_.MonotonicNs();
  uint64_t batch = 0;
  {
    MutexLock lock(&mu_);
    batch = ++batches_;
    for (Message& message : messages) {
      sequences.push_back(message.of_stream.sequence);
      in_hand_[message.of_stream.sequence] = {
          .batch = batch,
          .time_ns = message.of_stream.time_ns,
          .deliveries = message.of_stream.deliveries,
          .told_ns = now_ns,
          .settled = false,
          .of_another = false,
          .reply = std::move(message.reply)};
    }
  }
  return Receipt([self = shared_from_this(), batch,
                  sequences = std::move(sequences)](Outcome outcome) {
    self->Complete(batch, sequences, outcome);
  });
}

std::string JetStreamAcks::TextFor(Outcome outcome, uint64_t deliveries) const {
  if (outcome != Outcome::kSomeLost) return std::string(kJetStreamAck);
  if (interrupted_) return JetStreamNak(absl::ZeroDuration());
  if (options_.ack_incomplete) return std::string(kJetStreamAck);
  return JetStreamNak(DelayAfter(deliveries));
}

void JetStreamAcks::Complete(uint64_t batch,
                             const std::vector<uint64_t>& sequences,
                             Outcome outcome) {
  MutexLock lock(&mu_);
  for (const uint64_t sequence : sequences) {
    const auto at = in_hand_.find(sequence);
    if (at == in_hand_.end() || at->second.batch != batch) continue;
    InHandOne& one = at->second;
    if (one.of_another) {
      in_hand_.erase(at);
      continue;
    }
    one.settled = true;
    std::string text = TextFor(outcome, one.deliveries);
    const bool done = text == kJetStreamAck;
    words_.push_back(
        {sequence, batch, done, std::move(one.reply), std::move(text)});
    // In between the thread knows, or waits for more.
    if (words_.size() == 1 || words_.size() == kMany) told_.NotifyAll();
  }
  if (stopped_) {
    words_.clear();
    for (const uint64_t sequence : sequences) in_hand_.erase(sequence);
  }
}

void JetStreamAcks::Run() {
  int64_t next_ns = clock_.MonotonicNs() + period_ns_;
  while (true) {
    std::vector<Word> words;
    uint64_t consumers = 0;
    uint64_t connection = 0;
    bool of_all = false;
    bool due = false;
    {
      MutexLock lock(&mu_);
      int64_t now_ns = clock_.MonotonicNs();
      while (!stopping_ && (words_.empty() || !connected_) && !tell_all_ &&
             now_ns < next_ns) {
        told_.WaitFor(&mu_, absl::Nanoseconds(next_ns - now_ns));
        now_ns = clock_.MonotonicNs();
      }
      if (stopping_ && (words_.empty() || !connected_)) return;
      Linger();
      of_all = std::exchange(tell_all_, false);
      due = now_ns >= next_ns;
      if (due) next_ns = now_ns + period_ns_;
      if (connected_) words.swap(words_);
      consumers = consumers_;
      connection = connections_;
      writing_ = !words.empty();
    }
    words = Write(std::move(words), connection);
    {
      MutexLock lock(&mu_);
      if (consumers != consumers_) words.clear();
      // Before those that came meanwhile.
      words.insert(words.end(), std::make_move_iterator(words_.begin()),
                   std::make_move_iterator(words_.end()));
      words_ = std::move(words);
      writing_ = false;
      told_.NotifyAll();
    }
    if (of_all || due) TellInProgress(of_all);
  }
}

void JetStreamAcks::Linger() {
  const int64_t until_ns =
      clock_.MonotonicNs() + absl::ToInt64Nanoseconds(kLinger);
  while (!stopping_ && !words_.empty() && words_.size() < kMany &&
         in_hand_.size() >= words_.size() + kMany) {
    const int64_t now_ns = clock_.MonotonicNs();
    if (now_ns >= until_ns) return;
    told_.WaitFor(&mu_, absl::Nanoseconds(until_ns - now_ns));
  }
}

std::vector<JetStreamAcks::Word> JetStreamAcks::Write(std::vector<Word> words,
                                                      uint64_t connection) {
  if (words.empty()) return words;
  size_t written = 0;
  uint64_t acks = 0;
  for (; written < words.size(); ++written) {
    const Word& word = words[written];
    const absl::Status status =
        connection_->PublishTo(word.reply, "", word.text);
    if (absl::IsUnavailable(status)) break;
    acks += word.done ? 1 : 0;
  }
  MutexLock lock(&mu_);
  for (size_t i = 0; i < written; ++i) {
    const auto at = in_hand_.find(words[i].sequence);
    if (at != in_hand_.end() && at->second.batch == words[i].batch) {
      in_hand_.erase(at);
    }
  }
  counts_.acks += acks;
  counts_.naks += written - acks;
  if (written < words.size()) Unwritten(connection);
  words.erase(words.begin(), words.begin() + static_cast<ptrdiff_t>(written));
  return words;
}

void JetStreamAcks::TellInProgress(bool of_all) {
  std::vector<std::string> replies;
  bool reading = false;
  uint64_t connection = 0;
  {
    MutexLock lock(&mu_);
    if (!connected_) return;
    connection = connections_;
    reading = reading_;
    const int64_t now_ns = clock_.MonotonicNs();
    for (auto& [sequence, one] : in_hand_) {
      if (one.settled || one.of_another ||
          (!of_all && now_ns - one.told_ns < period_ns_ / 2)) {
        continue;
      }
      one.told_ns = now_ns;
      replies.push_back(one.reply);
    }
  }
  if (reading) {
    for (std::string& reply : connection_->WaitingReplies()) {
      replies.push_back(std::move(reply));
    }
  }
  uint64_t written = 0;
  for (const std::string& reply : replies) {
    if (absl::IsUnavailable(
            connection_->PublishTo(reply, "", kJetStreamInProgress))) {
      break;
    }
    ++written;
  }
  MutexLock lock(&mu_);
  counts_.in_progress += written;
  if (written < replies.size()) Unwritten(connection);
}

void JetStreamAcks::Unwritten(uint64_t connection) {
  ++counts_.unsent;
  if (connection == connections_) connected_ = false;
}

void JetStreamAcks::Stop(absl::Duration budget) {
  {
    MutexLock lock(&mu_);
    const int64_t until_ns =
        clock_.MonotonicNs() + absl::ToInt64Nanoseconds(budget);
    while (!stopping_ && connected_ && (!words_.empty() || writing_)) {
      const int64_t now_ns = clock_.MonotonicNs();
      if (now_ns >= until_ns) break;
      told_.WaitFor(&mu_, absl::Nanoseconds(until_ns - now_ns));
    }
    stopping_ = true;
    connected_ = false;
    told_.NotifyAll();
  }
  if (thread_.joinable()) thread_.join();
  MutexLock lock(&mu_);
  stopped_ = true;
  words_.clear();
}

JetStreamAcks::Counts JetStreamAcks::counts() const {
  MutexLock lock(&mu_);
  Counts counts = counts_;
  counts.in_hand = in_hand_.size();
  counts.oldest = in_hand_.empty() ? 0 : in_hand_.begin()->first;
  return counts;
}

}  // namespace weir
