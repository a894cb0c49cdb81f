#ifndef WEIR_CLI_PLUGIN_STATS_REPORT_H_
#define WEIR_CLI_PLUGIN_STATS_REPORT_H_

#include <ostream>

#include "weir/v1/stats.pb.h"

namespace weir::cli {

// Writes all of one plugin's statistics for people: its books, what its
// services did, and the metrics of its own as rows. A histogram is written as
// "<=bound: count ..." and the mean.
void PrintPluginStats(const weir::v1::PluginStats& plugin, bool colour,
                      std::ostream& out);

}  // namespace weir::cli

#endif  // WEIR_CLI_PLUGIN_STATS_REPORT_H_
