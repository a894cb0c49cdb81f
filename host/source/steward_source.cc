#include "host/source/steward_source.h"

#include <fstream>
#include <iterator>
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

}  // namespace

StewardSource::StewardSource(StewardOptions options, const Clock& clock)
    : options_(std::move(options)),
      clock_(clock),
      connection_(options_),
      description_{.kind = "nats", .endpoint = connection_.endpoint()},
      gate_(options_.node, options_.max_payload_bytes),
      answers_(std::make_shared<StewardAnswers>(&connection_)),
      duplicates_(std::make_shared<DuplicateWindow>(options_.duplicate_window,
                                                    clock)) {}

StewardSource::~StewardSource() { answers_->Detach(); }

absl::Status StewardSource::Connect() {
  if (absl::Status status = ReadKeys(); !status.ok()) return status;
  answers_->Reconnected();
  if (interrupted_.exchange(false)) {
    answers_->TakeStops();  // Not told yet, and the operator's word is newer.
    MutexLock lock(&mu_);
    ended_.clear();
  } else {
    EndProcesses();  // Handlers that failed while there was no connection.
  }
  std::vector<NatsConnection::Subscription> subscriptions;
  const bool grouped = gate_.node().profile != steward::Profile::kS0;
  {
    MutexLock lock(&mu_);
    for (size_t i = 0; i < gate_.node().processes.size(); ++i) {
      if (ended_.count(i) > 0) continue;
      const std::string& subject = gate_.subject(i);
      subscriptions.push_back({subject, grouped ? subject : ""});
    }
  }
  return connection_.Connect(subscriptions);
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
  while (true) {
    EndProcesses();
    messages_.clear();
    absl::Status status = connection_.Take(1, kBatchBytes, &messages_);
    if (absl::IsCancelled(status)) {
      for (size_t i = 0; i < gate_.node().processes.size(); ++i) {
        connection_.Unsubscribe(gate_.subject(i));
      }
      return status;
    }
    if (!status.ok()) {
      connection_.Disconnect();
      return status;
    }
    if (!messages_.empty() && Accept(messages_[0], batch)) {
      batch->received_at = clock_.Now();
      return absl::OkStatus();
    }
  }
}

void StewardSource::EndProcesses() {
  for (const StewardAnswers::Stop& stop : answers_->TakeStops()) {
    {
      MutexLock lock(&mu_);
      if (!ended_.emplace(stop.process, stop.why).second) continue;
    }
    connection_.Unsubscribe(gate_.subject(stop.process));
    if (!options_.report) continue;
    options_.report(absl::StrCat("process ", gate_.subject(stop.process),
                                 " has ended: ", stop.why,
                                 "; reconnect the source to start it again"));
  }
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
  const StewardProcess& process = gate_.node().processes[admitted->process];
  if (!question.has_header && !steward::WantsAcknowledgement(parts, layout)) {
    question.reply.clear();
  }
  if (const std::string why = WhyEnded(admitted->process); !why.empty()) {
    Refuse(question, "process_ended",
           absl::StrCat("process ", gate_.subject(admitted->process),
                        " has ended: ", why));
    return false;
  }
  question.text = steward::Acknowledgement(parts, layout, gate_.node().name);
  question.process = admitted->process;
  question.stop_on_error = process.stop_on_error;
  question.when_done =
      question.has_header && wanted != StewardAnswers::kConfigured
          ? wanted == StewardAnswers::kDone
          : process.acknowledge_done;
  const std::string key =
      duplicates_->enabled() ? DuplicateWindow::KeyOf(parts.from_node, parts.id,
                                                      admitted->unpacked)
                             : "";
  if (IsDuplicate(key, question)) return false;
  answers_->Take(question);
  batch->frames.push_back(admitted->unpacked);
  batch->subjects.push_back(subject);
  batch->receipt = Receipt([answers = answers_, duplicates = duplicates_, key,
                            question = std::move(question)](Outcome outcome) {
    // First: what is answered as failed may come again at once.
    if (outcome == Outcome::kAllProcessed) {
      duplicates->Done(key);
    } else {
      duplicates->Forget(key);
    }
    answers->Finish(question, outcome);
  });
  return true;
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

std::string StewardSource::WhyEnded(size_t process) const {
  MutexLock lock(&mu_);
  const auto found = ended_.find(process);
  return found == ended_.end() ? "" : found->second;
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
    for (size_t i = 0; i < gate_.node().processes.size(); ++i) {
      const auto ended = ended_.find(i);
      progress.details[absl::StrCat("process ", gate_.subject(i))] =
          ended == ended_.end() ? "running"
                                : absl::StrCat("ended: ", ended->second);
    }
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
