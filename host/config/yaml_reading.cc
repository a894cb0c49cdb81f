#include "host/config/yaml_reading.h"

#include <unordered_set>

#include "absl/status/statusor.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "host/config/config_limits.h"
#include "simdjson.h"

namespace weir {
namespace {

// What a message shows of a value; the line number shows the rest.
constexpr size_t kShownBytes = 60;

std::string Shown(absl::string_view text) {
  const bool cut = text.size() > kShownBytes;
  return absl::StrCat("\"",
                      absl::Utf8SafeCHexEscape(text.substr(0, kShownBytes)),
                      cut ? "\"..." : "\"");
}

// Why a text cannot be kept, or "".
absl::string_view Unfit(const std::string& text) {
  if (text.find('\0') != std::string::npos) {
    return "holds a NUL character; remove it";
  }
  if (!simdjson::validate_utf8(text.data(), text.size())) {
    return "not UTF-8; save it as UTF-8";
  }
  return "";
}

}  // namespace

bool YamlReading::Enter(const YAML::Node& node, const std::string& path) {
  if (over_) return false;
  if (++nodes_ > kMaxConfigNodes) {
    over_ = true;
    AddFault(path, LineOf(node),
             absl::StrCat("more than ", kMaxConfigNodes,
                          " values, each alias counted as often as it is used; "
                          "the rest is not read; move long lists to files"));
    return false;
  }
  if (depth_ > kMaxConfigDepth) {
    over_ = true;
    AddFault(path, LineOf(node),
             absl::StrCat("more than ", kMaxConfigDepth,
                          " levels deep; the rest is not read"));
    return false;
  }
  const std::string& tag = node.Tag();
  // Empty and "?" are yaml-cpp's for no tag, "!" is its for quotes.
  if (tag.empty() || tag == "?" || tag == "!") return true;
  AddFault(path, LineOf(node), "has a YAML tag; the schema says the type");
  return false;
}

std::vector<YamlReading::Entry> YamlReading::Entries(const YAML::Node& map,
                                                     const std::string& path) {
  std::vector<Entry> entries;
  std::unordered_set<std::string> seen;
  for (const auto& pair : map) {
    const YAML::Node& key = pair.first;
    const int line = LineOf(key) > 0 ? LineOf(key) : LineOf(map);
    if (!Enter(key, path)) continue;
    if (!key.IsScalar()) {
      AddFault(path, line,
               absl::StrCat("a key is ", KindOf(key),
                            "; write a name, in quotes if need be"));
      continue;
    }
    const std::string& name = key.Scalar();
    if (name.size() > kMaxConfigKeyBytes) {
      AddFault(path, line,
               absl::StrCat("a key of ", name.size(), " bytes; at most ",
                            kMaxConfigKeyBytes));
    } else if (const absl::string_view unfit = Unfit(name); !unfit.empty()) {
      AddFault(path, line, absl::StrCat("key ", Shown(name), ": ", unfit));
    } else if (!seen.insert(name).second) {
      AddFault(path.empty() ? name : absl::StrCat(path, ".", name), line,
               "is there twice; keep one of the two");
    } else {
      entries.push_back({name, pair.second, line});
    }
  }
  return entries;
}

std::optional<YamlReading::Text> YamlReading::Expanded(
    const YAML::Node& scalar, const std::string& path) {
  const std::string& written = scalar.Scalar();
  absl::StatusOr<std::string> value = Expand(written, environment_);
  if (!value.ok()) {
    AddFault(path, LineOf(scalar), std::string(value.status().message()));
    return std::nullopt;
  }
  if (const absl::string_view unfit = Unfit(*value); !unfit.empty()) {
    AddFault(path, LineOf(scalar), std::string(unfit));
    return std::nullopt;
  }
  const bool plain = scalar.Tag() != "!" && *value == written;
  return Text{*std::move(value), Shown(written), plain};
}

int LineOf(const YAML::Node& node) {
  const YAML::Mark mark = node.Mark();
  return mark.is_null() ? 0 : mark.line + 1;
}

absl::string_view KindOf(const YAML::Node& node) {
  switch (node.Type()) {
    case YAML::NodeType::Map:
      return "a mapping";
    case YAML::NodeType::Sequence:
      return "a list";
    case YAML::NodeType::Scalar:
      return "a single value";
    case YAML::NodeType::Null:
    case YAML::NodeType::Undefined:
      break;
  }
  return "nothing";
}

}  // namespace weir
