#include "runner/check/subject.h"

#include <dlfcn.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <exception>
#include <thread>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "host/plugin/crash_report.h"
#include "host/plugin/plugin_table.h"
#include "runner/check/allocation_faults.h"

namespace weir {
namespace {

constexpr size_t kMaxErrorBytes = 4096;  // As PluginInstance.

// What save writes, while there is room.
struct Written {
  std::string bytes;
  uint64_t room = 0;
};

weir_status WriteState(void* to, const void* data, uint64_t len) {
  const AllocationFaults::Pause pause;
  Written& written = *static_cast<Written*>(to);
  if (len > written.room - written.bytes.size()) return WEIR_AGAIN;
  written.bytes.append(static_cast<const char*>(data), len);
  return WEIR_OK;
}

absl::Status SaidBy(const std::array<char, kMaxErrorBytes>& text,
                    const weir_err& err) {
  return absl::FailedPreconditionError(
      absl::string_view(text.data(), std::min<size_t>(err.len, text.size())));
}

}  // namespace

template <typename T, typename Call>
T Subject::Guarded(const char* function, T otherwise, Call call) {
  std::string what;
  try {
    const AllocationFaults::Counting counting;
    return call();
  } catch (const std::exception& e) {
    what = e.what();
  } catch (...) {
    what = "not a std::exception";
  }
  if (crossed_.empty()) {
    crossed_ = absl::StrCat(function, " threw an exception (", what, ")");
  }
  return otherwise;
}

void Subject::Doing(absl::string_view what) {
  const std::string text = failing_ == 0
                               ? std::string(what)
                               : absl::StrCat(what, " while allocation ",
                                              failing_, " of its life fails");
  const size_t size = std::min(text.size(), sizeof(board_.doing) - 1);
  std::memcpy(board_.doing, text.data(), size);
  board_.doing[size] = '\0';
}

absl::Status Subject::Load() {
  Doing("dlopen");
  const absl::StatusOr<void*> library = OpenLibrary(path_);
  if (!library.ok()) return library.status();
  library_ = *library;
  Doing("weir_plugin_entry_v1");
  const absl::StatusOr<weir_plugin> table = EnterPlugin(library_);
  if (table.ok()) table_ = *table;
  return table.status();
}

void Subject::Unload() {
  if (library_ == nullptr) return;
  Doing("dlclose");
  dlclose(library_);
  library_ = nullptr;
}

absl::Status Subject::Create(const weir_host* host, absl::string_view config,
                             void** self) {
  std::array<char, kMaxErrorBytes> text = {};
  weir_err err = {sizeof(weir_err), text.size(), text.data(), 0};
  Doing(
      absl::StrCat("create with a configuration of ", config.size(), " bytes"));
  *self = nullptr;
  const auto status = Guarded<weir_status>("create", WEIR_EXCEPTION, [&] {
    return table_.create(host, {config.data(), config.size()}, self, &err);
  });
  return status == WEIR_OK ? absl::OkStatus() : SaidBy(text, err);
}

void Subject::Destroy(void* self) {
  // Whoever gives back what it has cannot do without.
  const uint64_t failing = std::exchange(failing_, 0);
  AllocationFaults::FailAt(0);
  Doing("destroy");
  Guarded<int>("destroy", 0, [&] {
    table_.destroy(self);
    return 0;
  });
  FailAllocation(failing);
}

void Subject::FailAllocation(uint64_t n) {
  failing_ = n;
  AllocationFaults::FailAt(n);
}

int64_t Subject::QueueCapacity(void* self) {
  Doing("queue_capacity");
  return Guarded<int64_t>("queue_capacity", WEIR_EXCEPTION,
                          [&] { return table_.queue_capacity(self); });
}

int32_t Subject::WantsMessage(void* self, absl::string_view type) {
  Doing(absl::StrCat("wants_message of \"", type.substr(0, 40), "\""));
  return Guarded<int32_t>("wants_message", WEIR_EXCEPTION, [&] {
    return table_.wants_message(self, {type.data(), type.size()});
  });
}

weir_status Subject::Handle(void* self, const weir_msg* message,
                            absl::string_view what) {
  Doing(absl::StrCat("handle_message of ", what));
  return Guarded<weir_status>("handle_message", WEIR_EXCEPTION, [&] {
    return table_.handle_message(self, message);
  });
}

weir_status Subject::HandleBatch(const weir_ext_batch& batch, void* self,
                                 const weir_msg* const* messages, uint32_t n,
                                 uint32_t* done) {
  Doing(absl::StrCat("handle_messages of a batch of ", n));
  return Guarded<weir_status>("handle_messages", WEIR_EXCEPTION, [&] {
    return batch.handle_messages(self, messages, n, done);
  });
}

const void* Subject::GetExt(void* self, const char* id) {
  Doing(absl::StrCat("get_ext of \"", id, "\"",
                     self == nullptr ? " without an instance" : ""));
  return Guarded<const void*>("get_ext", nullptr,
                              [&] { return table_.get_ext(self, id); });
}

const weir_ext_batch* Subject::Batch(void* self) {
  const auto* const batch =
      static_cast<const weir_ext_batch*>(GetExt(self, WEIR_EXT_BATCH));
  const bool usable = batch != nullptr &&
                      batch->struct_size >= sizeof(weir_ext_batch) &&
                      batch->max_batch > 0 && batch->handle_messages != nullptr;
  return usable ? batch : nullptr;
}

const weir_ext_state* Subject::State(void* self) {
  const auto* const state =
      static_cast<const weir_ext_state*>(GetExt(self, WEIR_EXT_STATE));
  const bool usable = state != nullptr &&
                      state->struct_size >= sizeof(weir_ext_state) &&
                      state->save != nullptr && state->load != nullptr;
  return usable ? state : nullptr;
}

absl::StatusOr<std::string> Subject::SaveState(const weir_ext_state& state,
                                               void* self, uint64_t room) {
  std::array<char, kMaxErrorBytes> text = {};
  weir_err err = {sizeof(weir_err), text.size(), text.data(), 0};
  Written written = {.room = room};
  Doing(absl::StrCat("save with room for ", room, " bytes"));
  const auto status = Guarded<weir_status>("save", WEIR_EXCEPTION, [&] {
    return state.save(self, &WriteState, &written, &err);
  });
  if (status != WEIR_OK) return SaidBy(text, err);
  return std::move(written.bytes);
}

absl::Status Subject::LoadState(const weir_ext_state& state, void* self,
                                absl::string_view bytes) {
  std::array<char, kMaxErrorBytes> text = {};
  weir_err err = {sizeof(weir_err), text.size(), text.data(), 0};
  Doing(absl::StrCat("load of a state of ", bytes.size(), " bytes"));
  const auto status = Guarded<weir_status>("load", WEIR_EXCEPTION, [&] {
    return state.load(self, bytes.data(), bytes.size(), &err);
  });
  return status == WEIR_OK ? absl::OkStatus() : SaidBy(text, err);
}

void OnWorker(const std::function<void()>& work) {
  std::thread([&] {
    UseCrashStack();
    work();
  }).join();
}

}  // namespace weir
