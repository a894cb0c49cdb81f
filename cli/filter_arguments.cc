#include "cli/filter_arguments.h"

namespace weir::cli {

std::optional<weir::v1::EventFilter> ToFilter(
    const FilterArguments& arguments) {
  weir::v1::EventFilter filter;
  filter.mutable_types()->Add(arguments.types.begin(), arguments.types.end());
  filter.mutable_subject_regexes()->Add(arguments.subjects.begin(),
                                        arguments.subjects.end());
  filter.mutable_sources()->Add(arguments.sources.begin(),
                                arguments.sources.end());
  filter.mutable_prefixes()->Add(arguments.prefixes.begin(),
                                 arguments.prefixes.end());
  filter.mutable_as_numbers()->Add(arguments.as_numbers.begin(),
                                   arguments.as_numbers.end());
  filter.set_min_severity(arguments.min_severity);
  filter.set_prefix_match(arguments.prefix_match);
  if (filter.ByteSizeLong() == 0) return std::nullopt;
  return filter;
}

}  // namespace weir::cli
