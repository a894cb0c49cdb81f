#include "host/plugin/child_handler.h"

#include <signal.h>
#include <sys/eventfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "host/pipeline/message_batch.h"
#include "host/pipeline/message_copy.h"
#include "host/plugin/child_lending.h"
#include "host/plugin/key_value_store.h"
#include "host/plugin/plugin_instance.h"
#include "host/sync/system_clock.h"

namespace weir {
namespace {

constexpr absl::string_view kCreateLate = "create deadline";
constexpr absl::string_view kAnswerLate = "answer deadline";

// What `answered` is after the child's end: no turn that it ever answers.
constexpr uint32_t kNobody = UINT32_MAX;

// Reads a word of the child's once; what it is afterwards is nothing to us.
template <typename T>
T ReadOnce(const T& word) {
  return *static_cast<const volatile T*>(&word);
}

std::string CopyOnce(const char* data, size_t size) {
  std::string copy(data, size);
  std::atomic_signal_fence(std::memory_order_seq_cst);  // Not read again.
  return copy;
}

// A moment to be waited for, in real time, whatever is done to the time of day.
class Deadline {
 public:
  explicit Deadline(absl::Duration in) : in_(in), begin_ns_(NowNs()) {}
  absl::Duration left() const {
    return in_ - absl::Nanoseconds(NowNs() - begin_ns_);
  }
  bool passed() const { return left() <= absl::ZeroDuration(); }

 private:
  static int64_t NowNs() { return SystemClock().MonotonicNs(); }

  const absl::Duration in_;
  const int64_t begin_ns_;
};

void SetName(absl::string_view name, ChildChannel::Name& to) {
  to.length = static_cast<uint32_t>(std::min(name.size(), sizeof(to.text)));
  std::memcpy(to.text, name.data(), to.length);
}

// Messages that a child may answer, for as long as it lives. They are let go of
// after that, so whoever waits for them is told that they are done after their
// answers are safe.
class AnswerableRun {
 public:
  AnswerableRun(ChildVoice& voice, absl::Span<const Message* const> messages)
      : voice_(voice) {
    voice_.BeginRun(messages);
  }
  ~AnswerableRun() { voice_.EndRun(); }
  AnswerableRun(const AnswerableRun&) = delete;
  AnswerableRun& operator=(const AnswerableRun&) = delete;

