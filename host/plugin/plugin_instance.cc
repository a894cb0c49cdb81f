#include "host/plugin/plugin_instance.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <exception>
#include <utility>

#include "absl/strings/str_cat.h"

namespace weir {

namespace {

// Larger than any sentence; the plugin's own words are cut to it.
constexpr size_t kMaxErrorBytes = 4096;
// More kinds than any plugin has, so that a count gone wrong reads nothing.
constexpr uint32_t kMaxEventTypes = 1024;

// Runs the plugin's code. A plugin of the SDK lets nothing out; another one may
// throw. `what` must not outlive the exception, so it is copied here.
template <typename T, typename Call>
T Guarded(T otherwise, std::string* what, Call call) {
  try {
    return call();
  } catch (const std::exception& e) {
    if (what != nullptr) *what = e.what();
  } catch (...) {
    if (what != nullptr) *what = "an exception that is not a std::exception";
  }
  return otherwise;
}

// Why the plugin did not do `call`: `what` it threw, or the first `length`
// bytes of `text`, as it says.
absl::Status Refusal(absl::string_view call, weir_status status,
                     std::string what, absl::string_view text,
                     uint64_t length) {
  if (what.empty()) what = std::string(text.substr(0, length));
  if (what.empty()) what = absl::StrCat("status ", status, " without a word");
  return absl::FailedPreconditionError(absl::StrCat(call, ": ", what));
}

void Begin(const RunLedger& ledger, uint32_t number) {
  if (ledger.inflight == nullptr) return;
  ledger.inflight->store(number, std::memory_order_release);
}

}  // namespace

absl::Status PluginInstance::Create(absl::string_view config_json) {
  std::array<char, kMaxErrorBytes> text = {};
  weir_err err = {sizeof(weir_err), text.size(), text.data(), 0};
  std::string what;
  watch_.BindThread();
  const Call call(watch_, watch_.limits().create_ns);
  const weir_status status = Guarded<weir_status>(WEIR_EXCEPTION, &what, [&] {
    return table_.create(host_, {config_json.data(), config_json.size()},
                         &self_, &err);
  });
  if (status == WEIR_OK) {
    AskForExtensions();
    return absl::OkStatus();
  }
  return Refusal("create", status, what, {text.data(), text.size()}, err.len);
}

absl::Status PluginInstance::Reconfigure(absl::string_view config_json) {
  if (!can_reconfigure()) {
    return absl::UnimplementedError("reconfigure: the plugin has none");
  }
  std::array<char, kMaxErrorBytes> text = {};
  weir_err err = {sizeof(weir_err), text.size(), text.data(), 0};
  std::string what;
  const Call call(watch_, watch_.limits().create_ns);
  const weir_status status = Guarded<weir_status>(WEIR_EXCEPTION, &what, [&] {
    return config_.reconfigure(self_, {config_json.data(), config_json.size()},
                               &err);
  });
  if (status == WEIR_OK) return absl::OkStatus();
  if (status == WEIR_UNSUPPORTED) {
    return absl::UnimplementedError("reconfigure: not this one");
  }
  return Refusal("reconfigure", status, what, {text.data(), text.size()},
                 err.len);
}

void PluginInstance::AskForExtensions() {
  const auto* const batch = static_cast<const weir_ext_batch*>(
      Guarded<const void*>(nullptr, nullptr, [&] {
        return table_.get_ext(self_, WEIR_EXT_BATCH);
      }));
  if (batch != nullptr && batch->struct_size >= sizeof(weir_ext_batch) &&
      batch->max_batch > 0 && batch->handle_messages != nullptr) {
    batch_ = *batch;
  }
  AskForKinds();
  AskForConfig();
  AskForTimer();
  AskForState();
  AskForProcess();
}

void PluginInstance::AskForProcess() {
  const auto* const process = static_cast<const weir_ext_process*>(
      Guarded<const void*>(nullptr, nullptr, [&] {
        return table_.get_ext(self_, WEIR_EXT_PROCESS);
      }));
  if (process == nullptr || process->struct_size < sizeof(weir_ext_process) ||
      process->started == nullptr || process->stopped == nullptr) {
    return;
  }
  process_ = *process;
}

void PluginInstance::AskForState() {
  const auto* const state = static_cast<const weir_ext_state*>(
      Guarded<const void*>(nullptr, nullptr, [&] {
        return table_.get_ext(self_, WEIR_EXT_STATE);
      }));
  if (state == nullptr || state->struct_size < sizeof(weir_ext_state) ||
      state->save == nullptr || state->load == nullptr) {
    return;
  }
  state_ = *state;
}

void PluginInstance::AskForConfig() {
  const auto* const config = static_cast<const weir_ext_config*>(
      Guarded<const void*>(nullptr, nullptr, [&] {
        return table_.get_ext(self_, WEIR_EXT_CONFIG);
      }));
  if (config == nullptr || config->struct_size < sizeof(weir_ext_config)) {
    return;
  }
  config_ = *config;
}

void PluginInstance::AskForTimer() {
  const auto* const timer = static_cast<const weir_ext_timer*>(
      Guarded<const void*>(nullptr, nullptr, [&] {
        return table_.get_ext(self_, WEIR_EXT_TIMER);
      }));
  if (timer == nullptr || timer->struct_size < sizeof(weir_ext_timer) ||
      timer->interval_ns == nullptr || timer->tick == nullptr) {
    return;
  }
  timer_ = *timer;
  const int64_t interval_ns =
      Guarded<int64_t>(0, nullptr, [&] { return timer_.interval_ns(self_); });
  if (interval_ns > 0) tick_interval_ns_ = std::max(interval_ns, kMinTickNs);
}

void PluginInstance::AskForKinds() {
  const auto* const describe = static_cast<const weir_ext_describe*>(
      Guarded<const void*>(nullptr, nullptr, [&] {
        return table_.get_ext(self_, WEIR_EXT_DESCRIBE);
      }));
  if (describe == nullptr ||
      describe->struct_size < sizeof(weir_ext_describe) ||
      describe->n_event_types > kMaxEventTypes) {
    return;
  }
  declared_.emplace();
  for (uint32_t i = 0; i < describe->n_event_types; ++i) {
    const weir_str& kind = describe->event_types[i];
    declared_->emplace_back(kind.data, kind.len);
  }
}

int64_t PluginInstance::QueueCapacity() {
  const Call call(watch_, watch_.limits().ask_ns);
  return Guarded<int64_t>(WEIR_EXCEPTION, nullptr,
                          [&] { return table_.queue_capacity(self_); });
}

bool PluginInstance::WantsMessage(absl::string_view type) {
  const Call call(watch_, watch_.limits().ask_ns);
  return Guarded<int32_t>(WEIR_EXCEPTION, nullptr, [&] {
           return table_.wants_message(self_, {type.data(), type.size()});
         }) > 0;
}

void PluginInstance::HandleMessages(absl::Span<const weir_msg* const> views,
                                    const RunLedger& ledger) {
  const auto count = static_cast<uint32_t>(views.size());
  uint32_t at = 0;
  if (watch_.used()) {
    for (; at < count && !GivesUp(ledger); ++at) {
      const Call call(watch_, watch_.limits().soft_ns, watch_.limits().hard_ns);
      HandleOne(views[at], at, ledger);
    }
  }
  while (at < count && batch_.handle_messages != nullptr) {
    if (GivesUp(ledger)) return;
    const uint32_t end = at + std::min(count - at, batch_.max_batch);
    const uint32_t handled =
        HandleBatch(views.subspan(at, end - at), at, ledger);
    if (handled > 0) streak_ = 0;
    at += handled;
    if (at == end) {
      ledger.done.store(at, std::memory_order_release);
      continue;
    }
    Begin(ledger, at + 1);
    Finish(ledger, at++, /*ok=*/false);
    break;
  }
  for (; at < count && !GivesUp(ledger); ++at) HandleOne(views[at], at, ledger);
}

// Returns how many of `views`, which begin at message `begin`, were dealt with;
// the one after them failed, if that is not all.
uint32_t PluginInstance::HandleBatch(absl::Span<const weir_msg* const> views,
                                     uint32_t begin, const RunLedger& ledger) {
  // The first batch counts in the ledger itself, so that it is exact in the
  // middle, too; one of a plugin with small batches, from its end on.
  static_assert(sizeof(std::atomic<uint32_t>) == sizeof(uint32_t) &&
                std::atomic<uint32_t>::is_always_lock_free);
  uint32_t own = 0;
  uint32_t* const marker =
      begin == 0 ? reinterpret_cast<uint32_t*>(&ledger.done) : &own;
  const auto count = static_cast<uint32_t>(views.size());
  Begin(ledger, RunLedger::kWholeBatch);
  const weir_status status = Guarded<weir_status>(WEIR_EXCEPTION, nullptr, [&] {
    return batch_.handle_messages(self_, views.data(), count, marker);
  });
  if (status == WEIR_OK) return count;
  const uint32_t dealt_with =
      begin == 0 ? ledger.done.load(std::memory_order_acquire) : own;
  return std::min(dealt_with, count - 1);
}

// What belongs to the message first, `done` last.
void PluginInstance::Finish(const RunLedger& ledger, uint32_t index, bool ok) {
  streak_ = ok ? 0 : streak_ + 1;
  if (!ok && ledger.errors != nullptr) {
    ledger.errors->fetch_add(1, std::memory_order_release);
  }
  if (!ok && ledger.on_error != nullptr) (*ledger.on_error)(index);
  if (!ok && ledger.failed != nullptr) {
    ledger.failed[index].store(1, std::memory_order_release);
  }
  ledger.done.store(index + 1, std::memory_order_release);
}

void PluginInstance::HandleOne(const weir_msg* view, uint32_t index,
                               const RunLedger& ledger) {
  Begin(ledger, index + 1);
  const weir_status status = Guarded<weir_status>(WEIR_EXCEPTION, nullptr, [&] {
    return table_.handle_message(self_, view);
  });
  Finish(ledger, index, status == WEIR_OK);
}

absl::StatusOr<std::string> PluginInstance::SaveState() {
  struct Saved {
    std::string bytes;
    bool too_many = false;
  } saved;
  const auto write = [](void* to, const void* data,
                        uint64_t len) -> weir_status {
    auto& all = *static_cast<Saved*>(to);
    all.too_many = all.too_many || len > kMaxStateBytes - all.bytes.size();
    if (all.too_many) return WEIR_AGAIN;
    all.bytes.append(static_cast<const char*>(data), len);
    return WEIR_OK;
  };
  std::array<char, kMaxErrorBytes> text = {};
  weir_err err = {sizeof(weir_err), text.size(), text.data(), 0};
  std::string what;
  const Call call(watch_, watch_.limits().state_ns);
  const weir_status status = Guarded<weir_status>(WEIR_EXCEPTION, &what, [&] {
    return state_.save(self_, write, &saved, &err);
  });
  if (saved.too_many) {
    return absl::FailedPreconditionError(
        absl::StrCat("save_state: more than ", kMaxStateBytes, " bytes"));
  }
  if (status == WEIR_OK) return std::move(saved.bytes);
  return Refusal("save_state", status, what, {text.data(), text.size()},
                 err.len);
}

absl::Status PluginInstance::LoadState(absl::string_view state) {
  std::array<char, kMaxErrorBytes> text = {};
  weir_err err = {sizeof(weir_err), text.size(), text.data(), 0};
  std::string what;
  const Call call(watch_, watch_.limits().state_ns);
  const weir_status status = Guarded<weir_status>(WEIR_EXCEPTION, &what, [&] {
    return state_.load(self_, state.data(), state.size(), &err);
  });
  if (status == WEIR_OK) return absl::OkStatus();
  return Refusal("load_state", status, what, {text.data(), text.size()},
                 err.len);
}

bool PluginInstance::Tick() {
  const Call call(watch_, watch_.limits().soft_ns, watch_.limits().hard_ns);
  return Guarded<weir_status>(WEIR_EXCEPTION, nullptr,
                              [&] { return timer_.tick(self_); }) == WEIR_OK;
}

weir_status PluginInstance::TellProcess(const ProcessChange& change) {
  const weir_str source = {change.source.data(), change.source.size()};
  const weir_str node = {change.node.data(), change.node.size()};
  const weir_str method = {change.method.data(), change.method.size()};
  const Call call(watch_, watch_.limits().soft_ns, watch_.limits().hard_ns);
  return Guarded<weir_status>(WEIR_EXCEPTION, nullptr, [&] {
    return change.started ? process_.started(self_, source, node, method)
                          : process_.stopped(self_, source, method);
  });
}

void PluginInstance::Destroy() {
  const Call call(watch_, watch_.limits().destroy_ns);
  Guarded<int>(0, nullptr, [&] {
    table_.destroy(self_);
    return 0;
  });
  self_ = nullptr;
}

}  // namespace weir
