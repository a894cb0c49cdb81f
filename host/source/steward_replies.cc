#include "host/source/steward_replies.h"

#include <cstddef>
#include <optional>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "host/control/steward_outbox.h"
#include "host/source/post_message.h"
#include "host/status/json_text.h"
#include "lib/steward/layout.h"
#include "lib/steward/message.h"
#include "lib/steward/message_codec.h"
#include "lib/steward/payload.h"
#include "lib/steward/profile.h"
#include "lib/steward/reply.h"

namespace weir {
namespace {

// A source has let in no payload that unpacks to more than its own limit, and
// hands payloads on unpacked: this is for JSON and for recordings.
constexpr size_t kMaxBytes = size_t{64} << 20;

// Leaves out what a node of `layout` has no field for: a request of another
// release may have it, and then the answer and what it answers.
absl::Status CutTo(steward::Layout layout, steward::Message* message) {
  absl::StatusOr<steward::DecodedMessage> cut =
      steward::DecodeMessage(steward::EncodeMessage(*message, layout));
  if (!cut.ok()) return absl::InvalidArgumentError(cut.status().message());
  *message = std::move(cut->message);
  return absl::OkStatus();
}

}  // namespace

absl::Status StewardReplies::Reply(const Message& request, std::string data,
                                   absl::string_view file_suffix, Kept kept) {
  const absl::string_view source = sources_.Name(request.view.source_id);
  StewardOutbox* const outbox =
      outboxes_.Find(absl::StrCat("sources/", source));
  if (outbox == nullptr) {
    return absl::UnimplementedError(
        absl::StrCat("source ", source,
                     " sends nothing; give its steward node a `sending`"));
  }
  std::string unpacked;
  absl::StatusOr<absl::string_view> bytes =
      steward::UnpackBare(request.payload(), kMaxBytes, &unpacked);
  if (!bytes.ok()) return absl::InvalidArgumentError(bytes.status().message());
  const absl::StatusOr<steward::DecodedMessage> decoded =
      steward::DecodeUnpacked(*bytes);
  if (!decoded.ok()) {
    return absl::InvalidArgumentError(decoded.status().message());
  }
  const absl::Status wanted = steward::WantsReply(decoded->message);
  if (!wanted.ok()) return wanted;
  const steward::Layout layout = steward::LayoutOf(outbox->profile());
  const bool as_text = layout == steward::Layout::kS0;
  steward::Message reply = steward::MakeReply(
      decoded->message, as_text ? ToUtf8(data) : std::move(data),
      ToUtf8(file_suffix));
  if (decoded->layout != layout) {
    const absl::Status cut = CutTo(layout, &reply);
    if (!cut.ok()) return cut;
  }
  return PostMessage(*outbox, std::move(reply), std::move(kept));
}

}  // namespace weir
