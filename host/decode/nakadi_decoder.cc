#include "host/decode/nakadi_decoder.h"

#include "absl/status/status.h"

namespace weir {
namespace {

// Reads the number of `digits` digits at the front of `text`, and takes it off.
bool TakeNumber(absl::string_view* text, size_t digits, int* number) {
  if (text->size() < digits) return false;
  *number = 0;
  for (size_t i = 0; i < digits; ++i) {
    const char c = (*text)[i];
    if (c < '0' || c > '9') return false;
    *number = *number * 10 + (c - '0');
  }
  text->remove_prefix(digits);
  return true;
}

bool Take(absl::string_view* text, char c) {
  if (text->empty() || text->front() != c) return false;
  text->remove_prefix(1);
  return true;
}

// Days since 1970-01-01 of the Gregorian calendar.
int64_t Days(int year, int month, int day) {
  // Years begin in March, so that the day that may be missing is the last.
  const int64_t y = month <= 2 ? year - 1 : year;
  const int64_t era = y / 400;
  const int64_t of_era = y - era * 400;
  const int64_t of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
  return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year -
         719468;
}

}  // namespace

std::optional<int64_t> ParseRfc3339Ns(absl::string_view text) {
  int year, month, day, hour, minute, second;
  if (!TakeNumber(&text, 4, &year) || !Take(&text, '-') ||
      !TakeNumber(&text, 2, &month) || !Take(&text, '-') ||
      !TakeNumber(&text, 2, &day) ||
      !(Take(&text, 'T') || Take(&text, 't') || Take(&text, ' ')) ||
      !TakeNumber(&text, 2, &hour) || !Take(&text, ':') ||
      !TakeNumber(&text, 2, &minute) || !Take(&text, ':') ||
      !TakeNumber(&text, 2, &second)) {
    return std::nullopt;
  }
  if (year < 1970 || year > 2200 || month < 1 || month > 12 || day < 1 ||
      day > 31 || hour > 23 || minute > 59 || second > 60) {
    return std::nullopt;
  }
  int64_t fraction_ns = 0;
  if (Take(&text, '.')) {
    int64_t unit = 100'000'000;
    int digit;
    while (TakeNumber(&text, 1, &digit)) {
      fraction_ns += digit * unit;
      unit /= 10;
    }
  }
  int64_t offset_s = 0;
  if (!Take(&text, 'Z') && !Take(&text, 'z')) {
    const bool east = Take(&text, '+');
    int hours, minutes;
    if ((!east && !Take(&text, '-')) || !TakeNumber(&text, 2, &hours) ||
        !Take(&text, ':') || !TakeNumber(&text, 2, &minutes)) {
      return std::nullopt;
    }
    offset_s = (hours * 60 + minutes) * 60 * (east ? 1 : -1);
  }
  if (!text.empty()) return std::nullopt;
  const int64_t seconds =
      ((Days(year, month, day) * 24 + hour) * 60 + minute) * 60 + second -
      offset_s;
  return seconds * 1'000'000'000 + fraction_ns;
}

Decoded NakadiDecoder::Decode(absl::string_view payload,
                              MessageWriter& writer) {
  line_.reserve(payload.size() + nakadi::BatchReader::kPadding);
  line_.assign(payload.data(), payload.size());
  nakadi::BatchLine line;
  if (absl::Status status = reader_.Read(line_, &line, &events_, &times_);
      !status.ok()) {
    return {.verdict = Decoded::Verdict::kParseError,
            .text = std::string(status.message())};
  }
  if (events_.empty()) return {.verdict = Decoded::Verdict::kNotAMessage};
  if (line.event_type != type_) {
    type_ = std::string(line.event_type);
    type_id_ = types_.Intern(type_);
  }
  for (size_t i = 0; i < events_.size(); ++i) {
    const MessageWriter::Room room = writer.Reserve(events_[i], 0, 0);
    room.message->view.type_id = type_id_;
    if (!times_[i].empty()) {
      room.message->view.ts_ns = ParseRfc3339Ns(times_[i]).value_or(0);
    }
    writer.Commit(0, 0);
  }
  return {};
}

}  // namespace weir
