#include "host/plugin/in_process_handler.h"

#include <algorithm>
#include <array>
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

}  // namespace

InProcessHandler::InProcessHandler(const weir_plugin& table,
                                   std::shared_ptr<const void> code,
                                   std::shared_ptr<PluginHostServices> services,
                                   std::string config_json)
    : table_(table),
      code_(std::move(code)),
      services_(std::move(services)),
      config_json_(std::move(config_json)) {}

absl::Status InProcessHandler::Create() {
  std::array<char, kMaxErrorBytes> text = {};
  weir_err err = {sizeof(weir_err), text.size(), text.data(), 0};
  std::string what;
  const weir_status status = Guarded<weir_status>(WEIR_EXCEPTION, &what, [&] {
    return table_.create(services_->table(),
                         {config_json_.data(), config_json_.size()}, &self_,
                         &err);
  });
  if (status == WEIR_OK) {
    AskForExtensions();
    return absl::OkStatus();
  }
  if (what.empty()) {
    what.assign(text.data(), std::min<size_t>(err.len, text.size()));
  }
  if (what.empty()) what = absl::StrCat("status ", status, " without a word");
  return absl::FailedPreconditionError(absl::StrCat("create: ", what));
}

void InProcessHandler::AskForExtensions() {
  const auto ask = [this](const char* id) {
    return Guarded<const void*>(nullptr, nullptr,
                                [&] { return table_.get_ext(self_, id); });
  };
  const auto* const batch =
      static_cast<const weir_ext_batch*>(ask(WEIR_EXT_BATCH));
  if (batch != nullptr && batch->struct_size >= sizeof(weir_ext_batch) &&
      batch->max_batch > 0 && batch->handle_messages != nullptr) {
    batch_ = *batch;
  }
  const auto* const describe =
      static_cast<const weir_ext_describe*>(ask(WEIR_EXT_DESCRIBE));
  if (describe == nullptr ||
      describe->struct_size < sizeof(weir_ext_describe) ||
      describe->n_event_types > kMaxEventTypes) {
    return;
  }
  std::vector<std::string> kinds;
  for (uint32_t i = 0; i < describe->n_event_types; ++i) {
    const weir_str& kind = describe->event_types[i];
    kinds.emplace_back(kind.data, kind.len);
  }
  services_->Declare(std::move(kinds));
}

int64_t InProcessHandler::QueueCapacity() {
  return Guarded<int64_t>(WEIR_EXCEPTION, nullptr,
                          [&] { return table_.queue_capacity(self_); });
}

bool InProcessHandler::WantsMessage(absl::string_view type) {
  return Guarded<int32_t>(WEIR_EXCEPTION, nullptr, [&] {
           return table_.wants_message(self_, {type.data(), type.size()});
         }) > 0;
}

RunOutcome InProcessHandler::HandleMessages(
    absl::Span<const Message* const> messages, std::atomic<uint32_t>& done,
    std::atomic<uint32_t>& errors) {
  views_.clear();
  for (const Message* message : messages) views_.push_back(&message->view);
  const auto count = static_cast<uint32_t>(views_.size());
  uint32_t at = 0;
  while (at < count && batch_.handle_messages != nullptr) {
    const uint32_t end = at + std::min(count - at, batch_.max_batch);
    at += HandleBatch(at, end, done);
    done.store(at, std::memory_order_release);
    if (at == end) continue;
    errors.fetch_add(1, std::memory_order_release);
    done.store(++at, std::memory_order_release);
    break;
  }
  for (; at < count; ++at) HandleOne(at, done, errors);
  return {};
}

uint32_t InProcessHandler::HandleBatch(uint32_t begin, uint32_t end,
                                       std::atomic<uint32_t>& done) {
  // The first batch counts in the caller's own word, so that it is exact in
  // the middle, too; one of a plugin with small batches, from its end on.
  static_assert(sizeof(std::atomic<uint32_t>) == sizeof(uint32_t) &&
                std::atomic<uint32_t>::is_always_lock_free);
  uint32_t own = 0;
  uint32_t* const marker =
      begin == 0 ? reinterpret_cast<uint32_t*>(&done) : &own;
  const weir_status status = Guarded<weir_status>(WEIR_EXCEPTION, nullptr, [&] {
    return batch_.handle_messages(self_, &views_[begin], end - begin, marker);
  });
  if (status == WEIR_OK) return end - begin;
  const uint32_t dealt_with =
      begin == 0 ? done.load(std::memory_order_acquire) : own;
  return std::min(dealt_with, end - begin - 1);
}

void InProcessHandler::HandleOne(uint32_t index, std::atomic<uint32_t>& done,
                                 std::atomic<uint32_t>& errors) {
  const weir_status status = Guarded<weir_status>(WEIR_EXCEPTION, nullptr, [&] {
    return table_.handle_message(self_, views_[index]);
  });
  if (status != WEIR_OK) errors.fetch_add(1, std::memory_order_release);
  done.store(index + 1, std::memory_order_release);
}

void InProcessHandler::Destroy() {
  Guarded<int>(0, nullptr, [&] {
    table_.destroy(self_);
    return 0;
  });
  self_ = nullptr;
}

}  // namespace weir
