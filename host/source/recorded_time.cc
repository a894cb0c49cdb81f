#include "host/source/recorded_time.h"

namespace weir {
namespace {

constexpr absl::string_view kKey = "\"timestamp\":";
constexpr int64_t kNsPerSecond = 1'000'000'000;
constexpr int64_t kYear2200 = 7'258'118'400;

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

}  // namespace

std::optional<int64_t> RecordedTimeNs(absl::string_view line) {
  const size_t key = line.find(kKey);
  if (key == absl::string_view::npos) return std::nullopt;
  size_t at = key + kKey.size();
  if (at < line.size() && line[at] == ' ') ++at;
  if (at == line.size() || !IsDigit(line[at])) return std::nullopt;
  int64_t seconds = 0;
  for (; at < line.size() && IsDigit(line[at]); ++at) {
    seconds = seconds * 10 + (line[at] - '0');
    if (seconds > kYear2200) return std::nullopt;
  }
  int64_t ns = seconds * kNsPerSecond;
  if (at < line.size() && line[at] == '.') {
    int64_t unit = kNsPerSecond / 10;
    for (++at; at < line.size() && IsDigit(line[at]) && unit > 0; ++at) {
      ns += (line[at] - '0') * unit;
      unit /= 10;
    }
  }
  return ns;
}

}  // namespace weir