 private:
  ChildVoice& voice_;
};

// Reads what Worker::Describe wrote. What is cut short ends the list.
std::vector<std::string> ReadKinds(absl::string_view bytes) {
  std::vector<std::string> kinds;
  uint32_t size = 0;
  while (bytes.size() >= sizeof(size)) {
    std::memcpy(&size, bytes.data(), sizeof(size));
    bytes.remove_prefix(sizeof(size));
    if (size > bytes.size()) break;
    kinds.emplace_back(bytes.substr(0, size));
    bytes.remove_prefix(size);
  }
  return kinds;
}

}  // namespace

ChildHandler::ChildHandler(ChildHandlerOptions options,
                           ChildSupervisor& supervisor,
                           const SharedArena* arena,
                           std::shared_ptr<PluginHostServices> services,
                           const NameTable& types, const NameTable& sources)
    : options_(std::move(options)),
      supervisor_(supervisor),
      arena_(arena),
      services_(std::move(services)),
      types_(types),
      sources_(sources),
      processes_(*services_) {}

ChildHandler::~ChildHandler() { EndChild(); }

absl::Status ChildHandler::Create() {
  const std::string& config = options_.config_json;
  if (config.size() > ChildChannel::kMaxRequest) {
    return absl::InvalidArgumentError(absl::StrCat(
        "create: the configuration has ", config.size(),
        " bytes, a child takes at most ", ChildChannel::kMaxRequest,
        "; let the plugin read the rest from a file"));
  }
  absl::Status status = StartChild();
  if (!status.ok()) return status;
  std::memcpy((*channel_)->request, config.data(), config.size());
  status = Ask(ChildCommand::kCreate, static_cast<uint32_t>(config.size()),
               options_.create_deadline)
               ? ReadCreated()
               : WhyNoAnswer();
  if (!status.ok()) EndChild();
  return status;
}

absl::Status ChildHandler::StartChild() {
  absl::StatusOr<ChildChannelMemory> memory = ChildChannelMemory::Create();
  if (!memory.ok()) return memory.status();
  channel_.emplace(*std::move(memory));
  ChildChannel& channel = **channel_;
  voice_.emplace(channel, services_);
  channel.layout = kChildLayout;
  channel.host_pid = getpid();
  channel.memory_limit_bytes = options_.memory_limit_bytes;
  channel.sandbox = options_.sandbox;
  if (options_.data_dir.size() >= sizeof(channel.data_dir)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "the data directory's path has ", options_.data_dir.size(),
        " bytes, a child takes less than ", sizeof(channel.data_dir)));
  }
  std::memcpy(channel.data_dir, options_.data_dir.data(),
              options_.data_dir.size());
  channel.max_consecutive_errors = options_.max_consecutive_errors;
  channel.emit_ring_events = options_.emit_ring_events;
  channel.emit_limit_per_second = options_.emit_limit_per_second;
  channel.limits = {
      .create_ns = absl::ToInt64Nanoseconds(options_.create_deadline),
      .ask_ns = absl::ToInt64Nanoseconds(options_.ask_deadline),
      .soft_ns = absl::ToInt64Nanoseconds(options_.soft_deadline),
      .hard_ns = absl::ToInt64Nanoseconds(options_.hard_deadline),
      .destroy_ns = absl::ToInt64Nanoseconds(options_.destroy_deadline),
      .state_ns = absl::ToInt64Nanoseconds(options_.state_deadline)};
  LendStorage(channel);
  channel.takes_replies = services_->replies() != nullptr ? 1 : 0;
  channel.has_nodes = services_->nodes() != nullptr ? 1 : 0;
  if (arena_ != nullptr) {
    channel.host_arena = reinterpret_cast<uintptr_t>(arena_->base());
    channel.arena_bytes = arena_->size();
  }
  notify_ = OwnedFd(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (notify_.get() < 0) {
    return absl::ResourceExhaustedError(
        absl::StrCat("eventfd: ", std::strerror(errno)));
  }
  ended_.store(false);
  const int arena_fd = arena_ != nullptr ? arena_->fd() : channel_->fd();
  absl::StatusOr<pid_t> pid =
      supervisor_.Spawn({.program = options_.runner,
                         .args = {options_.name, options_.module},
                         .fds = {channel_->fd(), arena_fd, notify_.get()}},
                        notify_.get(), this);
  MutexLock lock(&mu_);
  if (!pid.ok()) ended_.store(true);
  if (!ended_.load()) pid_ = *pid;  // Else it is gone already.
  return pid.status();
}

void ChildHandler::LendStorage(ChildChannel& channel) {
  if (services_->key_values() == nullptr) return;
  const KeyValueOptions& options = services_->key_values()->options();
  channel.max_key_bytes = static_cast<uint32_t>(
      std::min(options.max_key_bytes, ChildQuestion::kMaxKey));
  channel.max_value_bytes =
      std::min(options.max_value_bytes, ChildQuestion::kMaxValue);
  channel.max_total_bytes = options.max_plugin_bytes;
}

absl::Status ChildHandler::ReadCreated() {
  const ChildChannel& channel = **channel_;
  const int32_t code = ReadOnce(channel.status);
  const uint32_t max_batch = ReadOnce(channel.max_batch);
  const bool declares = ReadOnce(channel.declares) != 0;
  const size_t size =
      std::min<size_t>(ReadOnce(channel.answer_bytes), sizeof(channel.answer));
  const std::string answer = CopyOnce(channel.answer, size);
  if (code == static_cast<int32_t>(absl::StatusCode::kInvalidArgument)) {
    return absl::InvalidArgumentError(answer);
  }
  if (code != 0) return absl::FailedPreconditionError(answer);
  // Pieces of the plugin's own size, so that `head` counts in each of them.
  if (max_batch > 0) max_run_ = std::min(max_batch, ChildChannel::kMaxRun);
  has_state_ = ReadOnce(channel.has_state) != 0;
  hears_of_processes_ = ReadOnce(channel.hears_of_processes) != 0;
  if (const int64_t ns = ReadOnce(channel.tick_interval_ns); ns > 0) {
    tick_interval_ =
        absl::Nanoseconds(std::max(ns, PluginInstance::kMinTickNs));
  }
  if (declares) services_->Declare(ReadKinds(answer));
  metrics_.emplace(services_->metrics(), channel.metrics);
  return absl::OkStatus();
}

