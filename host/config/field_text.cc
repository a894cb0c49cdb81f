#include "host/config/field_text.h"

#include <algorithm>
#include <cassert>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "absl/numeric/int128.h"
#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "absl/time/time.h"
#include "google/protobuf/duration.pb.h"
#include "google/protobuf/timestamp.pb.h"

namespace weir {
namespace {

using google::protobuf::Duration;
using google::protobuf::EnumDescriptor;
using google::protobuf::EnumValueDescriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Timestamp;

// What google/protobuf/duration.proto allows: about 10,000 years.
constexpr int64_t kMaxSeconds = 315576000000;

struct Unit {
  absl::string_view name;
  int shift;
};
constexpr Unit kUnits[] = {{"TiB", 40}, {"GiB", 30}, {"MiB", 20}, {"KiB", 10}};

bool IsDuration(const FieldDescriptor& field) {
  return field.type() == FieldDescriptor::TYPE_MESSAGE &&
         field.message_type() == Duration::descriptor();
}

bool IsTime(const FieldDescriptor& field) {
  return field.type() == FieldDescriptor::TYPE_MESSAGE &&
         field.message_type() == Timestamp::descriptor();
}

bool IsSize(const FieldDescriptor& field) {
  return absl::EndsWith(field.name(), "_bytes") ||
         absl::EndsWith(field.name(), "_size");
}

absl::Status Wrong(absl::string_view what) {
  return absl::InvalidArgumentError(what);
}

absl::StatusOr<Duration> ParseDuration(absl::string_view text) {
  absl::Duration duration;
  if (!absl::ParseDuration(text, &duration)) {
    return Wrong(
        "no duration; write a number with its unit, as 250ms, 5s, 10m, 24h");
  }
  if (absl::AbsDuration(duration) > absl::Seconds(kMaxSeconds)) {
    return Wrong("longer than a duration can be, 10,000 years");
  }
  Duration proto;
  proto.set_seconds(absl::IDivDuration(duration, absl::Seconds(1), &duration));
  proto.set_nanos(static_cast<int32_t>(absl::ToInt64Nanoseconds(duration)));
  return proto;
}

absl::StatusOr<Timestamp> ParseTimestamp(absl::string_view text) {
  absl::Time time;
  std::string error;
  // "infinite-future" is a time to Abseil; the schema's begins with a year.
  if (text.empty() || !absl::ascii_isdigit(text.front()) ||
      !absl::ParseTime(absl::RFC3339_full, text, &time, &error)) {
    return Wrong(
        "no time; write date, time and zone, as 2026-11-21T04:00:00Z or "
        "2026-11-21T05:00:00.250+01:00");
  }
  // The bounds of google/protobuf/timestamp.proto.
  const absl::CivilSecond civil =
      absl::ToCivilSecond(time, absl::UTCTimeZone());
  if (civil.year() < 1 || civil.year() > 9999) {
    return Wrong("not a time from the year 1 to 9999");
  }
  const int64_t seconds = absl::ToUnixSeconds(time);
  Timestamp proto;
  proto.set_seconds(seconds);
  proto.set_nanos(static_cast<int32_t>(
      absl::ToInt64Nanoseconds(time - absl::FromUnixSeconds(seconds))));
  return proto;
}

// The prefix that names of `type` carry: "QUEUE_POLICY_" for QueuePolicy.
std::string EnumPrefix(const EnumDescriptor& type) {
  std::string prefix;
  for (const char c : type.name()) {
    if (absl::ascii_isupper(c) && !prefix.empty()) prefix.push_back('_');
    prefix.push_back(absl::ascii_toupper(c));
  }
  return prefix + "_";
}

absl::StatusOr<const EnumValueDescriptor*> ParseEnum(
    absl::string_view text, const EnumDescriptor& type) {
  std::vector<std::string> names;
  for (int i = 0; i < type.value_count(); ++i) {
    const EnumValueDescriptor* value = type.value(i);
    if (value->number() == 0) continue;  // Unset is written by leaving it out.
    names.push_back(ShortName(*value));
    if (text == value->name() || text == names.back()) return value;
  }
  return Wrong(absl::StrCat("not one of ", absl::StrJoin(names, ", ")));
}

// Digits, with a unit if `field` is a size. Saturates, so that a bound is
// always the bound of the field.
absl::StatusOr<absl::uint128> ParseMagnitude(absl::string_view text,
                                             const FieldDescriptor& field) {
  int shift = 0;
  if (IsSize(field)) {
    for (const Unit& unit : kUnits) {
      if (absl::ConsumeSuffix(&text, unit.name)) {
        shift = unit.shift;
        text = absl::StripTrailingAsciiWhitespace(text);
        break;
      }
    }
  }
  absl::uint128 magnitude = 0;
  const absl::uint128 limit = absl::uint128(1) << 70;
  for (const char c : text) {
    if (!absl::ascii_isdigit(c)) magnitude = absl::Uint128Max();
    if (!absl::ascii_isdigit(c)) break;
    magnitude = std::min(magnitude * 10 + (c - '0'), limit);
  }
  if (text.empty() || magnitude == absl::Uint128Max()) {
    return Wrong(IsSize(field) ? "no size; write whole bytes, as 65536, or "
                                 "64KiB, 64MiB, 2GiB, 1TiB"
                               : "no whole number");
  }
  return magnitude << shift;
}

template <typename T>
absl::StatusOr<T> ParseInteger(absl::string_view text,
                               const FieldDescriptor& field) {
  const bool negative = absl::ConsumePrefix(&text, "-");
  const absl::StatusOr<absl::uint128> magnitude = ParseMagnitude(text, field);
  if (!magnitude.ok()) return magnitude.status();
  const absl::int128 number = negative ? -static_cast<absl::int128>(*magnitude)
                                       : static_cast<absl::int128>(*magnitude);
  const T min = std::numeric_limits<T>::min();
  const T max = std::numeric_limits<T>::max();
  if (number < min) return Wrong(absl::StrCat("too small; at least ", min));
  if (number > max) return Wrong(absl::StrCat("too large; at most ", max));
  return static_cast<T>(number);
}

absl::StatusOr<double> ParseDouble(absl::string_view text) {
  double number = 0;
  if (text.find_first_not_of("0123456789+-.eE") != absl::string_view::npos ||
      !absl::SimpleAtod(text, &number)) {
    return Wrong("no number; write it as 2 or 0.5");
  }
  if (!std::isfinite(number)) return Wrong("too large for a number");
  return number;
}

absl::StatusOr<bool> ParseBool(absl::string_view text) {
  if (text == "true") return true;
  if (text == "false") return false;
  return Wrong("write true or false");
}

absl::StatusOr<std::string> ParseString(absl::string_view text) {
  return std::string(text);
}

std::string DurationText(const Duration& proto) {
  return absl::FormatDuration(absl::Seconds(proto.seconds()) +
                              absl::Nanoseconds(proto.nanos()));
}

std::string TimeText(const Timestamp& proto) {
  return absl::FormatTime(
      "%E4Y-%m-%d%ET%H:%M:%E*SZ",
      absl::FromUnixSeconds(proto.seconds()) + absl::Nanoseconds(proto.nanos()),
      absl::UTCTimeZone());
}

// Sets or adds the message `value`.
template <typename T>
absl::Status PutMessage(const absl::StatusOr<T>& value,
                        const FieldDescriptor& field, Message* message) {
  if (!value.ok()) return value.status();
  const google::protobuf::Reflection* reflection = message->GetReflection();
  (field.is_repeated() ? reflection->AddMessage(message, &field)
                       : reflection->MutableMessage(message, &field))
      ->CopyFrom(*value);
  return absl::OkStatus();
}

std::string IntegerText(uint64_t number, const FieldDescriptor& field) {
  if (number == 0 || !IsSize(field)) return absl::StrCat(number);
  for (const Unit& unit : kUnits) {
    const uint64_t size = uint64_t{1} << unit.shift;
    if (number % size == 0) return absl::StrCat(number / size, unit.name);
  }
  return absl::StrCat(number);
}

// Sets or adds `value`, by the pair of reflection's functions for its type.
template <typename T, typename Set, typename Add>
absl::Status Put(absl::StatusOr<T> value, const FieldDescriptor& field,
                 Message* message, Set set, Add add) {
  if (!value.ok()) return value.status();
  const google::protobuf::Reflection* reflection = message->GetReflection();
  if (field.is_repeated()) {
    (reflection->*add)(message, &field, *std::move(value));
  } else {
    (reflection->*set)(message, &field, *std::move(value));
  }
  return absl::OkStatus();
}

}  // namespace

bool IsWrittenAsText(const FieldDescriptor& field) {
  return field.cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE ||
         IsDuration(field) || IsTime(field);
}

absl::Status SetFromText(absl::string_view text, const FieldDescriptor& field,
                         Message* message) {
  using R = google::protobuf::Reflection;
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT32:
      return Put(ParseInteger<int32_t>(text, field), field, message,
                 &R::SetInt32, &R::AddInt32);
    case FieldDescriptor::CPPTYPE_INT64:
      return Put(ParseInteger<int64_t>(text, field), field, message,
                 &R::SetInt64, &R::AddInt64);
    case FieldDescriptor::CPPTYPE_UINT32:
      return Put(ParseInteger<uint32_t>(text, field), field, message,
                 &R::SetUInt32, &R::AddUInt32);
    case FieldDescriptor::CPPTYPE_UINT64:
      return Put(ParseInteger<uint64_t>(text, field), field, message,
                 &R::SetUInt64, &R::AddUInt64);
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return Put(ParseDouble(text), field, message, &R::SetDouble,
                 &R::AddDouble);
    case FieldDescriptor::CPPTYPE_BOOL:
      return Put(ParseBool(text), field, message, &R::SetBool, &R::AddBool);
    case FieldDescriptor::CPPTYPE_ENUM:
      return Put(ParseEnum(text, *field.enum_type()), field, message,
                 &R::SetEnum, &R::AddEnum);
    case FieldDescriptor::CPPTYPE_STRING:
      return Put(ParseString(text), field, message, &R::SetString,
                 &R::AddString);
    case FieldDescriptor::CPPTYPE_MESSAGE:
      if (IsTime(field)) {
        return PutMessage(ParseTimestamp(text), field, message);
      }
      assert(IsDuration(field));
      return PutMessage(ParseDuration(text), field, message);
    case FieldDescriptor::CPPTYPE_FLOAT:
      break;
  }
  return Wrong("float is not a type of this schema; make the field a double");
}

