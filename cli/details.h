#ifndef WEIR_CLI_DETAILS_H_
#define WEIR_CLI_DETAILS_H_

#include <ostream>
#include <string>
#include <utility>
#include <vector>

namespace weir::cli {

// What is known of one thing, a line each: a name, and a value beside it.
using Details = std::vector<std::pair<std::string, std::string>>;

// Writes `details` in two columns, escaped; those without a value are left out.
void PrintDetails(const Details& details, std::ostream& out);

}  // namespace weir::cli

#endif  // WEIR_CLI_DETAILS_H_
