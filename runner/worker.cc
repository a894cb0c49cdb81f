#include "runner/worker.h"

#include <dlfcn.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <optional>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "host/plugin/crash_report.h"
#include "host/plugin/node_call.h"
#include "host/plugin/plugin_table.h"

namespace weir {
namespace {

constexpr uint16_t kMsgRedelivered = 1;  // weir_msg.flags

}  // namespace

Worker::Worker(ChildChannel& channel, const uint8_t* arena, std::string module,
               const Sandbox& sandbox)
    : channel_(channel),
      arena_(arena),
      module_(std::move(module)),
      sandbox_(sandbox),
      services_(channel, kChildNotifyFd) {
  for (size_t i = 0; i < views_.size(); ++i) views_[i] = &messages_[i];
}

void Worker::Run() {
  UseCrashStack();
  channel_.worker_tid.store(static_cast<int32_t>(syscall(SYS_gettid)));
  uint32_t turn = 0;
  ChildCommand command = ChildCommand::kCreate;
  do {
    turn = AwaitTurn(turn);
    services_.SetBusy(true);
    command = channel_.command;
    Execute(command, channel_.count);
    services_.SetBusy(false);
    Answer(turn);
  } while (command != ChildCommand::kDestroy);
}

// Says that it sleeps, looks once more, sleeps: the host does the same things
// in the other order, so one of the two notices.
uint32_t Worker::AwaitTurn(uint32_t last) {
  uint32_t turn = channel_.turn.load();
  while (turn == last) {
    channel_.child_waits.store(1);
    if (channel_.turn.load() == last) {
      FutexWait(channel_.turn, last, absl::InfiniteDuration());
    }
    channel_.child_waits.store(0);
    turn = channel_.turn.load();
  }
  return turn;
}

void Worker::Answer(uint32_t turn) {
  channel_.answered.store(turn);
  if (channel_.host_waits.load() != 0) FutexWakeAll(channel_.answered);
}

void Worker::Execute(ChildCommand command, uint32_t count) {
  switch (command) {
    case ChildCommand::kCreate:
      return Create({channel_.request, count});
    case ChildCommand::kCapacity:
      channel_.number = instance_->QueueCapacity();
      return;
    case ChildCommand::kWants:
      channel_.number = instance_->WantsMessage({channel_.request, count});
      return;
    case ChildCommand::kRun:
      return HandleRun(count);
    case ChildCommand::kReconfigure:
      return Reconfigure({channel_.request, count});
    case ChildCommand::kDestroy:
      instance_->Destroy();
      return;
    case ChildCommand::kSaveState:
      return SaveState();
    case ChildCommand::kReadState:
      return ReadState(count);
    case ChildCommand::kWriteState:
      channel_.status = 0;
      state_.append(channel_.request, count);
      return;
    case ChildCommand::kLoadState:
      return LoadState();
    case ChildCommand::kTellProcess: {
      const std::optional<ProcessChange> change =
          DecodeProcessChange({channel_.request, count});
      channel_.number =
          change.has_value() ? instance_->TellProcess(*change) : WEIR_ERR;
      return;
    }
    case ChildCommand::kTick:
      channel_.number = instance_->Tick() ? 1 : 0;
      return;
  }
}

void Worker::Create(absl::string_view config_json) {
  if (const absl::Status loaded = Load(); !loaded.ok()) return Fail(loaded);
  const absl::Status created = instance_->Create(config_json);
  services_.EndCreate();
  if (!created.ok()) return Fail(created);
  if (const absl::Status closed = sandbox_.Close(); !closed.ok()) {
    return Fail(closed);
  }
  channel_.status = 0;
  services_.Declare(instance_->declared());
  Describe();
}

void Worker::Reconfigure(absl::string_view config_json) {
  const absl::Status taken = instance_->Reconfigure(config_json);
  if (!taken.ok()) return Fail(taken);
  channel_.status = 0;
}

absl::Status Worker::Load() {
  const absl::StatusOr<void*> library = OpenLibrary(module_);
  if (!library.ok()) return library.status();
  library_ = *library;
  const absl::StatusOr<weir_plugin> table = EnterPlugin(library_);
  if (table.ok()) {
    instance_.emplace(*table, services_.table(), services_.watch());
  }
  return table.status();
}

void Worker::Fail(const absl::Status& status) {
  const absl::string_view text = status.message();
  channel_.status = static_cast<int32_t>(status.code());
  channel_.answer_bytes =
      static_cast<uint32_t>(std::min(text.size(), ChildChannel::kMaxAnswer));
  std::memcpy(channel_.answer, text.data(), channel_.answer_bytes);
}

// Tells the kinds that the plugin declares; those that do not fit are longer
// than any that an event may have.
void Worker::Describe() {
  channel_.max_batch = instance_->max_batch();
  channel_.tick_interval_ns = instance_->tick_interval_ns();
  channel_.has_state = instance_->has_state() ? 1 : 0;
  channel_.hears_of_processes = instance_->hears_of_processes() ? 1 : 0;
  channel_.declares = instance_->declared().has_value() ? 1 : 0;
  uint32_t at = 0;
  for (const std::string& kind :
       instance_->declared().value_or(std::vector<std::string>())) {
    const auto size = static_cast<uint32_t>(kind.size());
    if (sizeof(size) + size > ChildChannel::kMaxAnswer - at) break;
    std::memcpy(channel_.answer + at, &size, sizeof(size));
    std::memcpy(channel_.answer + at + sizeof(size), kind.data(), size);
    at += sizeof(size) + size;
  }
  channel_.answer_bytes = at;
}

void Worker::SaveState() {
  absl::StatusOr<std::string> saved = instance_->SaveState();
  if (!saved.ok()) return Fail(saved.status());
  state_ = *std::move(saved);
  channel_.status = 0;
  channel_.state_bytes = state_.size();
}

// After the last piece the memory is the plugin's again.
void Worker::ReadState(uint32_t piece) {
  const size_t at = size_t{piece} * ChildChannel::kMaxAnswer;
  const size_t size = std::min(state_.size() - std::min(at, state_.size()),
                               ChildChannel::kMaxAnswer);
  if (size > 0) std::memcpy(channel_.answer, state_.data() + at, size);
  if (at + size == state_.size()) state_ = std::string();
  channel_.status = 0;
}

void Worker::LoadState() {
  const std::string state = std::exchange(state_, std::string());
  const absl::Status loaded = instance_->LoadState(state);
  if (!loaded.ok()) return Fail(loaded);
  channel_.status = 0;
}

void Worker::HandleRun(uint32_t count) {
  const auto channel = reinterpret_cast<uintptr_t>(&channel_);
  const uintptr_t from_arena =
      reinterpret_cast<uintptr_t>(arena_) - channel_.host_arena;
  for (uint32_t i = 0; i < count; ++i) {
    const ChildDescriptor at = channel_.run[i];
    const bool in_spill = at.in_spill != 0;
    const uint8_t* const lies = in_spill ? channel_.spill : arena_;
    const uintptr_t away = in_spill ? channel : from_arena;
    weir_msg& message = messages_[i];
    message = *reinterpret_cast<const weir_msg*>(lies + at.offset);
    if (at.redelivered != 0) message.flags |= kMsgRedelivered;
    // Addresses of the host's until now.
    // NOLINTBEGIN(performance-no-int-to-ptr)
    message.base = reinterpret_cast<const uint8_t*>(
        reinterpret_cast<uintptr_t>(message.base) + away);
    message.fields = reinterpret_cast<const weir_field*>(
        reinterpret_cast<uintptr_t>(message.fields) + away);
    // NOLINTEND(performance-no-int-to-ptr)
  }
  const auto views = absl::MakeConstSpan(views_.data(), count);
  services_.HandOver(views);
  instance_->HandleMessages(views,
                            {.done = channel_.head,
                             .max_streak = channel_.max_consecutive_errors,
                             .inflight = &channel_.inflight,
                             .failed = channel_.failed});
  services_.HandOver({});
}

void Worker::Unload() {
  instance_.reset();
  if (library_ != nullptr) dlclose(library_);
  library_ = nullptr;
}

}  // namespace weir
