#ifndef WEIR_CLI_FILTER_ARGUMENTS_H_
#define WEIR_CLI_FILTER_ARGUMENTS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "weir/v1/event.pb.h"

namespace weir::cli {

// Which events, as the options of watch and of subscriptions create say it. The
// server checks the values; it knows what RE2 and CIDRs allow.
struct FilterArguments {
  std::vector<std::string> types;
  std::vector<std::string> subjects;
  std::vector<std::string> sources;
  std::vector<std::string> prefixes;
  std::vector<uint32_t> as_numbers;
  weir::v1::Severity min_severity = weir::v1::SEVERITY_UNSPECIFIED;
  weir::v1::PrefixMatch prefix_match = weir::v1::PREFIX_MATCH_UNSPECIFIED;
};

// Returns the filter that all options together make; nothing if none was given,
// which lets everything through.
std::optional<weir::v1::EventFilter> ToFilter(const FilterArguments& arguments);

}  // namespace weir::cli

#endif  // WEIR_CLI_FILTER_ARGUMENTS_H_
