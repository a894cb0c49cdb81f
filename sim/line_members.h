#ifndef WEIR_SIM_LINE_MEMBERS_H_
#define WEIR_SIM_LINE_MEMBERS_H_

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"

namespace weir::sim {

// A line of RIS Live taken apart without touching what its values look like, so
// that it can be put together again in another way. A plain value.
struct LineMembers {
  // Takes a line apart; the new-line may be there. Returns false if it is no
  // JSON object that has an object as `data`.
  bool Parse(absl::string_view line);

  // Returns the line that has these members, new-line included.
  std::string ToLine() const;

  std::string type;  // The wrapper's, "ris_message", as JSON text.

  // The members of `data`, in their order: key and value, as JSON text.
  std::vector<std::pair<std::string, std::string>> data;
};

}  // namespace weir::sim

#endif  // WEIR_SIM_LINE_MEMBERS_H_
