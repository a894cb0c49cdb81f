#include "host/rpc/event_from_proto.h"

#include <memory>
#include <optional>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "host/pipeline/prefix_text.h"
#include "host/rpc/proto_time.h"
#include "host/status/error_info.h"
#include "simdjson.h"

namespace weir {
namespace {

constexpr absl::string_view kPublishers = "publishers/";

absl::Status Invalid(size_t index, absl::string_view field,
                     absl::string_view what) {
  const std::string path = absl::StrCat("events[", index, "].", field);
  return MakeError(absl::StatusCode::kInvalidArgument,
                   absl::StrCat(path, ": ", what),
                   {.reason = "EVENT_INVALID",
                    .metadata = {{"index", absl::StrCat(index)},
                                 {"field", std::string(field)}},
                    .field_violations = {{path, std::string(what)}}});
}

std::string Quoted(absl::string_view text) {
  return absl::StrCat("\"", absl::Utf8SafeCHexEscape(text.substr(0, 64)), "\"");
}

absl::Status CheckWhatTheLogGives(const v1::Event& proto, size_t index) {
  constexpr char kWhat[] = "is given by the log; leave it out";
  if (!proto.id().empty()) return Invalid(index, "id", kWhat);
  if (proto.seq() != 0) return Invalid(index, "seq", kWhat);
  if (proto.has_append_time()) return Invalid(index, "append_time", kWhat);
  return absl::OkStatus();
}

absl::Status CheckNames(const v1::Event& proto, size_t index) {
  if (absl::StartsWith(proto.type(), "weir.")) {
    return Invalid(index, "type",
                   absl::StrCat(Quoted(proto.type()),
                                " begins with \"weir.\", which is the host's"));
  }
  if (proto.source().empty()) return absl::OkStatus();
  if (absl::StartsWith(proto.source(), kPublishers) &&
      proto.source().size() > kPublishers.size()) {
    return absl::OkStatus();
  }
  return Invalid(index, "source",
                 absl::StrCat(Quoted(proto.source()),
                              " is not \"publishers/\" and a name"));
}

// What google.protobuf.Timestamp itself is bounded by: the years 1 to 9999.
bool IsTime(const google::protobuf::Timestamp& time) {
  return time.seconds() >= -62'135'596'800 &&
         time.seconds() < 253'402'300'800 && time.nanos() >= 0 &&
         time.nanos() < 1'000'000'000;
}

bool IsJson(absl::string_view text) {
  simdjson::dom::parser parser;
  simdjson::dom::element value;
  return parser.parse(text.data(), text.size()).get(value) == simdjson::SUCCESS;
}

absl::Status SetData(const v1::Event& proto, size_t index, Event* event) {
  EventExtras extras;
  switch (proto.data_case()) {
    case v1::Event::kJson:
      if (!IsJson(proto.json())) {
        return Invalid(
            index, "json",
            absl::StrCat(Quoted(proto.json()), " is not one JSON value"));
      }
      event->json = proto.json();
      break;
    case v1::Event::kBinary:
      extras.binary = proto.binary();
      break;
    case v1::Event::kProto:
      extras.any_type_url = proto.proto().type_url();
      extras.any_value = proto.proto().value();
      break;
    case v1::Event::DATA_NOT_SET:
      break;
  }
  extras.data_schema = proto.data_schema();
  extras.traceparent = proto.traceparent();
  extras.caused_by.assign(proto.caused_by().begin(), proto.caused_by().end());
  if (extras != EventExtras()) {
    event->extras = std::make_shared<const EventExtras>(std::move(extras));
  }
  return absl::OkStatus();
}

absl::Status SetPrefixes(const v1::Event& proto, size_t index, Event* event) {
  for (int i = 0; i < proto.prefixes_size(); ++i) {
    const std::optional<weir_prefix> prefix = ParsePrefix(proto.prefixes(i));
    if (!prefix.has_value()) {
      return Invalid(index, absl::StrCat("prefixes[", i, "]"),
                     absl::StrCat(Quoted(proto.prefixes(i)),
                                  " is not a CIDR block such as "
                                  "\"192.0.2.0/24\""));
    }
    event->prefixes.push_back(*prefix);
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Event> EventFromProto(const v1::Event& proto, size_t index,
                                     const std::string& source) {
  absl::Status status = CheckWhatTheLogGives(proto, index);
  if (status.ok()) status = CheckNames(proto, index);
  if (!status.ok()) return status;
  Event event;
  event.type = proto.type();
  event.source = proto.source().empty() ? source : proto.source();
  event.subject = proto.subject();
  if (proto.has_event_time()) {
    if (!IsTime(proto.event_time())) {
      return Invalid(index, "event_time",
                     absl::StrCat(proto.event_time().seconds(), " s and ",
                                  proto.event_time().nanos(),
                                  " ns is no time of the years 1 to 9999"));
    }
    event.event_time = FromProto(proto.event_time());
  }
  if (proto.severity() != v1::SEVERITY_UNSPECIFIED) {
    if (!v1::Severity_IsValid(proto.severity())) {
      return Invalid(
          index, "severity",
          absl::StrCat(static_cast<int>(proto.severity()), " is no severity"));
    }
    event.severity = static_cast<Severity>(proto.severity());
  }
  status = SetData(proto, index, &event);
  if (status.ok()) status = SetPrefixes(proto, index, &event);
  if (!status.ok()) return status;
  for (const auto& [key, value] : proto.labels()) {
    event.labels.emplace_back(key, value);
  }
  event.as_numbers.assign(proto.as_numbers().begin(), proto.as_numbers().end());
  return event;
}

}  // namespace weir
