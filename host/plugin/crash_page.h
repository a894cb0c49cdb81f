#ifndef WEIR_HOST_PLUGIN_CRASH_PAGE_H_
#define WEIR_HOST_PLUGIN_CRASH_PAGE_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "host/pipeline/message.h"
#include "host/plugin/child_death.h"
#include "weir/plugin_abi.h"

namespace weir {

// Which code a thread of the host runs; plain bytes, for a signal handler.
struct PluginTag {
  // `plugin` is "plugins/counts".
  PluginTag(absl::string_view plugin, absl::string_view sha256,
            uint64_t generation);

  char plugin[96];
  char sha256[65];
  uint64_t generation;
};

// While it lives, the thread that made it runs code of a plugin, and the
// message after those that are `done` is in its hands. They end in the opposite
// order of their making. A few stores.
class InPluginCode {
 public:
  explicit InPluginCode(const PluginTag& tag)
      : InPluginCode(tag, {}, nullptr) {}
  InPluginCode(const PluginTag& tag, absl::Span<const Message* const> messages,
               const std::atomic<uint32_t>* done);
  ~InPluginCode();

  InPluginCode(const InPluginCode&) = delete;
  InPluginCode& operator=(const InPluginCode&) = delete;

  const PluginTag& tag() const { return tag_; }
  // In its hands; null if there is none.
  const Message* message() const;

 private:
  const PluginTag& tag_;
  const absl::Span<const Message* const> messages_;
  const std::atomic<uint32_t>* const done_;
  const InPluginCode* const around_;
};

// What the process before this one died of, in the code of a plugin. A value.
struct HostCrash {
  std::string plugin;  // "plugins/counts"
  std::string sha256;
  uint64_t generation = 0;
  absl::Time time;
  std::string type, source;  // Of the message in `death`: "UPDATE", "ris".
  ChildDeath death;  // As that of a child, or by what call: "exit", "_exit".
};

// A mapped file in which a host that dies in the code of a plugin, in process,
// leaves word of it: a signal handler on a stack of its own writes the plugin,
// the message, the signal and the frames there, and then lets the process die
// of the signal. A page of a file survives its process, so nothing has to be
// written out. So it is with a call that ends the process, as far as end_calls
// sees it. SIGKILL from elsewhere leaves no word, and what a thread of the
// plugin's own does is not known to be the plugin's.
//
// Not thread-safe; the handler may run at any time, on any thread.
class CrashPage {
 public:
  // Opens the file at `path`, or makes it; 1 MiB at most. Returns Unavailable
  // with the system's reason.
  static absl::StatusOr<std::unique_ptr<CrashPage>> Open(
      const std::string& path);

  ~CrashPage();  // The handler writes nowhere any more.

  CrashPage(const CrashPage&) = delete;
  CrashPage& operator=(const CrashPage&) = delete;

  // What was left there, once; nullopt if the process before ended otherwise.
  // Nothing that stands there is believed.
  std::optional<HostCrash> Take();

  // Installs the handler, for the process, and a word for exit. `type_name` and
  // `source_name` say what a message's numbers mean; they are called in the
  // handler, with `context`.
  using Name = absl::string_view (*)(const void* context, size_t id);
  void Watch(Name type_name, Name source_name, const void* context);

  // The calling thread is about to end the process by a call, `how`, or by a
  // signal for it; left to the next process if it runs code of a plugin.
  // Async-signal-safe.
  static void NoteEnd(const char* how);
  static void NoteSignal(int signal);

 private:
  struct Page;

  explicit CrashPage(Page* page) : page_(page) {}

  static void Write(const char* how);
  static void OnExit(int status, void*);
  static void OnQuickExit();

  Page* const page_;
};

}  // namespace weir

#endif  // WEIR_HOST_PLUGIN_CRASH_PAGE_H_
