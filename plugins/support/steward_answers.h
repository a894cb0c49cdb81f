#ifndef WEIR_PLUGINS_SUPPORT_STEWARD_ANSWERS_H_
#define WEIR_PLUGINS_SUPPORT_STEWARD_ANSWERS_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "weir/sdk.h"
#include "weir/services.h"
#include "weir/steward.h"

namespace weir {

// How nodes of steward and ctrl answer a method: with what it brought, and, if
// something went wrong, once more to the file name with ".error" behind it; and
// how long the method may take. For the thread that calls the plugin.
class StewardAnswers {
 public:
  // An answer has at most `max_bytes`, and no more than the host sends.
  StewardAnswers(const Host& host, size_t max_bytes);

  // Of one answer, 1 or more.
  size_t max_bytes() const;

  // When a method that was called now must be over: after what `view` says
  // (MethodTimeout), `max_seconds` at most, and half a second before the host
  // would end the plugin.
  std::chrono::steady_clock::time_point EndOf(const steward::View& view,
                                              int64_t max_seconds) const;

  // Whether the host wants the plugin back before that: the slot's
  // soft_deadline is over, or it ends or replaces the instance.
  bool should_stop() const { return deadline_.should_stop(); }

  // Answers with `data`. While too much waits to be sent it waits, until
  // should_stop, or as long as the host lets it. Who wants no answer has what
  // it wanted: that is WEIR_OK. All else is logged.
  weir_status Send(Message message, std::string_view data) const;

  // The second answer of the originals: "error: METHOD: FAULT, methodArgs:
  // [...], error_output: ERRORS". S0 does not know it, and is not sent it.
  void SendError(Message message, const steward::View& view,
                 std::string_view method, std::string_view fault,
                 std::string_view errors = "") const;

  // The arguments, for a person, cut where there are many: "[ls -l]".
  static std::string Listed(const steward::View& view);

 private:
  weir_status SendPatiently(Message message, std::string_view data,
                            std::string_view suffix) const;

  const Host host_;
  const Deadline deadline_;
  const Replies replies_;
  const size_t max_bytes_;
};

}  // namespace weir

#endif  // WEIR_PLUGINS_SUPPORT_STEWARD_ANSWERS_H_
