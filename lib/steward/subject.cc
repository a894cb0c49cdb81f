#include "lib/steward/subject.h"

#include <algorithm>
#include <iterator>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace weir::steward {
namespace {

constexpr absl::string_view kEventAck = "EventACK";
constexpr absl::string_view kEventNack = "EventNACK";
constexpr absl::string_view kCommandAck = "CommandACK";
constexpr absl::string_view kCommandNack = "CommandNACK";

// All methods that are not here are of kind EventACK.
constexpr absl::string_view kCommandsOfS0[] = {
    "REQInitial",       "REQOpProcessList", "REQOpProcessStart",
    "REQOpProcessStop", "REQCliCommand",    "REQCliCommandCont",
};
constexpr absl::string_view kUnacknowledgedOfS0[] = {"REQHello"};
constexpr absl::string_view kUnacknowledgedOfS1[] = {
    "REQHello",
    "REQToFileNACK",
    "REQKeysRequestUpdate",
    "REQKeysDeliverUpdate",
    "REQAclRequestUpdate",
    "REQAclDeliverUpdate",
};

template <typename Table>
bool IsIn(const Table& table, absl::string_view method) {
  return std::find(std::begin(table), std::end(table), method) !=
         std::end(table);
}

absl::string_view KindInS0(absl::string_view method) {
  if (IsIn(kCommandsOfS0, method)) return kCommandAck;
  return IsIn(kUnacknowledgedOfS0, method) ? kEventNack : kEventAck;
}

absl::string_view KindInS1(absl::string_view method) {
  return IsIn(kUnacknowledgedOfS1, method) ? kEventNack : kEventAck;
}

}  // namespace

std::string SubjectOf(Profile profile, absl::string_view node,
                      absl::string_view method) {
  switch (profile) {
    case Profile::kS0:
      return absl::StrCat(node, ".", method, ".", KindInS0(method));
    case Profile::kS1:
      return absl::StrCat(node, ".", method, ".", KindInS1(method));
    default:
      return absl::StrCat(node, ".", method);
  }
}

bool BelongsTo(absl::string_view subject, const Message& message,
               Layout layout) {
  absl::string_view kind = subject;
  if (!absl::ConsumePrefix(&kind, message.to_node) ||
      !absl::ConsumePrefix(&kind, ".") ||
      !absl::ConsumePrefix(&kind, message.method)) {
    return false;
  }
  // C1 has the layout of S1 and subjects without a kind.
  if (kind.empty()) return layout != Layout::kS0;
  if (layout != Layout::kS0 && layout != Layout::kS1) return false;
  if (!absl::ConsumePrefix(&kind, ".")) return false;
  return kind == kEventAck || kind == kEventNack || kind == kCommandAck ||
         kind == kCommandNack;
}

bool WantsAcknowledgement(const Message& message, Layout layout) {
  if (layout == Layout::kS0) return KindInS0(message.method) != kEventNack;
  return message.ack_timeout >= 1;
}

std::string Acknowledgement(const Message& message, Layout layout,
                            absl::string_view node) {
  if (layout != Layout::kS0) return "";
  return absl::StrCat("confirmed from: ", node, ": ", message.id);
}

}  // namespace weir::steward
