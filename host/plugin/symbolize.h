#ifndef WEIR_HOST_PLUGIN_SYMBOLIZE_H_
#define WEIR_HOST_PLUGIN_SYMBOLIZE_H_

#include <string>
#include <vector>

namespace weir {

// A stack with the names of what is the plugin's own.
struct SymbolizedStack {
  // "counts.3.so+0x1f3a Counter::Add()+0x12", innermost first.
  std::vector<std::string> frames;
  // Where the innermost of the plugin's own frames is: "Counter::Add()", or
  // "0x1f3a" if that has no name. Empty if no frame is its own.
  std::string own_frame;
};

// Adds to `frames`, as of DescribeDeath, the functions of those that lie in the
// file at `path`, out of its symbol tables. A file that is stripped, cannot be
// read or is none at all adds nothing; nothing that it says is believed.
//
// May take milliseconds: not for the supervisor's thread.
// `module` is what the frames call it; empty: by its file's name.
SymbolizedStack Symbolize(const std::string& path,
                          std::vector<std::string> frames,
                          std::string module = "");

}  // namespace weir

#endif  // WEIR_HOST_PLUGIN_SYMBOLIZE_H_
