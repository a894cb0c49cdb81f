#include <algorithm>
#include <iterator>
#include <utility>

#include "runner/check/check.h"

namespace weir {
namespace {

// Appends the check called `id`, and before it those that it needs.
void AppendWithNeeds(std::vector<Check>& from, const std::string& id,
                     std::vector<Check>& to) {
  const auto named = [&](const Check& check) { return check.id == id; };
  if (std::any_of(to.begin(), to.end(), named)) return;
  const auto check = std::find_if(from.begin(), from.end(), named);
  if (check == from.end()) return;
  for (const std::string& need : check->needs) AppendWithNeeds(from, need, to);
  to.push_back(*check);
}

}  // namespace

const std::vector<Check>& AllChecks() {
  static const auto& all = *[] {
    std::vector<Check> checks;
    for (const auto group :
         {&FileChecks, &ElfChecks, &LoadChecks, &AbiChecks, &ConfigChecks,
          &AnswerChecks, &MessageChecks, &StateChecks, &ThreadChecks,
          &UnloadChecks, &FaultChecks, &PerfChecks, &ReplayChecks}) {
      std::vector<Check> more = group();
      checks.insert(checks.end(), std::make_move_iterator(more.begin()),
                    std::make_move_iterator(more.end()));
    }
    auto* const ordered = new std::vector<Check>();
    std::vector<std::string> ids;
    ids.reserve(checks.size());
    for (const Check& check : checks) ids.push_back(check.id);
    for (const std::string& id : ids) AppendWithNeeds(checks, id, *ordered);
    return ordered;
  }();
  return all;
}

}  // namespace weir
