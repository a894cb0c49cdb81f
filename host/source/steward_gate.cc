#include "host/source/steward_gate.h"

#include <algorithm>
#include <optional>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "lib/steward/refusal.h"
#include "lib/steward/relay.h"
#include "lib/steward/schedule.h"
#include "lib/steward/subject.h"

namespace weir {
namespace {

using steward::Refusal;
using steward::Refuse;

// `status` with the place where the message came in.
absl::Status At(absl::string_view subject, const absl::Status& status) {
  absl::Status told(status.code(), absl::StrCat("subject \"", subject,
                                                "\": ", status.message()));
  return Refuse(std::move(told), steward::RefusalOf(status));
}

absl::Status Deny(absl::string_view reason, const steward::Message& message,
                  absl::string_view text) {
  return Refuse(absl::PermissionDeniedError(
                    absl::StrCat("node \"", message.from_node, "\" ", text)),
                reason);
}

}  // namespace

absl::StatusOr<StewardGate::Admitted> StewardGate::Admit(
    absl::string_view subject, const steward::PayloadHeaders& headers,
    absl::string_view bytes) {
  Admitted admitted;
  const absl::StatusOr<absl::string_view> unpacked =
      steward::UnpackPayload(headers, bytes, max_bytes_, &unpacked_);
  if (!unpacked.ok()) return At(subject, unpacked.status());
  admitted.unpacked = *unpacked;
  absl::StatusOr<steward::DecodedMessage> decoded =
      steward::DecodeUnpacked(*unpacked);
  if (!decoded.ok()) return At(subject, decoded.status());
  admitted.decoded = *std::move(decoded);
  const steward::Message& message = admitted.decoded.message;
  if (absl::Status status = steward::CheckSchedule(message); !status.ok()) {
    return At(subject, status);
  }
  absl::StatusOr<StewardProcesses::Found> found = FindProcess(subject, message);
  if (!found.ok()) return At(subject, found.status());
  admitted.process = *std::move(found);
  const StewardProcessSettings& process = *admitted.process.settings;
  if (!process.allowed_senders.empty() &&
      std::count(process.allowed_senders.begin(), process.allowed_senders.end(),
                 message.from_node) == 0) {
    return At(subject,
              Deny(Refusal::kSender, message,
                   absl::StrCat("is not among the allowed_senders of ",
                                process.method, ": ",
                                absl::StrJoin(process.allowed_senders, ", "))));
  }
  if (!process.require_signature) return admitted;
  if (absl::Status status = steward::CheckSignature(message, keys_);
      !status.ok()) {
    return At(subject, Refuse(std::move(status), Refusal::kSignature));
  }
  return admitted;
}

absl::StatusOr<StewardProcesses::Found> StewardGate::FindProcess(
    absl::string_view subject, const steward::Message& message) const {
  const std::string& node = processes_->node();
  const bool any_subject = processes_->any_subject();
  const bool relay = processes_->profile() == steward::Profile::kS0 &&
                     steward::IsRelaySubject(subject, node);
  std::optional<StewardProcesses::Found> found =
      relay         ? processes_->FindMethod(steward::kRelayMethod)
      : any_subject ? processes_->FindMethod(message.method)
                    : processes_->FindSubject(subject);
  if (!found.has_value()) {
    // What comes was subscribed to.
    if (subject ==
        steward::SubjectOf(processes_->profile(), node, message.method)) {
      return Deny(Refusal::kEnded, message,
                  absl::StrCat("sends method ", message.method,
                               ", whose process was stopped"));
    }
    return Deny(Refusal::kUnknownMethod, message,
                absl::StrCat("sends method ", message.method,
                             ", for which there is no process"));
  }
  // A relay's body is never overridden: it says itself where it goes.
  const bool fits =
      relay ? message.method == steward::kRelayMethod &&
                  subject == steward::SubjectOf(steward::Profile::kS0,
                                                message.to_node, message.method)
            : any_subject || (message.to_node == node &&
                              message.method == found->settings->method);
  if (!fits) {
    return Deny(
        Refusal::kSubject, message,
        absl::StrCat("sends there method ", message.method, " for node \"",
                     message.to_node, "\"; if that is right, set any_subject"));
  }
  if (found->why_not.empty()) return *std::move(found);
  return Deny(Refusal::kEnded, message,
              absl::StrCat("sends method ", message.method,
                           ", whose process is ", found->why_not));
}

}  // namespace weir
