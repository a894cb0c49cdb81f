#ifndef WEIR_CLI_HUMAN_H_
#define WEIR_CLI_HUMAN_H_

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "google/protobuf/duration.pb.h"
#include "google/protobuf/timestamp.pb.h"

// Numbers as people read them. Pure functions.
namespace weir::cli {

// "1,234,567".
std::string Thousands(uint64_t number);

// "4,412/s"; below ten with one decimal, "0.3/s".
std::string PerSecond(double rate);

// Binary units, as memory is counted: "512 B", "38.2 MiB".
std::string Bytes(uint64_t bytes);

// Decimal units, as lines are counted: "850 bit/s", "12.3 Mbit/s".
std::string BitsPerSecond(double bits);

// The two largest units: "3h 12m", "12m 4s", "4.2s", "250ms"; below a
// millisecond "1.2us", "850ns"; "0s".
std::string Span(absl::Duration duration);

// "41 %" of `whole`; "-" if `whole` is 0.
std::string Percent(uint64_t part, uint64_t whole);

// A bar of ten places, "[####......]"; full only when it is full.
std::string Bar(uint64_t part, uint64_t whole);

// "STATE_BACKING_OFF" without "STATE_": "backing off"; "-" for UNSPECIFIED; "?"
// for "", the name of a value that this program is too old to know.
std::string EnumWords(absl::string_view name, absl::string_view prefix);

absl::Duration ToDuration(const google::protobuf::Duration& duration);
absl::Time ToTime(const google::protobuf::Timestamp& time);

}  // namespace weir::cli

#endif  // WEIR_CLI_HUMAN_H_
