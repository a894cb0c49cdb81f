#include "host/nats/nats_inbox_subject.h"

#include <nats.h>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace weir {

absl::StatusOr<std::string> NewNatsInbox() {
  natsInbox* inbox = nullptr;
  if (natsInbox_Create(&inbox) != NATS_OK) {
    return absl::UnavailableError("NATS: no memory");
  }
  std::string subject = absl::StrCat(inbox, ".");
  natsInbox_Destroy(inbox);
  return subject;
}

}  // namespace weir
