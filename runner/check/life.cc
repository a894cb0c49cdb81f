#include "runner/check/life.h"

#include <iterator>

#include "absl/strings/str_cat.h"

namespace weir {

Life::Life(Subject& subject, CheckHost& host, MessageMemory& memory)
    : subject_(subject),
      memory_(memory),
      status_(subject.Create(host.table(), subject.config(), &self_)) {
  if (!status_.ok()) return;
  host.Declare(subject, self_);
  subject.QueueCapacity(self_);
}

Life::~Life() {
  if (status_.ok()) subject_.Destroy(self_);
}

bool Life::Wants(uint16_t type) {
  const auto [answer, is_new] = wants_.emplace(type, false);
  if (is_new) {
    const absl::string_view name =
        type < std::size(kCheckTypes) ? kCheckTypes[type] : "X-UNKNOWN";
    answer->second = subject_.WantsMessage(self_, name) > 0;
  }
  return answer->second;
}

bool Life::WantsAny() {
  bool any = false;
  for (uint16_t type = 0; type < uint16_t{std::size(kCheckTypes)}; ++type) {
    any = Wants(type) || any;
  }
  return any;
}

weir_status Life::Handle(const Sample& sample) {
  if (!Wants(sample.type)) return WEIR_OK;
  const uint64_t seq = next_seq();
  const weir_msg* message = memory_.Place(sample, seq);
  if (message == nullptr) {
    memory_.Reset();
    message = memory_.Place(sample, seq);
  }
  if (message == nullptr) return WEIR_OK;
  const weir_status status = subject_.Handle(
      self_, message,
      absl::StrCat(sample.what, " (", sample.body.size(), " bytes, ",
                   sample.fields.size(), " fields)"));
  memory_.Retire(message);
  return status;
}

std::vector<weir_status> Life::HandleAll(const std::vector<Sample>& samples) {
  std::vector<weir_status> statuses;
  for (const Sample& sample : samples) statuses.push_back(Handle(sample));
  return statuses;
}

}  // namespace weir
