#ifndef WEIR_TESTS_SUPPORT_CHILD_PLUGIN_H_
#define WEIR_TESTS_SUPPORT_CHILD_PLUGIN_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "host/control/steward_nodes.h"
#include "host/control/steward_outboxes.h"
#include "host/pipeline/event.h"
#include "host/pipeline/event_sink.h"
#include "host/pipeline/message.h"
#include "host/pipeline/message_batch.h"
#include "host/pipeline/message_writer.h"
#include "host/pipeline/name_table.h"
#include "host/pipeline/receipt.h"
#include "host/pipeline/reply_sink.h"
#include "host/pipeline/shared_arena.h"
#include "host/pipeline/slab_pool.h"
#include "host/plugin/child_handler.h"
#include "host/plugin/child_supervisor.h"
#include "host/plugin/key_value_store.h"
#include "host/plugin/plugin_host_services.h"
#include "host/sync/clock.h"
#include "host/sync/mutex.h"

namespace weir {

inline constexpr char kRunner[] = "runner/weir-plugin-runner";

inline std::string FixturePath(absl::string_view name) {
  return absl::StrCat("tests/fixtures/", name, ".so");
}

// Keeps what a plugin says, in order. Thread-safe.
class HeardFromPlugin final : public EventSink {
 public:
  absl::Status Publish(Event event) override ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(&mu_);
    events_.push_back(std::move(event));
    changed_.NotifyAll();
    return absl::OkStatus();
  }

  void TakeLine(absl::string_view line) ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(&mu_);
    lines_.emplace_back(line);
    changed_.NotifyAll();
  }

  void AwaitEvents(size_t n) ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(&mu_);
    while (events_.size() < n) changed_.Wait(&mu_);
  }

  std::vector<Event> events() const ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(&mu_);
    return events_;
  }
  std::vector<std::string> lines() const ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(&mu_);
    return lines_;
  }

 private:
  mutable Mutex mu_;
  CondVar changed_;
  std::vector<Event> events_ ABSL_GUARDED_BY(mu_);
  std::vector<std::string> lines_ ABSL_GUARDED_BY(mu_);
};

// A run of messages of one batch, numbered from `first` on.
struct TestRun {
  MessageBatchRef batch;
  std::vector<const Message*> messages;
};

// What a plugin in a child needs of a host. Not thread-safe.
class ChildPlugins {
 public:
  // Messages lie in an arena of `arena_bytes`, if that is not 0.
  ChildPlugins(const Clock& clock, size_t arena_bytes) : clock_(clock) {
    InternWellKnownTypes(types_);
    source_ = sources_.Intern("test");
    if (arena_bytes > 0) arena_ = SharedArena::Create(arena_bytes).value();
    pool_ = std::make_unique<SlabPool>(arena_.get());
    writer_ = std::make_unique<MessageWriter>(*pool_);
    supervisor_ = ChildSupervisor::Start().value();
    NewServices();
  }

  // With `key_values`, which must outlive all, plugins can keep something, and
  // with `replies` answer messages, and ask `nodes`, which send by `outboxes`.
  void NewServices(KeyValueStore* key_values = nullptr,
                   ReplySink* replies = nullptr, StewardNodes* nodes = nullptr,
                   StewardOutboxes* outboxes = nullptr) {
    services_ = std::make_shared<PluginHostServices>(
        PluginHostOptions{
            .name = "plugins/x",
            .write_log = [this](
                             Severity, absl::string_view,
                             absl::string_view text) { heard_.TakeLine(text); },
            .key_values = key_values,
            .replies = replies,
            .nodes = nodes,
            .outboxes = outboxes},
        heard_, types_, sources_, clock_);
  }

  std::unique_ptr<ChildHandler> Make(ChildHandlerOptions options) {
    if (options.runner.empty()) options.runner = kRunner;
    if (options.name.empty()) options.name = "x";
    return std::make_unique<ChildHandler>(std::move(options), *supervisor_,
                                          arena_.get(), services_, types_,
                                          sources_);
  }

  TestRun Run(uint64_t first, size_t n,
              absl::string_view payload = "{\"a\": 1}",
              uint16_t type = kTypeUpdate, Receipt receipt = Receipt()) {
    writer_->Begin(std::move(receipt));
    for (size_t i = 0; i < n; ++i) {
      const MessageWriter::Room room = writer_->Reserve(payload, 1, 8);
      room.message->view.type_id = type;
      room.message->view.source_id = source_;
      room.message->view.seq = first + i;
      writer_->Commit(0, 0);
    }
    TestRun run = {.batch = writer_->Finish(), .messages = {}};
    for (const Message* message = run.batch->first(); message != nullptr;
         message = message->next) {
      run.messages.push_back(message);
    }
    return run;
  }

  NameTable& types() { return types_; }
  HeardFromPlugin& heard() { return heard_; }
  PluginHostServices& services() { return *services_; }
  const std::shared_ptr<PluginHostServices>& shared_services() const {
    return services_;
  }

 private:
  const Clock& clock_;
  NameTable types_, sources_;
  uint16_t source_ = 0;
  HeardFromPlugin heard_;
  std::unique_ptr<SharedArena> arena_;
  std::unique_ptr<SlabPool> pool_;
  std::unique_ptr<MessageWriter> writer_;
  std::unique_ptr<ChildSupervisor> supervisor_;
  std::shared_ptr<PluginHostServices> services_;
};

}  // namespace weir

#endif  // WEIR_TESTS_SUPPORT_CHILD_PLUGIN_H_
