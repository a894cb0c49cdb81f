#include "host/steward/outbox_intake.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "host/nats/nats_subject.h"
#include "host/status/error_info.h"
#include "host/steward/outgoing.h"
#include "lib/steward/layout.h"
#include "lib/steward/message_codec.h"
#include "lib/steward/relay.h"
#include "lib/steward/schedule.h"
#include "lib/steward/subject.h"

namespace weir {
namespace {

using steward::Message;
using steward::Profile;

// As the originals send it.
constexpr int64_t kErrorAckTimeout = 60;
constexpr int64_t kErrorRetries = 10;
constexpr int64_t kHelloAckTimeout = 10;
constexpr char kErrorLogOfSteward[] = "REQErrorLog";
constexpr char kErrorLogOfCtrl[] = "errorLog";

// What is wrong with one field.
struct FieldFault {
  std::string field;
  std::string what;
};

bool IsSteward(Profile profile) {
  return profile == Profile::kS0 || profile == Profile::kS1;
}

std::optional<FieldFault> CheckName(absl::string_view field,
                                    const std::string& text) {
  if (text.empty()) {
    return FieldFault{std::string(field), "is missing"};
  }
  if (MakesNatsSubject(text)) return std::nullopt;
  return FieldFault{
      std::string(field),
      absl::StrCat("is \"", text,
                   "\", of which no NATS subject can be made: take out blanks, "
                   "wildcards and empty parts")};
}

// A field that has something and that the layout lacks.
std::optional<FieldFault> FindUncarried(const Message& message,
                                        Profile profile) {
  const steward::Layout layout = LayoutOf(profile);
  const bool s0 = layout == steward::Layout::kS0;
  const bool c4 = layout == steward::Layout::kC4;
  const bool c3 = c4 || layout == steward::Layout::kC3;
  const bool c2 = c3 || layout == steward::Layout::kC2;
  const struct {
    absl::string_view field;
    bool used;
    bool carried;
  } table[] = {
      {"relayViaNode", !message.relay_via_node.empty(), s0},
      {"relayOriginalViaNode", !message.relay_original_via_node.empty(), s0},
      {"relayFromNode", !message.relay_from_node.empty(), s0},
      {"relayToNode", !message.relay_to_node.empty(), s0},
      {"relayOriginalMethod", !message.relay_original_method.empty(), s0},
      {"relayReplyMethod", !message.relay_reply_method.empty(), s0},
      {"schedule", message.schedule.has_value(), !s0},
      {"jetstreamToNode", !message.jetstream_to_node.empty(), c2},
      {"useDetectedShell", message.use_detected_shell, c3},
      {"methodInstructions", message.method_instructions.has_value(), c4},
      {"replyMethodInstructions", message.reply_method_instructions.has_value(),
       c4},
  };
  for (const auto& row : table) {
    if (!row.used || row.carried) continue;
    return FieldFault{std::string(row.field),
                      absl::StrCat("is not in messages of profile ",
                                   ProfileName(profile), "; leave it out")};
  }
  return std::nullopt;
}

std::optional<FieldFault> Check(const Message& message, Profile profile) {
  if (auto fault = CheckName("toNode", message.to_node)) return fault;
  if (auto fault = CheckName("method", message.method)) return fault;
  const std::string subject =
      SubjectOf(profile, message.to_node, message.method);
  if (subject.size() > kMaxNatsSubjectBytes) {
    return FieldFault{
        "toNode", absl::StrCat("makes a subject of ", subject.size(),
                               " bytes; ", kMaxNatsSubjectBytes, " are taken")};
  }
  if (const absl::Status status = CheckSchedule(message); !status.ok()) {
    return FieldFault{"schedule", std::string(status.message())};
  }
  if (auto fault = FindUncarried(message, profile)) return fault;
  // What receivers would not take of it, such as text that is not UTF-8.
  const auto decoded =
      steward::DecodeMessage(EncodeMessage(message, LayoutOf(profile)));
  if (!decoded.ok()) {
    return FieldFault{"data", std::string(decoded.status().message())};
  }
  return std::nullopt;
}

void FillIn(const StewardIdentity& identity, Message* message) {
  message->from_node = identity.node;
  FillDefaults(identity.profile, message);
  if (identity.profile == Profile::kS0) {
    if (!message->relay_via_node.empty()) {
      steward::MakeRelay(identity.node, message);
    }
  } else if (identity.key.has_value()) {
    message->arg_signature = identity.key->Sign(*message);
  }
}

}  // namespace

absl::StatusOr<std::vector<Message>> PrepareMessages(
    const StewardIdentity& identity, std::vector<Message> messages) {
  std::vector<Message> prepared;
  for (size_t i = 0; i < messages.size(); ++i) {
    Message& message = messages[i];
    const auto nodes = std::exchange(message.to_nodes, std::nullopt)
                           .value_or(Message::Texts());
    const size_t first = prepared.size();
    for (const std::string& node : nodes) {
      message.to_node = node;
      prepared.push_back(message);
    }
    if (nodes.empty()) prepared.push_back(std::move(message));
    for (size_t n = first; n < prepared.size(); ++n) {
      FillIn(identity, &prepared[n]);
      const auto fault = Check(prepared[n], identity.profile);
      if (!fault.has_value()) continue;
      const std::string path = absl::StrCat("messages[", i, "].", fault->field);
      return MakeError(
          absl::StatusCode::kInvalidArgument,
          absl::StrCat(path, " ", fault->what),
          {.reason = "INVALID_FIELD",
           .metadata = {{"index", absl::StrCat(i)}, {"field", fault->field}},
           .field_violations = {{path, fault->what}}});
    }
  }
  return prepared;
}

Message MakeErrorLog(const StewardIdentity& identity,
                     const std::string& error_node, absl::string_view text,
                     absl::Time now) {
  Message message;
  message.to_node = error_node;
  message.method =
      IsSteward(identity.profile) ? kErrorLogOfSteward : kErrorLogOfCtrl;
  message.directory = "errorLog";
  message.file_name = "error.log";
  // "Mon Jan  2 15:04:05 2006", by the node's clock on the wall.
  message.data.emplace(
      1, absl::StrCat(absl::FormatTime("%a %b %e %H:%M:%S %Y", now,
                                       absl::LocalTimeZone()),
                      ", node: ", identity.node, ", ", text, "\n"));
  message.ack_timeout = kErrorAckTimeout;
  message.retries = kErrorRetries;
  return message;
}

Message MakeHello(const StewardIdentity& identity,
                  const std::string& central_node,
                  absl::string_view public_key) {
  Message message;
  message.to_node = central_node;
  message.method = IsSteward(identity.profile) ? "REQHello" : "hello";
  message.directory = "hello-messages";
  message.file_name = "hello.log";
  if (identity.profile == Profile::kS0) {
    message.data.emplace(1, absl::StrCat("Hello from ", identity.node, "\n"));
  } else if (!public_key.empty()) {
    message.data.emplace(1, std::string(public_key));
  }
  message.ack_timeout = kHelloAckTimeout;
  message.retries = 1;
  message.method_timeout = kHelloAckTimeout;
  return message;
}

bool IsErrorLog(const Message& message) {
  return message.method == kErrorLogOfSteward ||
         message.method == kErrorLogOfCtrl;
}

}  // namespace weir
