#include "host/plugin/config_node.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/string_view.h"

namespace weir {

namespace {

using Json = nlohmann::json;

// Far deeper than a person reads; so that no schema makes us recurse to death.
constexpr int kMaxDepth = 32;
constexpr int64_t kMaxRegexBytes = 1 << 20;

// What says something to people, and nothing to us.
constexpr absl::string_view kNotes[] = {"title",    "description", "examples",
                                        "format",   "$schema",     "$id",
                                        "$comment", "deprecated",  "readOnly"};

absl::Status Broken(const std::string& place, absl::string_view what) {
  return absl::InvalidArgumentError(
      absl::StrCat(place.empty() ? "/" : place, ": ", what));
}

std::string Text(const Json& value) {
  return value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

// Reads the keywords of one schema into one node.
class Reader {
 public:
  Reader(const Json& schema, std::string place, int depth)
      : schema_(schema), place_(std::move(place)), depth_(depth) {}

  absl::StatusOr<ConfigNode> Read() {
    if (!schema_.is_object()) {
      return Broken(place_, absl::StrCat(Text(schema_),
                                         " is no schema, which is an object"));
    }
    if (depth_ > kMaxDepth) {
      return Broken(place_, absl::StrCat("deeper than ", kMaxDepth, " levels"));
    }
    for (const auto& [key, value] : schema_.items()) {
      absl::Status status = ReadKeyword(key, value, JsonPlace(place_, key));
      if (!status.ok()) return status;
    }
    return std::move(node_);
  }

 private:
  using Read1 = absl::Status (Reader::*)(const Json&, const std::string&);

  absl::Status ReadKeyword(const std::string& key, const Json& value,
                           const std::string& at) {
    static const auto* const kNumbers =
        new std::map<std::string, std::optional<double> ConfigNode::*>{
            {"minimum", &ConfigNode::minimum},
            {"maximum", &ConfigNode::maximum},
            {"exclusiveMinimum", &ConfigNode::above},
            {"exclusiveMaximum", &ConfigNode::below},
            {"multipleOf", &ConfigNode::multiple_of}};
    static const auto* const kCounts =
        new std::map<std::string, std::optional<uint64_t> ConfigNode::*>{
            {"minLength", &ConfigNode::min_length},
            {"maxLength", &ConfigNode::max_length},
            {"minItems", &ConfigNode::min_items},
            {"maxItems", &ConfigNode::max_items},
            {"minProperties", &ConfigNode::min_properties},
            {"maxProperties", &ConfigNode::max_properties}};
    static const auto* const kFlags =
        new std::map<std::string, bool ConfigNode::*>{
            {"uniqueItems", &ConfigNode::unique_items},
            {"x-secret", &ConfigNode::secret}};
    static const auto* const kOthers = new std::map<std::string, Read1>{
        {"type", &Reader::ReadType},
        {"enum", &Reader::ReadEnum},
        {"const", &Reader::ReadConst},
        {"default", &Reader::ReadDefault},
        {"pattern", &Reader::ReadPattern},
        {"items", &Reader::ReadItems},
        {"properties", &Reader::ReadProperties},
        {"required", &Reader::ReadRequired},
        {"additionalProperties", &Reader::ReadAdditional}};
    if (const auto number = kNumbers->find(key); number != kNumbers->end()) {
      if (!value.is_number()) return Not(value, at, "a number");
      const auto read = value.get<double>();
      if (key == "multipleOf" && read <= 0) return Not(value, at, "above 0");
      node_.*number->second = read;
      return absl::OkStatus();
    }
    if (const auto count = kCounts->find(key); count != kCounts->end()) {
      if (!value.is_number_unsigned()) {
        return Not(value, at, "a whole number from 0 on");
      }
      node_.*count->second = value.get<uint64_t>();
      return absl::OkStatus();
    }
    if (const auto flag = kFlags->find(key); flag != kFlags->end()) {
      if (!value.is_boolean()) return Not(value, at, "true or false");
      node_.*flag->second = value.get<bool>();
      return absl::OkStatus();
    }
    if (const auto other = kOthers->find(key); other != kOthers->end()) {
      return (this->*other->second)(value, at);
    }
    const bool note = absl::StartsWith(key, "x-") ||
                      std::find(std::begin(kNotes), std::end(kNotes), key) !=
                          std::end(kNotes);
    if (note) return absl::OkStatus();
    return Broken(at,
                  "no keyword that weir knows; docs/plugin_guide.md lists "
                  "them");
  }

  static absl::Status Not(const Json& value, const std::string& at,
                          absl::string_view what) {
    return Broken(at, absl::StrCat(Text(value), " is not ", what));
  }

  absl::Status ReadType(const Json& value, const std::string& at) {
    const Json list = value.is_array() ? value : Json::array({value});
    if (list.empty()) return Not(value, at, "one type or more");
    for (const Json& name : list) {
      const auto* const type = std::find_if(
          std::begin(ConfigNode::kTypes), std::end(ConfigNode::kTypes),
          [&](const char* known) { return name == known; });
      if (type == std::end(ConfigNode::kTypes)) {
        return Broken(at,
                      absl::StrCat(Text(name), " is none of ",
                                   absl::StrJoin(ConfigNode::kTypes, ", ")));
      }
      node_.types |= 1u << (type - std::begin(ConfigNode::kTypes));
    }
    return absl::OkStatus();
  }

  absl::Status ReadEnum(const Json& value, const std::string& at) {
    if (!value.is_array() || value.empty()) {
      return Not(value, at, "an array of one value or more");
    }
    node_.one_of_these.assign(value.begin(), value.end());
    return absl::OkStatus();
  }

  absl::Status ReadConst(const Json& value, const std::string&) {
    node_.constant = value;
    return absl::OkStatus();
  }

  absl::Status ReadDefault(const Json& value, const std::string&) {
    node_.otherwise = value;
    return absl::OkStatus();
  }

  absl::Status ReadPattern(const Json& value, const std::string& at) {
    if (!value.is_string()) return Not(value, at, "a string");
    RE2::Options options;
    options.set_log_errors(false);
    options.set_max_mem(kMaxRegexBytes);
    auto regex = std::make_shared<const RE2>(value.get<std::string>(), options);
    if (!regex->ok()) {
      return Broken(
          at,
          absl::StrCat(Text(value), " is no RE2 expression: ", regex->error()));
    }
    node_.pattern = std::move(regex);
    return absl::OkStatus();
  }

  absl::Status ReadItems(const Json& value, const std::string& at) {
    return ReadSchema(value, at, node_.items);
  }

  absl::Status ReadSchema(const Json& value, const std::string& at,
                          std::shared_ptr<const ConfigNode>& into) const {
    absl::StatusOr<ConfigNode> node = ReadConfigNode(value, at, depth_ + 1);
    if (!node.ok()) return node.status();
    into = std::make_shared<const ConfigNode>(*std::move(node));
    return absl::OkStatus();
  }

  absl::Status ReadProperties(const Json& value, const std::string& at) {
    if (!value.is_object()) return Not(value, at, "an object");
    for (const auto& [key, schema] : value.items()) {
      absl::StatusOr<ConfigNode> node =
          ReadConfigNode(schema, JsonPlace(at, key), depth_ + 1);
      if (!node.ok()) return node.status();
      node_.properties.emplace(key, *std::move(node));
    }
    return absl::OkStatus();
  }

  absl::Status ReadRequired(const Json& value, const std::string& at) {
    const bool names = value.is_array() &&
                       std::all_of(value.begin(), value.end(),
                                   [](const Json& v) { return v.is_string(); });
    if (!names) return Not(value, at, "an array of names");
    for (const Json& name : value) {
      node_.required.insert(name.get<std::string>());
    }
    return absl::OkStatus();
  }

  absl::Status ReadAdditional(const Json& value, const std::string& at) {
    if (value.is_boolean()) {
      node_.refuses_others = !value.get<bool>();
      return absl::OkStatus();
    }
    return ReadSchema(value, at, node_.others);
  }

  const Json& schema_;
  const std::string place_;
  const int depth_;
  ConfigNode node_;
};

}  // namespace

std::string JsonPlace(const std::string& place, const std::string& key) {
  return absl::StrCat(place, "/",
                      absl::StrReplaceAll(key, {{"~", "~0"}, {"/", "~1"}}));
}

absl::StatusOr<ConfigNode> ReadConfigNode(const nlohmann::json& schema,
                                          const std::string& place, int depth) {
  return Reader(schema, place, depth).Read();
}

}  // namespace weir
