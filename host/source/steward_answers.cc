#include "host/source/steward_answers.h"

#include <vector>

#include "absl/strings/str_cat.h"

namespace weir {
namespace {

// Why it is not done, for the sender and for the operator.
absl::string_view WhyNot(Outcome outcome) {
  switch (outcome) {
    case Outcome::kAllProcessed:
      return "";
    case Outcome::kSomeFailed:
      return "a handler failed";
    case Outcome::kUnwanted:
      return "no handler takes this method";
    case Outcome::kSomeLost:
      return "a handler died of it, or did not get it";
  }
  return "";
}

}  // namespace

void StewardAnswers::Reconnected() {
  MutexLock lock(&mu_);
  ++generation_;
}

void StewardAnswers::Detach() {
  MutexLock lock(&mu_);
  connection_ = nullptr;
}

uint64_t StewardAnswers::connection() const {
  MutexLock lock(&mu_);
  return generation_;
}

void StewardAnswers::Take(const Question& question) {
  if (question.when_done || question.reply.empty()) return;
  MutexLock lock(&mu_);
  Send(question, kReceived, question.text);
}

void StewardAnswers::Refuse(const Question& question, absl::string_view why) {
  if (question.reply.empty()) return;
  MutexLock lock(&mu_);
  SayFailed(question, why);
}

void StewardAnswers::Finish(const Question& question, Outcome outcome) {
  const absl::string_view why = WhyNot(outcome);
  if (!why.empty() && question.stop_on_error) {
    processes_->Fail(question.run, why);
  }
  if (!question.when_done || question.reply.empty()) return;
  MutexLock lock(&mu_);
  if (question.connection != generation_ || connection_ == nullptr) {
    ++counters_["acks_late"];
  } else if (why.empty()) {
    Send(question, kDone, question.text);
  } else {
    SayFailed(question, why);
  }
}

std::map<std::string, uint64_t> StewardAnswers::counters() const {
  MutexLock lock(&mu_);
  return counters_;
}

void StewardAnswers::Send(const Question& question, absl::string_view word,
                          absl::string_view data) {
  std::vector<NatsConnection::Header> headers;
  if (question.has_header) headers.emplace_back(kHeader, word);
  const bool sent = connection_ != nullptr &&
                    connection_->Publish(question.reply, headers, data).ok();
  ++counters_[sent ? absl::StrCat("acks_", word) : "acks_unsent"];
}

void StewardAnswers::SayFailed(const Question& question,
                               absl::string_view why) {
  if (question.has_header) {
    Send(question, kFailed, why);
  } else {
    ++counters_["acks_withheld"];
  }
}

}  // namespace weir
