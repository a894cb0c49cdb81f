// Whatever a client writes into a filter, one value a line, the first character
// of which says for which field: it is refused with a path, or it compiles, and
// then matches the same with its values in the opposite order, as one class.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "host/broker/event_keys.h"
#include "host/broker/faults.h"
#include "host/broker/filter.h"
#include "host/control/event_filter.h"
#include "host/pipeline/prefix_text.h"

namespace {

// Small, so that patterns reach it.
constexpr int64_t kBudgetBytes = 256 << 10;

std::vector<weir::EventFilter> Read(absl::string_view text) {
  std::vector<weir::EventFilter> filters(1);
  for (const absl::string_view line : absl::StrSplit(text, '\n')) {
    if (line.empty()) continue;
    const std::string value(line.substr(1));
    weir::EventFilter& filter = filters.back();
    switch (line[0]) {
      case 't':
        filter.types.push_back(value);
        break;
      case 's':
        filter.sources.push_back(value);
        break;
      case 'r':
        filter.subject_regexes.push_back(value);
        break;
      case 'j':
        filter.json_regexes.push_back(value);
        break;
      case 'l':
        filter.labels.emplace_back(value, "v");
        break;
      case 'p':
        filter.prefixes.push_back(value);
        break;
      case 'a':
        filter.as_numbers.push_back(static_cast<uint32_t>(value.size()));
        break;
      case 'm':
        filter.prefix_match = static_cast<weir::PrefixMatch>(value.size() % 4);
        break;
      case 'v':
        filter.min_severity = static_cast<int32_t>(value.size());
        break;
      default:
        filters.emplace_back();
    }
  }
  return filters;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  auto filters =
      Read(absl::string_view(reinterpret_cast<const char*>(data), size));
  weir::Faults faults;
  const auto filter =
      weir::FilterClass::Compile(filters, kBudgetBytes, &faults);
  if ((filter == nullptr) == faults.empty()) std::abort();
  if (filter == nullptr) return 0;

  std::reverse(filters.begin(), filters.end());
  for (weir::EventFilter& f : filters) {
    std::reverse(f.types.begin(), f.types.end());
    std::reverse(f.subject_regexes.begin(), f.subject_regexes.end());
    std::reverse(f.prefixes.begin(), f.prefixes.end());
    std::reverse(f.labels.begin(), f.labels.end());
  }
  const auto again = weir::FilterClass::Compile(filters, kBudgetBytes, &faults);
  weir::EventKeys keys;
  keys.type = "hijack.origin";
  keys.source = "plugins/origin-watch";
  keys.subject = "192.0.2.0/24";
  keys.severity = 40;
  keys.json = "{\"n\":1}";
  keys.prefixes = {*weir::ParsePrefix("192.0.2.0/24")};
  keys.as_numbers = {5};
  if (again == nullptr || again->canonical() != filter->canonical() ||
      again->Matches(keys) != filter->Matches(keys)) {
    std::abort();
  }
  return 0;
}
