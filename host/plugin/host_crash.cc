#include "host/plugin/host_crash.h"

#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "absl/time/time.h"
#include "host/control/poison_message.h"
#include "host/plugin/plugin_events.h"
#include "host/plugin/poison_fingerprint.h"
#include "host/plugin/symbolize.h"

namespace weir {
namespace {

SymbolizedStack StackOf(const HostCrash& crash, const ModuleStore& modules) {
  const absl::StatusOr<StoredModule> module = modules.Find(crash.sha256);
  if (!module.ok()) return {.frames = crash.death.frames, .own_frame = ""};
  // The name of the copy that ran.
  const std::string ran =
      absl::StrCat(absl::StripPrefix(crash.plugin, "plugins/"), ".",
                   crash.generation, ".so");
  return Symbolize(module->path, crash.death.frames, ran);
}

}  // namespace

std::string DescribeHostCrash(const HostCrash& crash) {
  const auto& message = crash.death.message;
  return absl::StrCat(
      "in process it took the host down at ",
      absl::FormatTime(absl::RFC3339_sec, crash.time, absl::UTCTimeZone()),
      ": ", crash.death.cause,
      message.has_value()
          ? absl::StrCat(" in message ", message->seq, " (", crash.type,
                         " of sources/", crash.source, ")")
          : "");
}

void TellHostCrash(
    const HostCrash& crash, const ModuleStore& modules, PoisonKeeper* poisons,
    EventSink& sink,
    const std::function<void(Severity, absl::string_view area,
                             absl::string_view text)>& write_log) {
  SymbolizedStack stack = StackOf(crash, modules);
  const auto& message = crash.death.message;
  write_log(Severity::kError, crash.plugin,
            absl::StrCat(DescribeHostCrash(crash), ", sha256 ", crash.sha256,
                         stack.frames.empty() ? "" : ", at ",
                         absl::StrJoin(stack.frames, " < "),
                         "; this code runs in a child from now on"));
  const absl::Status published =
      sink.Publish(PluginDemotedEvent(crash, stack.frames));
  if (!published.ok()) {
    write_log(Severity::kWarning, crash.plugin,
              absl::StrCat("its event was not kept: ", published.message()));
  }
  if (poisons == nullptr || !message.has_value()) return;
  PoisonMessage poison;
  poison.plugin = crash.plugin;
  poison.plugin_sha256 = crash.sha256;
  poison.generation = crash.generation;
  poison.source = absl::StrCat("sources/", crash.source);
  poison.type = crash.type;
  poison.first_time = poison.last_time = crash.time;
  poison.fingerprint = PoisonFingerprint(
      poison.type, stack.own_frame, crash.death.cause, message->payload_bytes);
  poison.cause = crash.death.cause;
  poison.frames = std::move(stack.frames);
  poison.message = *message;
  const absl::Status kept = poisons->Keep(poison).status();
  if (!kept.ok()) write_log(Severity::kError, crash.plugin, kept.message());
}

}  // namespace weir
