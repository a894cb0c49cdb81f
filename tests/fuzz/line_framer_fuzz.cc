// Whatever bytes arrive: cut at any places, they give the same lines and the
// same counts as in one piece. The first byte of the input chooses the cuts,
// the second the limit of a line.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "host/source/line_framer.h"

namespace {

struct Cut {
  std::vector<std::string> lines;
  weir::LineFramer::Skipped skipped;
};

Cut CutInPieces(absl::string_view bytes, size_t limit, size_t piece) {
  weir::LineFramer framer(limit);
  Cut cut;
  while (!bytes.empty()) {
    // On the heap, so that a view beyond a piece is found out.
    const std::vector<char> copy(bytes.begin(),
                                 bytes.begin() + std::min(piece, bytes.size()));
    absl::string_view chunk(copy.data(), copy.size()), line;
    bytes.remove_prefix(copy.size());
    while (framer.Next(&chunk, &line)) cut.lines.emplace_back(line);
    piece = piece % 13 + 1;
  }
  framer.DropPartial();
  cut.skipped = framer.skipped();
  return cut;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  const size_t piece = data[0] + size_t{1};
  const size_t limit = data[1] + size_t{1};
  const absl::string_view bytes(reinterpret_cast<const char*>(data) + 2,
                                size - 2);
  const Cut whole = CutInPieces(bytes, limit, bytes.size() + 1);
  const Cut pieces = CutInPieces(bytes, limit, piece);
  if (whole.lines != pieces.lines ||
      whole.skipped.empty != pieces.skipped.empty ||
      whole.skipped.too_long != pieces.skipped.too_long ||
      whole.skipped.partial != pieces.skipped.partial) {
    std::abort();
  }
  for (const std::string& line : whole.lines) {
    if (line.empty() || line.size() > limit ||
        line.find('\n') != std::string::npos) {
      std::abort();
    }
  }
  return 0;
}
