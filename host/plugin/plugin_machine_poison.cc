// What a PluginMachine keeps of the messages that its plugin died of.

#include <utility>

#include "absl/strings/str_cat.h"
#include "host/plugin/plugin_machine.h"
#include "host/plugin/poison_fingerprint.h"

namespace weir {

std::optional<PoisonMessage> PluginMachine::PoisonOf(
    const InstanceDeath& death) const {
  if (!death.message.has_value()) return std::nullopt;
  PoisonMessage poison;
  poison.plugin = absl::StrCat("plugins/", spec_.id);
  poison.plugin_sha256 = current_->made.sha256;
  poison.generation = current_->generation;
  poison.source =
      absl::StrCat("sources/", around_.sources.Name(death.message->source_id));
  poison.type = std::string(around_.types.Name(death.message->type_id));
  poison.first_time = poison.last_time = around_.clock.Now();
  poison.fingerprint = PoisonFingerprint(
      poison.type, death.own_frame, death.cause, death.message->payload_bytes);
  poison.cause = death.cause;
  poison.frames = death.frames;
  poison.message = *death.message;
  return poison;
}

void PluginMachine::KeepPoison(const std::optional<PoisonMessage>& poison) {
  if (!poison.has_value() || around_.poisons == nullptr) return;
  const absl::StatusOr<PoisonMessage> kept = around_.poisons->Keep(*poison);
  if (!kept.ok()) {
    return around_.write_log(
        Severity::kError, poison->plugin,
        absl::StrCat("the message that it died of, ", poison->message.seq,
                     ", is not kept: ", kept.status().message()));
  }
  const uint32_t count = around_.poisons->Count(poison->plugin);
  {
    MutexLock lock(&mu_);
    status_.poison_count = count;
  }
  around_.write_log(
      Severity::kWarning, poison->plugin,
      absl::StrCat("keeps message ", poison->message.seq, ", which it died of ",
                   kept->count, kept->count == 1 ? " time" : " times", ", as ",
                   kept->plugin, "/poisonMessages/", kept->number));
}

}  // namespace weir
