#include "cli/human.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/strip.h"

namespace weir::cli {

std::string Thousands(uint64_t number) {
  const std::string digits = absl::StrCat(number);
  std::string text;
  for (size_t i = 0; i < digits.size(); ++i) {
    if (i > 0 && (digits.size() - i) % 3 == 0) text.push_back(',');
    text.push_back(digits[i]);
  }
  return text;
}

std::string PerSecond(double rate) {
  if (!(rate > 0)) return "0/s";
  if (rate < 9.95) return absl::StrFormat("%.1f/s", rate);
  return absl::StrCat(Thousands(static_cast<uint64_t>(std::llround(rate))),
                      "/s");
}

std::string Bytes(uint64_t bytes) {
  if (bytes < 1024) return absl::StrCat(bytes, " B");
  double value = static_cast<double>(bytes);
  const char* unit = "B";
  for (const char* next : {"KiB", "MiB", "GiB", "TiB"}) {
    if (value < 1024) break;
    value /= 1024;
    unit = next;
  }
  return absl::StrFormat("%.1f %s", value, unit);
}

std::string BitsPerSecond(double bits) {
  const char* unit = "bit/s";
  for (const char* next : {"kbit/s", "Mbit/s", "Gbit/s"}) {
    if (bits < 1000) break;
    bits /= 1000;
    unit = next;
  }
  return absl::StrFormat("%.*f %s", unit[0] == 'b' ? 0 : 1, std::max(bits, 0.0),
                         unit);
}

std::string Span(absl::Duration duration) {
  if (duration <= absl::ZeroDuration()) return "0s";
  const double nanoseconds = absl::ToDoubleNanoseconds(duration);
  if (nanoseconds < 1e3) return absl::StrFormat("%.0fns", nanoseconds);
  if (nanoseconds < 1e6) return absl::StrFormat("%.1fus", nanoseconds / 1e3);
  if (nanoseconds < 1e9) return absl::StrFormat("%.0fms", nanoseconds / 1e6);
  const int64_t seconds = absl::ToInt64Seconds(duration);
  if (seconds < 60) return absl::StrFormat("%.1fs", nanoseconds / 1e9);
  const int64_t minutes = seconds / 60;
  if (minutes < 60) return absl::StrCat(minutes, "m ", seconds % 60, "s");
  const int64_t hours = minutes / 60;
  if (hours < 24) return absl::StrCat(hours, "h ", minutes % 60, "m");
  return absl::StrCat(hours / 24, "d ", hours % 24, "h");
}

std::string Percent(uint64_t part, uint64_t whole) {
  if (whole == 0) return "-";
  return absl::StrFormat("%.0f %%", 100.0 * static_cast<double>(part) /
                                        static_cast<double>(whole));
}

std::string Bar(uint64_t part, uint64_t whole) {
  constexpr uint64_t kPlaces = 10;
  const uint64_t filled =
      whole == 0
          ? 0
          : std::min<uint64_t>(
                kPlaces,
                static_cast<uint64_t>(static_cast<double>(part) * kPlaces /
                                      static_cast<double>(whole)));
  return absl::StrCat("[", std::string(filled, '#'),
                      std::string(kPlaces - filled, '.'), "]");
}

std::string EnumWords(absl::string_view name, absl::string_view prefix) {
  const absl::string_view value = absl::StripPrefix(name, prefix);
  if (name.empty()) return "?";
  if (value == "UNSPECIFIED") return "-";
  return absl::StrReplaceAll(absl::AsciiStrToLower(value), {{"_", " "}});
}

absl::Duration ToDuration(const google::protobuf::Duration& duration) {
  return absl::Seconds(duration.seconds()) +
         absl::Nanoseconds(duration.nanos());
}

absl::Time ToTime(const google::protobuf::Timestamp& time) {
  return absl::FromUnixSeconds(time.seconds()) +
         absl::Nanoseconds(time.nanos());
}

}  // namespace weir::cli
