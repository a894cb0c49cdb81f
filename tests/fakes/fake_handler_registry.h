#ifndef WEIR_TESTS_FAKES_FAKE_HANDLER_REGISTRY_H_
#define WEIR_TESTS_FAKES_FAKE_HANDLER_REGISTRY_H_

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "host/pipeline/handler.h"
#include "host/pipeline/handler_registry.h"
#include "host/pipeline/handler_stats.h"
#include "host/pipeline/message.h"

namespace weir {

// Runs handlers without a queue or a thread: whatever is asked of one is done
// by the caller, at once. Its statistics are what a test says. Not thread-safe.
class FakeHandlerRegistry final : public HandlerRegistry {
 public:
  absl::StatusOr<int64_t> AddHandler(
      HandlerOptions options, std::unique_ptr<Handler> handler) override {
    if (handlers_.count(options.name) > 0) {
      return absl::AlreadyExistsError(options.name);
    }
    if (absl::Status status = handler->Create(); !status.ok()) return status;
    const int64_t capacity = handler->QueueCapacity();
    if (capacity <= 0) {
      handler->Destroy();
      return absl::InvalidArgumentError(
          absl::StrCat("asks for a queue of ", capacity, " messages"));
    }
    Entry entry = {options, std::move(handler), HandlerStats()};
    for (const char* type : {"UPDATE", "STATE", "RAW"}) {
      if (entry.handler->WantsMessage(type)) {
        entry.stats.wanted_types.push_back(type);
      }
    }
    entry.stats.capacity = static_cast<uint32_t>(capacity);
    entry.stats.last_drop = absl::InfinitePast();
    handlers_[options.name] = std::move(entry);
    return capacity;
  }

  absl::StatusOr<uint64_t> RemoveHandler(absl::string_view name,
                                         absl::Duration) override {
    const auto found = handlers_.find(std::string(name));
    if (found == handlers_.end()) return absl::NotFoundError(name);
    found->second.handler->Destroy();
    handlers_.erase(found);
    return 0;
  }

  absl::StatusOr<HandlerStats> Stats(absl::string_view name) const override {
    const auto found = handlers_.find(std::string(name));
    if (found == handlers_.end()) return absl::NotFoundError(name);
    return found->second.stats;
  }

  uint64_t total_dropped() const override { return 0; }

  // Hands `messages` to the handler `name`, and keeps its books.
  void Dispatch(const std::string& name,
                absl::Span<const Message* const> messages) {
    std::atomic<uint32_t> done{0}, errors{0};
    Entry& entry = handlers_.at(name);
    entry.handler->HandleMessages(messages, done, errors);
    entry.stats.books.offered += messages.size();
    entry.stats.books.enqueued += messages.size();
    entry.stats.books.processed_error += errors;
    entry.stats.books.processed_ok += done - errors;
  }

  // What Stats answers from now on; null for a handler that is not there.
  HandlerStats* stats_of(const std::string& name) {
    const auto found = handlers_.find(name);
    return found == handlers_.end() ? nullptr : &found->second.stats;
  }
  const HandlerOptions& options_of(const std::string& name) const {
    return handlers_.at(name).options;
  }

 private:
  struct Entry {
    HandlerOptions options;
    std::unique_ptr<Handler> handler;
    HandlerStats stats;
  };

  std::map<std::string, Entry> handlers_;
};

}  // namespace weir

#endif  // WEIR_TESTS_FAKES_FAKE_HANDLER_REGISTRY_H_