absl::Status ChildHandler::WhyNoAnswer() const {
  const ChildDeath death = this->death().value_or(ChildDeath{});
  if (death.cause == kCreateLate) {
    return absl::DeadlineExceededError(absl::StrCat(
        "create: not ready after ",
        absl::FormatDuration(options_.create_deadline),
        "; its child was killed; raise create_deadline if it needs longer"));
  }
  return absl::AbortedError(absl::StrCat(
      "create: the child died: ", death.cause,
      death.frames.empty() ? "" : absl::StrCat(" at ", death.frames.front())));
}

int64_t ChildHandler::QueueCapacity() {
  if (!Ask(ChildCommand::kCapacity, 0, options_.ask_deadline)) return 0;
  return ReadOnce((*channel_)->number);
}

bool ChildHandler::WantsMessage(absl::string_view type) {
  if (!hears_of_processes_) return AskForType(type);
  return processes_.Wants(
      type, [this](absl::string_view t) { return AskForType(t); });
}

bool ChildHandler::AskForType(absl::string_view type) {
  if (ended_.load() || type.size() > ChildChannel::kMaxRequest) return false;
  std::memcpy((*channel_)->request, type.data(), type.size());
  return Ask(ChildCommand::kWants, static_cast<uint32_t>(type.size()),
             options_.ask_deadline) &&
         ReadOnce((*channel_)->number) > 0;
}

absl::Status ChildHandler::Reconfigure(absl::string_view config_json) {
  if (config_json.size() > ChildChannel::kMaxRequest) {
    return absl::FailedPreconditionError(absl::StrCat(
        "reconfigure: the configuration has ", config_json.size(),
        " bytes, a child takes at most ", ChildChannel::kMaxRequest));
  }
  if (ended_.load()) return absl::AbortedError("reconfigure: the child died");
  ChildChannel& channel = **channel_;
  std::memcpy(channel.request, config_json.data(), config_json.size());
  if (!Ask(ChildCommand::kReconfigure,
           static_cast<uint32_t>(config_json.size()),
           options_.reconfigure_deadline)) {
    AwaitEnd(absl::InfiniteDuration());
    return absl::AbortedError(
        absl::StrCat("reconfigure: the child died: ",
                     death().value_or(ChildDeath{.cause = "ended"}).cause));
  }
  const int32_t code = ReadOnce(channel.status);
  if (code == 0) return absl::OkStatus();
  const size_t size =
      std::min<size_t>(ReadOnce(channel.answer_bytes), sizeof(channel.answer));
  return absl::Status(
      code == static_cast<int32_t>(absl::StatusCode::kUnimplemented)
          ? absl::StatusCode::kUnimplemented
          : absl::StatusCode::kFailedPrecondition,
      CopyOnce(channel.answer, size));
}

// However long it takes: whoever watches over messages watches over ticks.
bool ChildHandler::Tick() {
  if (!Ask(ChildCommand::kTick, 0, absl::InfiniteDuration())) {
    AwaitEnd(absl::InfiniteDuration());
    return false;
  }
  services_->CountTick(ReadOnce((*channel_)->number) != 0);
  return true;
}

absl::Duration ChildHandler::LookInterval() {
  return hears_of_processes_ && services_->nodes() != nullptr
             ? ProcessWatch::kInterval
             : absl::ZeroDuration();
}

// However long it takes, as of a tick.
bool ChildHandler::Look() {
  if (!hears_of_processes_) return true;
  return processes_.Look(
      [this](absl::string_view type) { return AskForType(type); },
      [this](const ProcessChange& change) {
        return TellProcess(change, absl::InfiniteDuration());
      });
}

