#include "cli/event_line.h"

#include <google/protobuf/struct.pb.h>
#include <google/protobuf/util/json_util.h>

#include <algorithm>
#include <map>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "cli/escape.h"
#include "cli/human.h"

namespace weir::cli {
namespace {

// A terminal or two full of one event help nobody.
constexpr size_t kMaxCharacters = 400;

constexpr const char* kTextNames[] = {"text", "message", "summary"};

// The text that a plugin wrote for people; empty if there is none.
std::string TextMember(const std::string& json) {
  google::protobuf::Struct object;
  if (!google::protobuf::util::JsonStringToMessage(json, &object).ok()) {
    return "";
  }
  for (const char* name : kTextNames) {
    const auto found = object.fields().find(name);
    if (found != object.fields().end()) return found->second.string_value();
  }
  return "";
}

// `json` without the spaces between its tokens. Numbers stay as they were
// written, which a parser would not promise.
std::string Compact(absl::string_view json) {
  std::string compact;
  bool in_string = false;
  bool escaped = false;
  for (const char c : json) {
    if (!in_string && absl::ascii_isspace(c)) continue;
    compact.push_back(c);
    if (c == '"' && !escaped) in_string = !in_string;
    escaped = in_string && c == '\\' && !escaped;
  }
  return compact;
}

std::string Labels(const weir::v1::Event& event) {
  // A protobuf map has no order of its own.
  const std::map<std::string, std::string> labels(event.labels().begin(),
                                                  event.labels().end());
  std::string text;
  for (const auto& [key, value] : labels) {
    absl::StrAppend(&text, text.empty() ? "" : " ", key, "=", value);
  }
  return text;
}

std::string Text(const weir::v1::Event& event) {
  for (const char* name : kTextNames) {
    const auto found = event.labels().find(name);
    if (found != event.labels().end()) return found->second;
  }
  if (event.has_json()) {
    const std::string text = TextMember(event.json());
    return text.empty() ? Compact(event.json()) : text;
  }
  if (!event.labels().empty()) return Labels(event);
  if (event.has_binary()) {
    return absl::StrCat(
        Bytes(event.binary().size()), " of ",
        event.data_schema().empty() ? "binary data" : event.data_schema());
  }
  return event.has_proto() ? event.proto().type_url() : "";
}

std::string Padded(const std::string& text, size_t* width) {
  const size_t own = Width(text);
  *width = std::max(*width, own);
  return text + std::string(*width - own, ' ');
}

// Cuts `text`, which is escaped, after its first `characters`.
std::string Cut(std::string text, size_t characters) {
  if (Width(text) <= characters) return text;
  size_t at = 0;
  for (size_t seen = 0; at < text.size(); ++at) {
    if ((text[at] & '\xc0') == '\x80') continue;
    if (seen++ == characters) break;
  }
  text.resize(at);
  return text + "...";
}

}  // namespace

std::string EventText(const weir::v1::Event& event) {
  return Cut(Escape(Text(event)), kMaxCharacters);
}

EventLine::EventLine(absl::TimeZone time_zone, bool colour)
    : time_zone_(time_zone), colour_(colour) {}

std::string EventLine::Format(const weir::v1::Event& event) {
  const absl::Time time =
      ToTime(event.has_event_time() ? event.event_time() : event.append_time());
  std::string line = absl::StrCat(
      Padded(Escape(event.id()), &id_width_), "  ",
      absl::FormatTime("%H:%M:%S", time, time_zone_), "  ",
      Padded(Escape(event.type()), &type_width_), "  ",
      Padded(Escape(event.subject()), &subject_width_), "  ", EventText(event));
  absl::StripTrailingAsciiWhitespace(&line);
  if (!colour_ || event.severity() < weir::v1::SEVERITY_WARNING) return line;
  const bool bad = event.severity() >= weir::v1::SEVERITY_ERROR;
  return absl::StrCat(bad ? "\x1b[31m" : "\x1b[33m", line, "\x1b[0m");
}

}  // namespace weir::cli
