#ifndef WEIR_CLI_STATS_REPORT_H_
#define WEIR_CLI_STATS_REPORT_H_

#include <ostream>

#include "weir/v1/stats.pb.h"

namespace weir::cli {

// Writes `stats` for people: the process in a line; sources as rows; plugins as
// columns, whose books are then read and added up downwards; the log in a line;
// subscribers as rows. Parts that there are none of are left out.
void PrintStats(const weir::v1::Stats& stats, bool colour, std::ostream& out);

// The plugins of it alone.
void PrintPlugins(const weir::v1::Stats& stats, bool colour, std::ostream& out);

}  // namespace weir::cli

#endif  // WEIR_CLI_STATS_REPORT_H_