void ChildHandler::Rest() {
  const Deadline deadline(options_.destroy_deadline);
  processes_.EndAll([&](const ProcessChange& change) {
    return TellProcess(change, deadline.left());
  });
}

std::optional<weir_status> ChildHandler::TellProcess(
    const ProcessChange& change, absl::Duration deadline) {
  const std::string text = EncodeProcessChange(change);
  if (text.size() > ChildChannel::kMaxRequest || ended_.load()) {
    return std::nullopt;
  }
  std::memcpy((*channel_)->request, text.data(), text.size());
  if (!Ask(ChildCommand::kTellProcess, static_cast<uint32_t>(text.size()),
           deadline)) {
    AwaitEnd(absl::InfiniteDuration());
    return std::nullopt;
  }
  return static_cast<weir_status>(ReadOnce((*channel_)->number));
}

absl::Status ChildHandler::AskForState(ChildCommand command, uint32_t count) {
  if (!Ask(command, count, options_.state_deadline)) {
    AwaitEnd(absl::InfiniteDuration());
    return absl::AbortedError(
        absl::StrCat("state: the child died: ",
                     death().value_or(ChildDeath{.cause = "ended"}).cause));
  }
  const ChildChannel& channel = **channel_;
  if (ReadOnce(channel.status) == 0) return absl::OkStatus();
  const size_t size =
      std::min<size_t>(ReadOnce(channel.answer_bytes), sizeof(channel.answer));
  return absl::FailedPreconditionError(CopyOnce(channel.answer, size));
}

absl::StatusOr<std::string> ChildHandler::SaveState() {
  absl::Status saved = AskForState(ChildCommand::kSaveState, 0);
  if (!saved.ok()) return saved;
  const uint64_t bytes = ReadOnce((*channel_)->state_bytes);
  if (bytes > PluginInstance::kMaxStateBytes) {
    KillAsCorrupt();
    return absl::AbortedError("state: the child died: corrupt words");
  }
  std::string state;
  state.reserve(bytes);
  for (uint32_t piece = 0; state.size() < bytes; ++piece) {
    saved = AskForState(ChildCommand::kReadState, piece);
    if (!saved.ok()) return saved;
    const size_t size =
        std::min<size_t>(bytes - state.size(), ChildChannel::kMaxAnswer);
    state += CopyOnce((*channel_)->answer, size);
  }
  return state;
}

absl::Status ChildHandler::LoadState(absl::string_view state) {
  while (!state.empty()) {
    const absl::string_view piece = state.substr(0, ChildChannel::kMaxRequest);
    if (ended_.load()) break;
    std::memcpy((*channel_)->request, piece.data(), piece.size());
    const absl::Status taken = AskForState(ChildCommand::kWriteState,
                                           static_cast<uint32_t>(piece.size()));
    if (!taken.ok()) return taken;
    state.remove_prefix(piece.size());
  }
  return AskForState(ChildCommand::kLoadState, 0);
}

void ChildHandler::TellLosses(const Losses& losses) {
  (*channel_)->words.Tell(losses);
}

void ChildHandler::AskToStop(bool stop) {
  if (!channel_.has_value()) return;  // Create came to nothing.
  (*channel_)->words.stop.store(stop ? 1 : 0, std::memory_order_relaxed);
}

void ChildHandler::Destroy() {
  {
    MutexLock lock(&mu_);
    expected_ = true;
  }
  Rest();
  const Deadline deadline(options_.destroy_deadline);
  if (Ask(ChildCommand::kDestroy, 0, options_.destroy_deadline) &&
      !AwaitEnd(deadline.left())) {
    Kill(kAnswerLate);  // In the destructor of a thread, or of the library.
  }
  AwaitEnd(absl::InfiniteDuration());
  Drain();
  voice_->EndNodes();
  services_->FlushKeyValues();
}

