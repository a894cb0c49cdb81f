#include "host/plugin/event_check.h"

#include <algorithm>
#include <cstddef>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "simdjson.h"
#include "weir/message_fields.h"

namespace weir {

namespace {

constexpr size_t kMaxKindBytes = 128;
constexpr size_t kMaxLabelKeyBytes = 63;
constexpr size_t kMaxLabelValueBytes = 1024;
constexpr uint32_t kMaxPrefixes = 64;
constexpr uint32_t kMaxAsNumbers = 64;
constexpr uint32_t kMaxLabels = 32;

absl::Status Invalid(absl::string_view field, absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat(field, ": ", what));
}

absl::string_view View(weir_str text) {
  return text.len == 0 ? absl::string_view()
                       : absl::string_view(text.data, text.len);
}

// Whether there is something where the plugin says there is.
bool IsThere(weir_str text) { return text.len == 0 || text.data != nullptr; }

bool IsUtf8(absl::string_view text) {
  return simdjson::validate_utf8(text.data(), text.size());
}

absl::Status CheckKind(absl::string_view kind) {
  if (kind.empty() || kind.size() > kMaxKindBytes ||
      !std::all_of(kind.begin(), kind.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' ||
               c == '.' || c == '-';
      })) {
    return Invalid("kind", "must be 1 to 128 bytes of [a-z0-9_.-]");
  }
  if (absl::StartsWith(kind, "weir.")) {
    return Invalid("kind", "begins with weir., which is the host's");
  }
  return absl::OkStatus();
}

absl::Status CheckPrefix(const weir_prefix& prefix) {
  const int bits = prefix.family == 4 ? 32 : prefix.family == 6 ? 128 : -1;
  if (prefix.length > bits) {
    return Invalid("prefixes",
                   "must be of family 4 or 6, and no longer than "
                   "32 or 128");
  }
  for (int i = 0; i < 16; ++i) {
    const int keep = std::clamp(prefix.length - 8 * i, 0, 8);
    if ((prefix.bytes[i] & (0xff >> keep)) != 0) {
      return Invalid("prefixes", "must be 0 after their length");
    }
  }
  return absl::OkStatus();
}

// Whether the sizes are what they may be, before anything is read that depends
// on them.
absl::Status CheckSizes(const weir_event& event) {
  if (event.struct_size < sizeof(weir_event)) {
    return Invalid("struct_size", "must be sizeof(weir_event)");
  }
  if (!IsThere(event.kind) || !IsThere(event.subject) || !IsThere(event.json) ||
      (event.n_prefixes > 0 && event.prefixes == nullptr) ||
      (event.n_as_numbers > 0 && event.as_numbers == nullptr) ||
      (event.n_labels > 0 && event.labels == nullptr)) {
    return Invalid("pointers", "null where something should be");
  }
  if (event.n_prefixes > kMaxPrefixes) {
    return Invalid("prefixes", absl::StrCat("at most ", kMaxPrefixes));
  }
  if (event.n_as_numbers > kMaxAsNumbers) {
    return Invalid("as_numbers", absl::StrCat("at most ", kMaxAsNumbers));
  }
  if (event.n_labels > kMaxLabels) {
    return Invalid("labels", absl::StrCat("at most ", kMaxLabels));
  }
  uint64_t bytes = 0;
  const auto add = [&bytes](weir_str text) {
    // Each alone first, so that the sum can not wrap.
    bytes += std::min<uint64_t>(text.len, kMaxPluginEventBytes + 1);
  };
  add(event.kind);
  add(event.subject);
  add(event.json);
  for (uint32_t i = 0; i < event.n_labels; ++i) {
    add(event.labels[i].key);
    add(event.labels[i].value);
  }
  if (bytes > kMaxPluginEventBytes) {
    return absl::OutOfRangeError(
        absl::StrCat("an event of more than ", kMaxPluginEventBytes, " bytes"));
  }
  return absl::OkStatus();
}

absl::Status CopyLabels(const weir_event& event, Event& copy) {
  for (uint32_t i = 0; i < event.n_labels; ++i) {
    const weir_label& label = event.labels[i];
    if (!IsThere(label.key) || !IsThere(label.value) || label.key.len == 0 ||
        label.key.len > kMaxLabelKeyBytes ||
        label.value.len > kMaxLabelValueBytes || !IsUtf8(View(label.key)) ||
        !IsUtf8(View(label.value))) {
      return Invalid("labels",
                     "a key has 1 to 63 bytes, a value up to 1 KiB, "
                     "and both are UTF-8");
    }
    copy.labels.emplace_back(View(label.key), View(label.value));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Event> CopyPluginEvent(const weir_event& event) {
  if (absl::Status sizes = CheckSizes(event); !sizes.ok()) return sizes;
  if (absl::Status kind = CheckKind(View(event.kind)); !kind.ok()) return kind;
  if (!IsUtf8(View(event.subject))) return Invalid("subject", "must be UTF-8");
  const int32_t severity =
      event.severity == 0 ? WEIR_SEVERITY_INFO : event.severity;
  if (severity < WEIR_SEVERITY_DEBUG || severity > WEIR_SEVERITY_CRITICAL ||
      severity % 10 != 0) {
    return Invalid("severity", "must be one of WEIR_SEVERITY_*");
  }
  Event copy;
  copy.type = std::string(View(event.kind));
  copy.subject = std::string(View(event.subject));
  copy.severity = static_cast<Severity>(severity);
  if (event.time_ns != 0) copy.event_time = absl::FromUnixNanos(event.time_ns);
  copy.json = std::string(View(event.json));
  for (uint32_t i = 0; i < event.n_prefixes; ++i) {
    absl::Status prefix = CheckPrefix(event.prefixes[i]);
    if (!prefix.ok()) return prefix;
  }
  copy.prefixes.assign(event.prefixes, event.prefixes + event.n_prefixes);
  copy.as_numbers.assign(event.as_numbers,
                         event.as_numbers + event.n_as_numbers);
  if (absl::Status labels = CopyLabels(event, copy); !labels.ok()) {
    return labels;
  }
  return copy;
}

bool IsJson(const std::string& text) {
  // One for each thread that emits: it keeps its buffers.
  thread_local simdjson::dom::parser parser;
  return text.empty() || parser.parse(text).error() == simdjson::SUCCESS;
}

}  // namespace weir
