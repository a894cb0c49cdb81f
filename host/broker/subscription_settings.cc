#include "host/broker/subscription_settings.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "host/broker/event_check.h"

namespace weir {
namespace {

// The bounds and defaults of weir.v1.Subscription.
constexpr uint64_t kDefaultUnackedEvents = 10'000;
constexpr uint64_t kMaxUnackedEvents = 1'000'000;
constexpr size_t kMaxIdBytes = 63;
constexpr size_t kMaxDisplayNameBytes = 128;

// [a-z]([a-z0-9-]{0,61}[a-z0-9])?
bool IsId(absl::string_view id) {
  return !id.empty() && id.size() <= kMaxIdBytes &&
         absl::ascii_islower(id[0]) && id.back() != '-' &&
         std::all_of(id.begin(), id.end(), [](unsigned char c) {
           return absl::ascii_islower(c) || absl::ascii_isdigit(c) || c == '-';
         });
}

}  // namespace

void CheckSubscriptionId(absl::string_view id, Faults* faults) {
  if (!IsId(id)) {
    const std::string value = absl::Utf8SafeCHexEscape(id.substr(0, 64));
    faults->Add(
        "INVALID_FIELD", "subscription_id",
        absl::StrCat("\"", value, "\" is not [a-z]([a-z0-9-]{0,61}[a-z0-9])?"),
        {{"value", value}});
  }
}

void CheckSettings(const Subscription& settings, Faults* faults) {
  const auto check = [&](bool good, absl::string_view field, uint64_t value,
                         uint64_t limit) {
    if (good) return;
    faults->Add("INVALID_FIELD", absl::StrCat("subscription.", field),
                absl::StrCat(value, "; the limit is ", limit),
                {{"limit", absl::StrCat(limit)}});
  };
  check(settings.display_name.size() <= kMaxDisplayNameBytes, "display_name",
        settings.display_name.size(), kMaxDisplayNameBytes);
  check(settings.labels.size() <= kMaxLabels, "labels", settings.labels.size(),
        kMaxLabels);
  check(settings.max_unacked_events <= kMaxUnackedEvents, "max_unacked_events",
        settings.max_unacked_events, kMaxUnackedEvents);
  if (settings.idle_ttl.value_or(kDefaultIdleTtl) < absl::ZeroDuration()) {
    const std::string value = absl::FormatDuration(*settings.idle_ttl);
    faults->Add("INVALID_FIELD", "subscription.idle_ttl",
                absl::StrCat(value, " is negative; 0 means for ever"),
                {{"value", value}});
  }
}

void SetDefaults(Subscription* settings) {
  if (settings->max_unacked_events == 0) {
    settings->max_unacked_events = kDefaultUnackedEvents;
  }
}

std::string EtagOf(const Subscription& s) {
  uint64_t hash = 14695981039346656037u;  // FNV-1a.
  const auto add = [&](const auto& value) {
    for (const unsigned char c : absl::StrCat(value)) {
      hash = (hash ^ c) * 1099511628211u;
    }
    hash = (hash ^ 0xff) * 1099511628211u;  // Ends a value: no UTF-8 has it.
  };
  const auto add_all = [&](const auto& values) {
    add(values.size());
    for (const auto& value : values) add(value);
  };
  add(s.display_name);
  for (const EventFilter& filter : s.filters) {
    add_all(filter.types);
    add_all(filter.sources);
    add_all(filter.subject_regexes);
    add(filter.min_severity);
    for (const auto& [key, value] : filter.labels) {
      add_all(std::vector{key, value});
    }
    add_all(filter.json_regexes);
    add_all(filter.prefixes);
    add(static_cast<int>(filter.prefix_match));
    add_all(filter.as_numbers);
  }
  add(s.max_unacked_events);
  add(static_cast<int>(s.gap_policy));
  add(absl::ToInt64Nanoseconds(s.idle_ttl.value_or(kDefaultIdleTtl)));
  for (const auto& [key, value] : s.labels) add_all(std::vector{key, value});
  return absl::StrCat("\"", absl::Hex(hash, absl::kZeroPad16), "\"");
}

void Change(const Subscription& from, SubscriptionFields fields,
            Subscription* to) {
  if (fields.display_name) to->display_name = from.display_name;
  if (fields.filters) to->filters = from.filters;
  if (fields.max_unacked_events) {
    to->max_unacked_events = from.max_unacked_events;
  }
  if (fields.gap_policy) to->gap_policy = from.gap_policy;
  if (fields.idle_ttl) to->idle_ttl = from.idle_ttl;
  if (fields.labels) to->labels = from.labels;
}

}  // namespace weir