RunOutcome ChildHandler::HandleMessages(
    absl::Span<const Message* const> messages, std::atomic<uint32_t>& done,
    std::atomic<uint32_t>& errors) {
  if (!Look()) return {.alive = false, .lost_one = false};
  for (size_t at = 0; at < messages.size();) {
    if (ended_.load()) return {.alive = false, .lost_one = false};
    Lent lent = {.before = static_cast<uint32_t>(at),
                 .count = static_cast<uint32_t>(LendMessages(
                     messages.subspan(at), max_run_, arena_, **channel_)),
                 .done = &done,
                 .errors = &errors,
                 .messages = messages.subspan(at)};
    if (lent.count == 0) {  // Larger than all the room there is.
      MarkFailed(*messages[at]);
      errors.fetch_add(1, std::memory_order_release);
      done.store(static_cast<uint32_t>(++at), std::memory_order_release);
      continue;
    }
    if (std::exchange(redelivered_, false)) (*channel_)->run[0].redelivered = 1;
    const AnswerableRun answerable(*voice_, messages.subspan(at, lent.count));
    const bool answered =
        Ask(ChildCommand::kRun, lent.count, absl::InfiniteDuration(), &lent);
    Look(lent);
    if (answered && GivesUp()) return GiveUp();
    if (answered && lent.head == lent.count) {
      at += lent.count;
      continue;
    }
    if (answered) KillAsCorrupt();  // It says that all is done.
    AwaitEnd(absl::InfiniteDuration());
    Look(lent);
    const bool lost_one = LostOne(lent);
    MutexLock lock(&mu_);
    if (lost_one && death_.has_value()) {
      death_->message = CopyMessage(*messages[at + lent.head]);
    }
    return {.alive = false, .lost_one = lost_one};
  }
  return {};
}

// The handler has said no so often that it is of no use. Ends it as any other.
RunOutcome ChildHandler::GiveUp() {
  Destroy();
  MutexLock lock(&mu_);
  if (!death_.has_value()) {
    death_ = ChildDeath{.cause = absl::StrCat(streak_, " consecutive errors"),
                        .gave_up = true};
  }
  return {.alive = false, .lost_one = false};
}

bool ChildHandler::Ask(ChildCommand command, uint32_t count,
                       absl::Duration deadline, Lent* lent) {
  if (ended_.load(std::memory_order_acquire)) return false;
  SendNames();
  ChildChannel& channel = **channel_;
  channel.command = command;
  channel.count = count;
  // Goes round every few weeks.
  last_turn_ = std::exchange(turn_, turn_ + 1 == kNobody ? 1 : turn_ + 1);
  channel.turn.store(turn_);
  if (channel.child_waits.load() != 0) FutexWakeAll(channel.turn);
  const bool answered = AwaitAnswer(
      deadline, command == ChildCommand::kCreate ? kCreateLate : kAnswerLate,
      lent);
  Drain();
  return answered;
}

bool ChildHandler::AwaitAnswer(absl::Duration timeout,
                               absl::string_view if_late, Lent* lent) {
  ChildChannel& channel = **channel_;
  const Deadline deadline(timeout);
  bool late = false;
  while (true) {
    const uint32_t answered = channel.answered.load();
    if (answered == turn_) return true;
    if (ended_.load(std::memory_order_acquire)) return false;
    if (answered != last_turn_) KillAsCorrupt();
    // We say that we sleep, and look once more: see Worker::Answer.
    channel.host_waits.store(1);
    if (channel.answered.load() == answered) {
      FutexWait(channel.answered, answered, kLookEvery);
    }
    channel.host_waits.store(0);
    if (channel.answered.load() == turn_) continue;
    if (lent != nullptr) Look(*lent);
    Drain();
    if (!late && deadline.passed()) {
      late = true;
      Kill(if_late);
    }
  }
}

void ChildHandler::SendNames() {
  ChildChannel& channel = **channel_;
  for (; n_types_ < std::min(types_.size(), ChildChannel::kMaxNames);
       ++n_types_) {
    SetName(types_.Name(n_types_), channel.types[n_types_]);
  }
  for (; n_sources_ < std::min(sources_.size(), ChildChannel::kMaxNames);
       ++n_sources_) {
    SetName(sources_.Name(n_sources_), channel.sources[n_sources_]);
  }
  channel.n_types.store(n_types_, std::memory_order_release);
  channel.n_sources.store(n_sources_, std::memory_order_release);
}

