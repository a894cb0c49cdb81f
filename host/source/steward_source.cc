#include "host/source/steward_source.h"

#include <fstream>
#include <iterator>
#include <optional>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "host/source/source_error.h"
#include "lib/steward/layout.h"
#include "lib/steward/message.h"
#include "lib/steward/payload.h"
#include "lib/steward/refusal.h"
#include "lib/steward/signature.h"
#include "lib/steward/subject.h"

namespace weir {
namespace {

using Question = StewardAnswers::Question;

steward::PayloadHeaders HeadersOf(natsMsg* message) {
  steward::PayloadHeaders headers;
  const auto read = [message](const char* name) {
    const char* value = nullptr;
    return natsMsgHeader_Get(message, name, &value) == NATS_OK &&
                   value != nullptr
               ? std::optional<absl::string_view>(value)
               : std::nullopt;
  };
  headers.serial = read("serial");
  headers.cmp = read("cmp");
  return headers;
}

// For people.
std::string StateOf(const StewardProcessStatus& process) {
  switch (process.state) {
    case StewardProcessStatus::State::kStarting:
      return "starting";
    case StewardProcessStatus::State::kRunning:
      return "running";
    case StewardProcessStatus::State::kStopped:
      return "stopped";
    case StewardProcessStatus::State::kEnded:
      return absl::StrCat("ended: ", process.why);
  }
  return "";
}

}  // namespace

StewardSource::StewardSource(StewardOptions options,
                             std::shared_ptr<StewardProcesses> processes,
                             const Clock& clock)
    : options_(std::move(options)),
      processes_(std::move(processes)),
      clock_(clock),
      connection_(options_),
      description_{.kind = "nats", .endpoint = connection_.endpoint()},
      gate_(processes_, options_.max_payload_bytes),
      answers_(std::make_shared<StewardAnswers>(&connection_, processes_)),
      duplicates_(
          std::make_shared<DuplicateWindow>(options_.duplicate_window, clock)),
      schedules_(processes_, clock),
      relay_(options_.outbox != nullptr &&
                     processes_->profile() == steward::Profile::kS0
                 ? std::make_unique<StewardRelay>(*options_.outbox)
                 : nullptr) {
  processes_->SetWake([this] { connection_.Poke(); });
}

StewardSource::~StewardSource() {
  processes_->SetWake(nullptr);
  answers_->Detach();
}

absl::Status StewardSource::Connect() {
  if (absl::Status status = ReadKeys(); !status.ok()) return status;
  answers_->Reconnected();
  // What ended before an operator's word is not told: that is newer.
  if (interrupted_.exchange(false)) processes_->RestartEnded();
  ReportEnded();
  subscribed_.clear();
  processes_->SetDisconnected();
  followed_version_ = processes_->version();
  schedules_.Prune();
  const std::vector<StewardProcesses::Wanted> wanted = processes_->ToRun();
  if (absl::Status status =
          connection_.Connect(SubscriptionsFor(wanted, /*connecting=*/true));
      !status.ok()) {
    return status;
  }
  for (const StewardProcesses::Wanted& one : wanted) {
    subscribed_.insert(one.subject);
  }
  TakeRefusals();
  processes_->SetRunning(wanted);
  return absl::OkStatus();
}

std::vector<NatsConnection::Subscription> StewardSource::SubscriptionsFor(
    const std::vector<StewardProcesses::Wanted>& wanted,
    bool connecting) const {
  const bool grouped = processes_->profile() != steward::Profile::kS0;
  std::vector<NatsConnection::Subscription> subscriptions;
  for (const StewardProcesses::Wanted& one : wanted) {
    if (subscribed_.count(one.subject) > 0) continue;
    subscriptions.push_back({.subject = one.subject,
                             .queue_group = grouped ? one.subject : "",
                             .may_be_refused = !connecting || !one.configured});
  }
  return subscriptions;
}

absl::Status StewardSource::FollowProcesses() {
  const uint64_t version = processes_->version();
  if (version == followed_version_) return absl::OkStatus();
  followed_version_ = version;
  ReportEnded();
  schedules_.Prune();
  const std::vector<StewardProcesses::Wanted> wanted = processes_->ToRun();
  std::set<std::string> subjects;
  for (const StewardProcesses::Wanted& one : wanted) {
    subjects.insert(one.subject);
  }
  for (auto it = subscribed_.begin(); it != subscribed_.end();) {
    if (subjects.count(*it) > 0) {
      ++it;
      continue;
    }
    connection_.Unsubscribe(*it);
    it = subscribed_.erase(it);
  }
  const auto fresh = SubscriptionsFor(wanted, /*connecting=*/false);
  if (!fresh.empty()) {
    if (absl::Status status = connection_.Subscribe(fresh); !status.ok()) {
      return status;
    }
  }
  subscribed_ = std::move(subjects);
  TakeRefusals();
  processes_->SetRunning(wanted);
  return absl::OkStatus();
}

void StewardSource::TakeRefusals() {
  for (const std::string& subject : connection_.TakeRefused()) {
    if (subscribed_.erase(subject) == 0) continue;
    connection_.Unsubscribe(subject);
    processes_->Refuse(subject);
  }
}

void StewardSource::ReportEnded() {
  for (const StewardProcesses::Ended& ended : processes_->TakeEnded()) {
    if (!options_.report) continue;
    options_.report(absl::StrCat("process ", ended.subject,
                                 " has ended: ", ended.why,
                                 "; start it again, or reconnect the source"));
  }
}

absl::Status StewardSource::ReadKeys() {
  if (options_.keys_file.empty()) return absl::OkStatus();
  std::ifstream file(options_.keys_file);
  if (!file) {
    return MakeSourceError(
        absl::StatusCode::kFailedPrecondition, SourceError::kAuth,
        absl::StrCat("keys_file ", options_.keys_file,
                     " cannot be read; check that it is there, and readable"));
  }
  const std::string text((std::istreambuf_iterator<char>(file)), {});
  absl::StatusOr<steward::PublicKeys> keys = steward::ReadPublicKeys(text);
  if (!keys.ok()) {
    return MakeSourceError(absl::StatusCode::kFailedPrecondition,
                           SourceError::kAuth,
                           absl::StrCat("keys_file ", options_.keys_file, ": ",
                                        keys.status().message()));
  }
  gate_.SetKeys(*std::move(keys));
  return absl::OkStatus();
}

absl::Status StewardSource::Read(FrameBatch* batch) {
  const absl::Status status = ReadNext(batch);
  if (status.ok()) return status;
  if (absl::IsCancelled(status)) {
    for (const std::string& subject : subscribed_) {
      connection_.Unsubscribe(subject);
    }
  } else {
    connection_.Disconnect();
  }
  subscribed_.clear();
  processes_->SetDisconnected();
  return status;
}

absl::Status StewardSource::ReadNext(FrameBatch* batch) {
  while (true) {
    TakeRefusals();
    if (absl::Status status = FollowProcesses(); !status.ok()) return status;
    // By turns, so that neither holds up the other.
    const bool repeats = !std::exchange(was_repetition_, false);
    if (repeats && Repeat(batch)) return absl::OkStatus();
    messages_.clear();
    absl::Status status = connection_.Take(
        1, kBatchBytes, &messages_,
        repeats ? schedules_.UntilNext() : absl::ZeroDuration());
    if (!status.ok()) return status;
    if (!messages_.empty() && Accept(messages_[0], batch)) {
      batch->received_at = clock_.Now();
      return absl::OkStatus();
    }
  }
}

bool StewardSource::Repeat(FrameBatch* batch) {
  std::optional<StewardSchedules::Due> due = schedules_.TakeDue();
  if (!due.has_value()) return false;
  was_repetition_ = true;
  repeated_ = *std::move(due);
  batch->frames.push_back(*repeated_.message);
  batch->subjects.push_back(repeated_.subject);
  batch->received_at = clock_.Now();
  Question question;  // Which nobody asks.
  question.run = repeated_.run;
  question.stop_on_error = repeated_.stop_on_error;
  batch->receipt =
      Receipt([answers = answers_, question = std::move(question)](
                  Outcome outcome) { answers->Finish(question, outcome); });
  return true;
}

bool StewardSource::Accept(natsMsg* message, FrameBatch* batch) {
  const absl::string_view subject = natsMsg_GetSubject(message);
  const char* const reply = natsMsg_GetReply(message);
  const absl::string_view wanted = NatsHeader(message, StewardAnswers::kHeader);
  Question question;
  question.connection = answers_->connection();
  question.has_header = wanted == StewardAnswers::kReceived ||
                        wanted == StewardAnswers::kDone ||
                        wanted == StewardAnswers::kConfigured;
  if (reply != nullptr) question.reply = reply;
  const absl::StatusOr<StewardGate::Admitted> admitted =
      gate_.Admit(subject, HeadersOf(message),
                  {natsMsg_GetData(message),
                   static_cast<size_t>(natsMsg_GetDataLength(message))});
  if (!admitted.ok()) {
    Refuse(question, steward::RefusalOf(admitted.status()),
           admitted.status().message());
    return false;
  }
  const steward::Message& parts = admitted->decoded.message;
  const steward::Layout layout = admitted->decoded.layout;
  const StewardProcessSettings& process = *admitted->process.settings;
  if (!question.has_header && !steward::WantsAcknowledgement(parts, layout)) {
    question.reply.clear();
  }
  question.text = steward::Acknowledgement(parts, layout, processes_->node());
  question.run = admitted->process.run;
  const bool passed_on = relay_ != nullptr && StewardRelay::IsToPassOn(parts);
  question.stop_on_error = process.stop_on_error && !passed_on;
  question.when_done =
      passed_on || (question.has_header && wanted != StewardAnswers::kConfigured
                        ? wanted == StewardAnswers::kDone
                        : process.acknowledge_done);
  const std::string key =
      duplicates_->enabled() ? DuplicateWindow::KeyOf(parts.from_node, parts.id,
                                                      admitted->unpacked)
                             : "";
  if (IsDuplicate(key, question)) return false;
  // The schedule of what is passed on is its receiver's.
  if (const absl::Status status =
          passed_on
              ? absl::OkStatus()
              : schedules_.Begin(parts, admitted->unpacked, admitted->process);
      !status.ok()) {
    duplicates_->Forget(key);
    Refuse(question, steward::RefusalOf(status), status.message());
    return false;
  }
  CountTaken(question.run, parts);
  const Finish finish = [answers = answers_, duplicates = duplicates_, key,
                         question](Outcome outcome) {
    // First: what is answered as failed may come again at once.
    if (outcome == Outcome::kAllProcessed) {
      duplicates->Done(key);
    } else {
      duplicates->Forget(key);
    }
    answers->Finish(question, outcome);
  };
  if (relay_ != nullptr && !Relay(parts, subject, question, key, finish)) {
    return false;
  }
  answers_->Take(question);
  batch->frames.push_back(admitted->unpacked);
  batch->subjects.push_back(subject);
  batch->receipt = Receipt(finish);
  return true;
}

bool StewardSource::Relay(const steward::Message& message,
                          absl::string_view subject, const Question& question,
                          const std::string& key, const Finish& finish) {
  const bool passed_on = StewardRelay::IsToPassOn(message);
  const absl::Status status =
      passed_on ? relay_->PassOn(message,
                                 [finish](const absl::Status& kept) {
                                   finish(kept.ok() ? Outcome::kAllProcessed
                                                    : Outcome::kSomeLost);
                                 })
                : relay_->PassBack(message);
  if (status.ok()) return !passed_on;
  duplicates_->Forget(key);
  Refuse(question, steward::RefusalOf(status),
         absl::StrCat("subject \"", subject, "\": node \"", message.from_node,
                      "\" sends what is to be relayed: ", status.message()));
  return false;
}

void StewardSource::CountTaken(uint64_t run, const steward::Message& message) {
  processes_->Count(run);
  if (message.method != "REQErrorLog" && message.method != "errorLog") return;
  MutexLock lock(&mu_);
  ++error_log_count_;
}

bool StewardSource::IsDuplicate(const std::string& key,
                                const Question& question) {
  const DuplicateWindow::Seen seen = duplicates_->Note(key);
  if (seen == DuplicateWindow::Seen::kNew) return false;
  {
    MutexLock lock(&mu_);
    ++duplicate_count_;
  }
  if (!question.when_done) {
    answers_->Take(question);
  } else if (seen == DuplicateWindow::Seen::kDone) {
    // A process that has ended is none of a message that was done before.
    Question again = question;
    again.stop_on_error = false;
    answers_->Finish(again, Outcome::kAllProcessed);
  }
  return true;
}

void StewardSource::Refuse(const Question& question, const std::string& reason,
                           absl::string_view text) {
  {
    MutexLock lock(&mu_);
    ++refused_[reason];
  }
  answers_->Refuse(question, absl::StrCat(reason, ": ", text));
  if (options_.report) options_.report(absl::StrCat(reason, ": ", text));
}

void StewardSource::Interrupt() {
  interrupted_.store(true);
  connection_.Interrupt();
}

void StewardSource::Rearm() { connection_.Rearm(); }

Source::Progress StewardSource::GetProgress() const {
  Progress progress;
  progress.counters = answers_->counters();
  if (const uint64_t count = connection_.forbidden(); count > 0) {
    progress.counters["acks_forbidden"] = count;
  }
  {
    MutexLock lock(&mu_);
    progress.skipped_by_reason = refused_;
    if (duplicate_count_ > 0) {
      progress.counters["duplicates"] = duplicate_count_;
    }
    if (error_log_count_ > 0) {
      progress.counters["error_messages_received_total"] = error_log_count_;
    }
  }
  if (relay_ != nullptr) progress.counters.merge(relay_->counters());
  const StewardSchedules::Counts schedules = schedules_.counts();
  for (const auto& [name, count] :
       {std::pair("schedules_current", schedules.current),
        std::pair("schedules_repeated", schedules.repeated),
        std::pair("schedules_missed", schedules.missed)}) {
    if (count > 0) progress.counters[name] = count;
  }
  // As the originals name them, and right.
  uint64_t& all = progress.counters["processes_total"];
  uint64_t& running = progress.counters["processes_all_running"];
  for (const StewardProcessStatus& process : processes_->Processes()) {
    const bool runs = process.state == StewardProcessStatus::State::kRunning;
    if (runs) ++running;
    if (runs || process.state == StewardProcessStatus::State::kStarting) ++all;
    progress.details[absl::StrCat("process ", process.subject)] =
        StateOf(process);
  }
  if (const uint64_t dropped = connection_.dropped(); dropped > 0) {
    progress.skipped_by_reason["pending_limit"] = dropped;
  }
  if (const uint64_t count = connection_.too_long(); count > 0) {
    progress.skipped_by_reason["too_long"] += count;
  }
  return progress;
}

}  // namespace weir