std::string ToText(const Message& message, const FieldDescriptor& field,
                   int index) {
  const google::protobuf::Reflection& r = *message.GetReflection();
  const FieldDescriptor* f = &field;
  const bool at = index >= 0;
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT32:
      return absl::StrCat(at ? r.GetRepeatedInt32(message, f, index)
                             : r.GetInt32(message, f));
    case FieldDescriptor::CPPTYPE_INT64:
      return absl::StrCat(at ? r.GetRepeatedInt64(message, f, index)
                             : r.GetInt64(message, f));
    case FieldDescriptor::CPPTYPE_UINT32:
      return IntegerText(
          at ? r.GetRepeatedUInt32(message, f, index) : r.GetUInt32(message, f),
          field);
    case FieldDescriptor::CPPTYPE_UINT64:
      return IntegerText(
          at ? r.GetRepeatedUInt64(message, f, index) : r.GetUInt64(message, f),
          field);
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return NumberText(at ? r.GetRepeatedDouble(message, f, index)
                           : r.GetDouble(message, f));
    case FieldDescriptor::CPPTYPE_FLOAT:
      return NumberText(at ? r.GetRepeatedFloat(message, f, index)
                           : r.GetFloat(message, f));
    case FieldDescriptor::CPPTYPE_BOOL:
      return (at ? r.GetRepeatedBool(message, f, index) : r.GetBool(message, f))
                 ? "true"
                 : "false";
    case FieldDescriptor::CPPTYPE_ENUM:
      return ShortName(at ? *r.GetRepeatedEnum(message, f, index)
                          : *r.GetEnum(message, f));
    case FieldDescriptor::CPPTYPE_STRING:
      return at ? r.GetRepeatedString(message, f, index)
                : r.GetString(message, f);
    case FieldDescriptor::CPPTYPE_MESSAGE:
      break;
  }
  const Message& child =
      at ? r.GetRepeatedMessage(message, f, index) : r.GetMessage(message, f);
  if (IsTime(field)) {
    Timestamp time;
    time.CopyFrom(child);
    return TimeText(time);
  }
  assert(IsDuration(field));
  Duration duration;
  duration.CopyFrom(child);
  return DurationText(duration);
}

std::string NumberText(double number) {
  char text[32];
  char* const end = text + sizeof(text);
  const bool is_integer = std::trunc(number) == number;
  if (!is_integer) {
    return std::string(text, std::to_chars(text, end, number).ptr);
  }
  const auto format = std::abs(number) < 0x1.0p53
                          ? std::chars_format::fixed
                          : std::chars_format::scientific;
  return std::string(text, std::to_chars(text, end, number, format).ptr);
}

std::string ShortName(const EnumValueDescriptor& value) {
  absl::string_view name = value.name();
  absl::ConsumePrefix(&name, EnumPrefix(*value.type()));
  return absl::AsciiStrToLower(name);
}

}  // namespace weir
