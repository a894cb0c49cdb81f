#include "host/broker/event_check.h"

#include <cstdint>
#include <set>
#include <string>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "host/broker/replay_id.h"
#include "host/status/error_info.h"
#include "simdjson.h"

namespace weir {
namespace {

absl::Status Invalid(absl::string_view field, absl::string_view what) {
  return MakeError(
      absl::StatusCode::kInvalidArgument,
      absl::StrCat("event.", field, ": ", what),
      {.reason = "EVENT_INVALID", .metadata = {{"field", std::string(field)}}});
}

absl::Status CheckText(absl::string_view field, absl::string_view text) {
  if (simdjson::validate_utf8(text.data(), text.size())) {
    return absl::OkStatus();
  }
  return Invalid(field, absl::StrCat("\"", absl::CHexEscape(text.substr(0, 64)),
                                     "\" is not UTF-8"));
}

absl::Status CheckCount(absl::string_view field, size_t n, size_t limit) {
  if (n <= limit) return absl::OkStatus();
  return Invalid(field, absl::StrCat(n, " of them; the limit is ", limit));
}

absl::Status CheckLabels(const Event& event) {
  if (absl::Status s = CheckCount("labels", event.labels.size(), kMaxLabels);
      !s.ok()) {
    return s;
  }
  std::set<absl::string_view> keys;
  for (const auto& [key, value] : event.labels) {
    const std::string field = absl::StrCat(
        "labels[", absl::CHexEscape(key.substr(0, kMaxLabelKeyBytes)), "]");
    if (key.empty() || key.size() > kMaxLabelKeyBytes) {
      return Invalid(
          field, absl::StrCat("a key of ", key.size(), " bytes; it has 1 to ",
                              kMaxLabelKeyBytes));
    }
    if (value.size() > kMaxLabelValueBytes) {
      return Invalid(
          field, absl::StrCat("a value of ", value.size(),
                              " bytes; the limit is ", kMaxLabelValueBytes));
    }
    if (!keys.insert(key).second) return Invalid(field, "is there twice");
    if (absl::Status s = CheckText(field, key); !s.ok()) return s;
    if (absl::Status s = CheckText(field, value); !s.ok()) return s;
  }
  return absl::OkStatus();
}

absl::Status CheckPrefixes(const Event& event) {
  if (absl::Status s =
          CheckCount("prefixes", event.prefixes.size(), kMaxEventPrefixes);
      !s.ok()) {
    return s;
  }
  for (size_t i = 0; i < event.prefixes.size(); ++i) {
    if (!IsCanonical(event.prefixes[i])) {
      return Invalid(absl::StrCat("prefixes[", i, "]"),
                     "is not a CIDR block with host bits 0");
    }
  }
  return CheckCount("as_numbers", event.as_numbers.size(), kMaxEventAsNumbers);
}

absl::Status CheckShortText(absl::string_view field, absl::string_view text,
                            size_t limit) {
  if (text.size() > limit) {
    return Invalid(field,
                   absl::StrCat(text.size(), " bytes; the limit is ", limit));
  }
  return CheckText(field, text);
}

absl::Status CheckExtras(const EventExtras& extras) {
  if (absl::Status s = CheckText("proto.type_url", extras.any_type_url);
      !s.ok()) {
    return s;
  }
  if (absl::Status s = CheckShortText("data_schema", extras.data_schema,
                                      kMaxDataSchemaBytes);
      !s.ok()) {
    return s;
  }
  if (absl::Status s = CheckShortText("traceparent", extras.traceparent,
                                      kMaxTraceparentBytes);
      !s.ok()) {
    return s;
  }
  if (absl::Status s =
          CheckCount("caused_by", extras.caused_by.size(), kMaxCausedBy);
      !s.ok()) {
    return s;
  }
  for (size_t i = 0; i < extras.caused_by.size(); ++i) {
    const std::string field = absl::StrCat("caused_by[", i, "]");
    if (!ParseReplayId(extras.caused_by[i], field).ok()) {
      return Invalid(
          field, absl::StrCat(
                     "\"",
                     absl::Utf8SafeCHexEscape(
                         absl::string_view(extras.caused_by[i]).substr(0, 64)),
                     "\" is no ID of an event"));
    }
  }
  return absl::OkStatus();
}

}  // namespace

bool IsEventType(absl::string_view text) {
  return !text.empty() && text.size() <= kMaxTypeBytes &&
         text.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_.-") ==
             text.npos;
}

bool IsCanonical(const weir_prefix& prefix) {
  if (prefix.family != 4 && prefix.family != 6) return false;
  if (prefix.length > (prefix.family == 4 ? 32 : 128)) return false;
  for (int bit = prefix.length; bit < 128; ++bit) {
    if ((prefix.bytes[bit / 8] & (0x80 >> (bit % 8))) != 0) return false;
  }
  return true;
}

absl::Status CheckEvent(const Event& event) {
  if (!IsEventType(event.type)) {
    return Invalid(
        "type",
        absl::StrCat(
            "\"",
            absl::CHexEscape(
                absl::string_view(event.type).substr(0, kMaxTypeBytes)),
            "\" is not 1 to ", kMaxTypeBytes, " characters of [a-z0-9_.-]"));
  }
  if (event.source.empty() || event.source.size() > kMaxSourceBytes) {
    return Invalid("source",
                   absl::StrCat(event.source.size(), " bytes; it has 1 to ",
                                kMaxSourceBytes));
  }
  if (absl::Status s = CheckText("source", event.source); !s.ok()) return s;
  if (absl::Status s = CheckText("subject", event.subject); !s.ok()) return s;
  if (absl::Status s = CheckText("json", event.json); !s.ok()) return s;
  if (absl::Status s = CheckLabels(event); !s.ok()) return s;
  if (event.extras != nullptr) {
    if (absl::Status s = CheckExtras(*event.extras); !s.ok()) return s;
  }
  return CheckPrefixes(event);
}

}  // namespace weir
