#include "host/source/steward_processes.h"

#include <algorithm>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "host/nats/nats_subject.h"
#include "host/status/error_info.h"
#include "host/status/invalid_field.h"
#include "lib/steward/relay.h"
#include "lib/steward/subject.h"

namespace weir {
namespace {

using State = StewardProcessStatus::State;

bool GoesOn(State state) {
  return state == State::kStarting || state == State::kRunning;
}

absl::Status NoSuchProcess(absl::string_view method, absl::string_view node) {
  return MakeError(
      absl::StatusCode::kNotFound,
      absl::StrCat("node \"", node, "\" has no process of method \"", method,
                   "\"; `weir nats processes` lists those that there are"),
      {.reason = "PROCESS_NOT_FOUND",
       .metadata = {{"method", std::string(method)},
                    {"node", std::string(node)}}});
}

std::string SubjectFor(const StewardNode& node, absl::string_view method) {
  // A node in the middle listens for what is for others.
  return node.profile == steward::Profile::kS0 &&
                 method == steward::kRelayMethod
             ? steward::RelaySubject(node.name)
             : steward::SubjectOf(node.profile, node.name, method);
}

// As the original programs name it.
std::string NameOf(steward::Profile profile, const std::string& subject) {
  const bool is_steward =
      profile == steward::Profile::kS0 || profile == steward::Profile::kS1;
  return is_steward ? absl::StrCat(subject, "_subscriber") : subject;
}

}  // namespace

StewardProcesses::StewardProcesses(StewardNode node, const Clock& clock)
    : node_(std::move(node)), clock_(clock) {
  MutexLock lock(&mu_);
  for (const StewardProcessSettings& settings : node_.processes) {
    Process& process = Add(settings, /*configured=*/true);
    if (node_.stopped.count(settings.method) == 0) Begin(process);
  }
}

std::vector<StewardProcessStatus> StewardProcesses::Processes() const {
  std::vector<StewardProcessStatus> list;
  {
    MutexLock lock(&mu_);
    for (const auto& [method, process] : processes_) {
      list.push_back(process.status);
    }
  }
  std::sort(list.begin(), list.end(),
            [](const auto& a, const auto& b) { return a.id < b.id; });
  return list;
}

absl::StatusOr<StewardProcessStatus> StewardProcesses::StartConfigured(
    absl::string_view method) {
  MutexLock lock(&mu_);
  const auto found = processes_.find(method);
  if (found == processes_.end() || !found->second.status.configured) {
    return NoSuchProcess(method, node_.name);
  }
  if (!GoesOn(found->second.status.state)) Begin(found->second);
  return found->second.status;
}

absl::StatusOr<StewardProcessStatus> StewardProcesses::Start(
    const StewardProcessSettings& settings) {
  if (const absl::Status status = Check(settings); !status.ok()) return status;
  MutexLock lock(&mu_);
  const auto found = processes_.find(settings.method);
  if (found == processes_.end()) {
    if (processes_.size() >= kMaxProcesses) {
      return MakeError(
          absl::StatusCode::kResourceExhausted,
          absl::StrCat("node \"", node_.name, "\" has ", kMaxProcesses,
                       " processes, which is the most; stop some"),
          {.reason = "TOO_MANY_PROCESSES",
           .metadata = {{"limit", absl::StrCat(kMaxProcesses)}}});
    }
    Process& process = Add(settings, /*configured=*/false);
    Begin(process);
    return process.status;
  }
  Process& process = found->second;
  if (process.status.configured) {
    return MakeError(
        absl::StatusCode::kAlreadyExists,
        absl::StrCat("the process of method ", settings.method,
                     " is of the configuration, which has its settings; start "
                     "it without any, or change them there"),
        {.reason = "PROCESS_CONFIGURED",
         .metadata = {{"method", settings.method}}});
  }
  process.settings = std::make_shared<const StewardProcessSettings>(settings);
  process.status.settings = settings;
  if (!GoesOn(process.status.state)) Begin(process);
  return process.status;
}

absl::StatusOr<StewardProcessStatus> StewardProcesses::Stop(
    absl::string_view method) {
  MutexLock lock(&mu_);
  const auto found = processes_.find(method);
  if (found == processes_.end()) return NoSuchProcess(method, node_.name);
  Process& process = found->second;
  if (process.status.state != State::kStopped) {
    method_of_run_.erase(process.run);
    SetState(State::kStopped, process);
    Wake();
  }
  StewardProcessStatus status = process.status;
  if (!status.configured) {
    method_of_subject_.erase(status.subject);
    processes_.erase(found);
  }
  return status;
}

void StewardProcesses::SetWake(std::function<void()> wake) {
  MutexLock lock(&mu_);
  wake_ = std::move(wake);
}

std::optional<StewardProcesses::Found> StewardProcesses::FindSubject(
    absl::string_view subject) const {
  MutexLock lock(&mu_);
  const auto found = method_of_subject_.find(subject);
  if (found == method_of_subject_.end()) return std::nullopt;
  return Find(found->second);
}

std::optional<StewardProcesses::Found> StewardProcesses::FindMethod(
    absl::string_view method) const {
  MutexLock lock(&mu_);
  return Find(method);
}

std::optional<StewardProcesses::Found> StewardProcesses::Find(
    absl::string_view method) const {
  const auto at = processes_.find(method);
  if (at == processes_.end()) return std::nullopt;
  const Process& process = at->second;
  Found found{.run = process.run,
              .subject = process.status.subject,
              .settings = process.settings,
              .why_not = ""};
  if (process.status.state == State::kStopped) found.why_not = "stopped";
  if (process.status.state == State::kEnded) {
    found.why_not = absl::StrCat("at its end: ", process.status.why);
  }
  return found;
}

bool StewardProcesses::Runs(uint64_t run) const {
  MutexLock lock(&mu_);
  return method_of_run_.count(run) > 0;
}

void StewardProcesses::Count(uint64_t run) {
  MutexLock lock(&mu_);
  const auto found = method_of_run_.find(run);
  if (found == method_of_run_.end()) return;
  ++processes_.find(found->second)->second.status.messages;
}

void StewardProcesses::Fail(uint64_t run, absl::string_view why) {
  MutexLock lock(&mu_);
  const auto found = method_of_run_.find(run);
  if (found == method_of_run_.end()) return;
  End(processes_.find(found->second)->second, why);
}

std::vector<StewardProcesses::Ended> StewardProcesses::TakeEnded() {
  MutexLock lock(&mu_);
  return std::exchange(ended_, {});
}

std::vector<StewardProcesses::Wanted> StewardProcesses::ToRun() const {
  MutexLock lock(&mu_);
  std::vector<Wanted> wanted;
  for (const auto& [run, method] : method_of_run_) {
    const StewardProcessStatus& status = processes_.find(method)->second.status;
    wanted.push_back({run, status.subject, status.configured});
  }
  return wanted;
}

void StewardProcesses::SetRunning(const std::vector<Wanted>& subscribed) {
  MutexLock lock(&mu_);
  for (const Wanted& one : subscribed) {
    const auto found = method_of_run_.find(one.run);
    if (found == method_of_run_.end()) continue;  // Stopped meanwhile.
    SetState(State::kRunning, processes_.find(found->second)->second);
  }
}

void StewardProcesses::Refuse(absl::string_view subject) {
  MutexLock lock(&mu_);
  const auto found = method_of_subject_.find(subject);
  if (found == method_of_subject_.end()) return;
  Process& process = processes_.find(found->second)->second;
  if (!GoesOn(process.status.state)) return;
  End(process, "the server does not permit to subscribe to its subject");
}

void StewardProcesses::SetDisconnected() {
  MutexLock lock(&mu_);
  for (auto& [method, process] : processes_) {
    if (process.status.state != State::kRunning) continue;
    SetState(State::kStarting, process);
  }
}

void StewardProcesses::RestartEnded() {
  MutexLock lock(&mu_);
  ended_.clear();
  for (auto& [method, process] : processes_) {
    if (process.status.state == State::kEnded) Begin(process);
  }
}

absl::Status StewardProcesses::Check(
    const StewardProcessSettings& settings) const {
  if (!MakesNatsSubject(settings.method)) {
    return InvalidField(
        "method",
        absl::StrCat("is \"", settings.method,
                     "\", of which no NATS subject can be made: take out "
                     "blanks, wildcards and empty parts"));
  }
  const size_t size = SubjectFor(node_, settings.method).size();
  if (size > kMaxNatsSubjectBytes) {
    return InvalidField("method",
                        absl::StrCat("makes a subject of ", size, " bytes; ",
                                     kMaxNatsSubjectBytes, " are taken"));
  }
  if (!settings.require_signature) return absl::OkStatus();
  if (node_.profile == steward::Profile::kS0) {
    return InvalidField("require_signature",
                        "is set, and nodes of S0 do not sign; leave it out");
  }
  if (node_.has_keys) return absl::OkStatus();
  return InvalidField("require_signature",
                      "is set, and the source has no keys_file; set that in "
                      "the configuration, or leave it out");
}

StewardProcesses::Process& StewardProcesses::Add(
    const StewardProcessSettings& settings, bool configured) {
  Process& process = processes_[settings.method];
  process.settings = std::make_shared<const StewardProcessSettings>(settings);
  StewardProcessStatus& status = process.status;
  status.id = ++last_id_;
  status.method = settings.method;
  status.settings = settings;
  status.subject = SubjectFor(node_, settings.method);
  status.name = NameOf(node_.profile, status.subject);
  status.configured = configured;
  status.since = clock_.Now();
  method_of_subject_[status.subject] = settings.method;
  return process;
}

void StewardProcesses::Begin(Process& process) {
  process.run = ++last_run_;
  method_of_run_[process.run] = process.status.method;
  SetState(State::kStarting, process);
  Wake();
}

void StewardProcesses::SetState(State state, Process& process) {
  StewardProcessStatus& status = process.status;
  if (status.state == state) return;
  status.state = state;
  status.since = clock_.Now();
  if (state != State::kEnded) status.why.clear();
  version_.fetch_add(1, std::memory_order_release);
}

void StewardProcesses::End(Process& process, absl::string_view why) {
  method_of_run_.erase(process.run);
  process.status.why = std::string(why);
  SetState(State::kEnded, process);
  ended_.push_back({process.status.subject, process.status.why});
  Wake();
}

void StewardProcesses::Wake() {
  if (wake_) wake_();
}

}  // namespace weir
