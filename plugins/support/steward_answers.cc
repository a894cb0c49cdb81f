#include "plugins/support/steward_answers.h"

#include <algorithm>
#include <thread>

namespace weir {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr std::string_view kErrorSuffix = ".error";
// What the end of a message is given, before the host ends the plugin.
constexpr milliseconds kReserve(500);

}  // namespace

StewardAnswers::StewardAnswers(const Host& host, size_t max_bytes)
    : host_(host), deadline_(host), replies_(host), max_bytes_(max_bytes) {}

size_t StewardAnswers::max_bytes() const {
  return static_cast<size_t>(
      std::clamp<uint64_t>(replies_.max_bytes(), 1, max_bytes_));
}

steady_clock::time_point StewardAnswers::EndOf(const steward::View& view,
                                               int64_t max_seconds) const {
  steady_clock::duration most = std::chrono::seconds(max_seconds);
  if (view.timeout() > 0 && view.timeout() < max_seconds) {
    most = std::chrono::seconds(view.timeout());
  }
  const auto left = deadline_.time_left();
  if (left - kReserve < most) {
    most = std::max<steady_clock::duration>(left - kReserve,
                                            steady_clock::duration::zero());
  }
  return steady_clock::now() + most;
}

weir_status StewardAnswers::Send(Message message, std::string_view data) const {
  const weir_status sent = SendPatiently(message, data, "");
  if (sent == WEIR_OK || sent == WEIR_NOT_FOUND) return WEIR_OK;
  host_.log(WEIR_SEVERITY_WARNING,
            "an answer cannot be sent (" + std::to_string(sent) + ")");
  return sent;
}

void StewardAnswers::SendError(Message message, const steward::View& view,
                               std::string_view method, std::string_view fault,
                               std::string_view errors) const {
  if (view.profile() == "S0") return;
  std::string text = "error: ";
  text.append(method).append(": ").append(fault);
  text.append(", methodArgs: ").append(Listed(view));
  text.append(", error_output: ").append(errors);
  const uint64_t most = std::max<uint64_t>(replies_.max_bytes(), 1);
  text.resize(std::min<size_t>(text.size(), most));
  SendPatiently(message, text, kErrorSuffix);
}

weir_status StewardAnswers::SendPatiently(Message message,
                                          std::string_view data,
                                          std::string_view suffix) const {
  while (true) {
    const weir_status sent = replies_.Send(message, data, suffix);
    if (sent != WEIR_AGAIN || should_stop() ||
        deadline_.time_left() < kReserve) {
      return sent;
    }
    std::this_thread::sleep_for(milliseconds(20));
  }
}

std::string StewardAnswers::Listed(const steward::View& view) {
  std::string text = "[";
  for (size_t i = 0; i < view.args().size() && text.size() < 1024; ++i) {
    if (i > 0) text += ' ';
    text += view.args()[i].substr(0, 256);
  }
  return text + ']';
}

}  // namespace weir