// Books what the child committed since the last look.
void ChildHandler::Look(Lent& lent) {
  if (corrupt_.load()) return;
  const ChildChannel& channel = **channel_;
  const uint32_t head = channel.head.load(std::memory_order_acquire);
  if (head < lent.head || head > lent.count) return KillAsCorrupt();
  uint32_t failed = 0;
  for (; lent.head < head; ++lent.head) {
    const auto& entry = channel.failed[lent.head];
    const bool error = entry.load(std::memory_order_relaxed) != 0;
    failed += error ? 1 : 0;
    if (error) MarkFailed(*lent.messages[lent.head]);
    streak_ = error ? streak_ + 1 : 0;
  }
  if (failed > 0) lent.errors->fetch_add(failed, std::memory_order_release);
  lent.done->store(lent.before + head, std::memory_order_release);
}

// Of a child that is gone. If its words make no sense, the next message is the
// one to suspect.
bool ChildHandler::LostOne(const Lent& lent) const {
  if (lent.head == lent.count) return false;
  const uint32_t inflight =
      (*channel_)->inflight.load(std::memory_order_acquire);
  return corrupt_.load() || (inflight != lent.head && inflight != 0);
}

bool ChildHandler::Kill(absl::string_view cause) {
  pid_t pid = 0;
  {
    MutexLock lock(&mu_);
    if (pid_ == 0) return false;
    if (kill_cause_.empty()) kill_cause_ = std::string(cause);
    pid = pid_;
  }
  supervisor_.Abort(pid, (*channel_)->worker_tid.load());
  return true;
}

void ChildHandler::KillAsCorrupt() {
  if (corrupt_.exchange(true)) return;
  pid_t pid = 0;
  {
    MutexLock lock(&mu_);
    if (pid_ == 0) return;
    if (kill_cause_.empty()) kill_cause_ = "corrupt words";
    pid = pid_;
  }
  supervisor_.Kill(pid);
}

// No matter how.
void ChildHandler::EndChild() {
  pid_t pid = 0;
  {
    MutexLock lock(&mu_);
    abandoned_ = true;
    pid = pid_;
  }
  if (pid != 0) supervisor_.Kill(pid);
  AwaitEnd(absl::InfiniteDuration());
}

bool ChildHandler::AwaitEnd(absl::Duration timeout) {
  const Deadline deadline(timeout);
  MutexLock lock(&mu_);
  while (!ended_.load()) {
    if (deadline.passed()) return false;
    end_.WaitFor(&mu_, deadline.left());
  }
  return true;
}

void ChildHandler::OnEnd(int wait_status, const ChildUsage& usage) {
  voice_->EndPrint();
  ChildChannel& channel = **channel_;
  // Whoever waits for the end may destroy us as soon as the lock is free.
  MutexLock lock(&mu_);
  const bool orderly = abandoned_ || (expected_ && WIFEXITED(wait_status) &&
                                      WEXITSTATUS(wait_status) == 0);
  if (!orderly) {
    death_ = DescribeDeath(wait_status, kill_cause_, channel.crash);
  }
  pid_ = 0;
  usage_ = usage;
  ended_.store(true);
  channel.answered.store(kNobody);
  FutexWakeAll(channel.answered);
  end_.NotifyAll();
}

void ChildHandler::OnNotify() { Drain(); }

void ChildHandler::OnOutput(absl::string_view text) { voice_->Print(text); }

void ChildHandler::Drain() {
  if (!voice_->Drain()) KillAsCorrupt();
}

pid_t ChildHandler::pid() const {
  MutexLock lock(&mu_);
  return pid_;
}

std::optional<ChildDeath> ChildHandler::death() const {
  MutexLock lock(&mu_);
  return death_;
}

InstanceHealth::Report ChildHandler::health() const {
  return voice_.has_value() ? voice_->health().Get() : InstanceHealth::Report();
}

ChildUsage ChildHandler::usage() const {
  const pid_t pid = this->pid();
  if (pid != 0) {
    if (const std::optional<ChildUsage> usage = supervisor_.Usage(pid);
        usage.has_value()) {
      return *usage;
    }
  }
  MutexLock lock(&mu_);
  return usage_;
}

}  // namespace weir
