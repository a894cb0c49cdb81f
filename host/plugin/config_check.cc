#include "host/plugin/config_check.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"

namespace weir {

namespace {

using Json = nlohmann::json;

constexpr size_t kMaxFaults = 100;
// Of a value that is shown; a longer one is cut.
constexpr size_t kMaxShown = 60;

std::string Show(const Json& value) {
  std::string text = value.dump(-1, ' ', false, Json::error_handler_t::replace);
  if (text.size() <= kMaxShown) return text;
  size_t end = kMaxShown;
  while (end > 0 && (static_cast<uint8_t>(text[end]) & 0xc0) == 0x80) --end;
  return absl::StrCat(text.substr(0, end), "...");
}

// As JSON writes it: 4294967295 and not 4294967295.0.
std::string Show(double number) {
  const bool whole = number == std::trunc(number) && std::fabs(number) < 9e15;
  return whole ? absl::StrCat(static_cast<int64_t>(number))
               : Json(number).dump();
}

const char* TypeName(const Json& value) {
  switch (value.type()) {
    case Json::value_t::array:
      return "an array";
    case Json::value_t::boolean:
      return "a boolean";
    case Json::value_t::null:
      return "null";
    case Json::value_t::object:
      return "an object";
    case Json::value_t::string:
      return "a string";
    default:
      return "a number";
  }
}

bool IsWhole(const Json& value) {
  if (value.is_number_integer()) return true;
  if (!value.is_number_float()) return false;
  const auto number = value.get<double>();
  return number == std::trunc(number);
}

// Whether `value` is of the type whose bit is `type`.
bool IsOf(size_t type, const Json& value) {
  switch (type) {
    case 0:
      return value.is_array();
    case 1:
      return value.is_boolean();
    case 2:
      return IsWhole(value);
    case 3:
      return value.is_null();
    case 4:
      return value.is_number();
    case 5:
      return value.is_object();
    default:
      return value.is_string();
  }
}

// In characters.
size_t LengthOf(absl::string_view text) {
  return static_cast<size_t>(std::count_if(
      text.begin(), text.end(),
      [](char c) { return (static_cast<uint8_t>(c) & 0xc0) != 0x80; }));
}

bool IsMultiple(double number, double of) {
  const double times = number / of;
  return std::fabs(times - std::round(times)) <=
         1e-9 * std::max(1.0, std::fabs(times));
}

// Looks at one value.
class Check {
 public:
  Check(const ConfigNode& node, const Json& value, const std::string& pointer,
        std::vector<ConfigFault>& faults)
      : node_(node), value_(value), pointer_(pointer), faults_(faults) {}

  void All() {
    if (faults_.size() >= kMaxFaults) return;
    if (!Type()) return;  // What else there is to say supposes the type.
    Choice();
    if (value_.is_number()) Number();
    if (value_.is_string()) String();
    if (value_.is_array()) Array();
    if (value_.is_object()) Object();
  }

 private:
  // With the space behind it. What is secret is not shown to whoever reads the
  // log, nor what may hold something that is.
  std::string Shown() const {
    if (value_.is_structured()) return "";
    return absl::StrCat(node_.secret ? "***" : Show(value_), " ");
  }

  void Add(absl::string_view what) { AddAt(pointer_, what); }
  void AddAt(const std::string& pointer, absl::string_view what) {
    if (faults_.size() < kMaxFaults) {
      faults_.push_back({pointer, std::string(what)});
    }
  }

  bool Type() {
    if (node_.types == 0) return true;
    std::string wanted;
    for (size_t type = 0; type < ConfigNode::kTypes.size(); ++type) {
      if ((node_.types & 1u << type) == 0) continue;
      if (IsOf(type, value_)) return true;
      absl::StrAppend(&wanted, wanted.empty() ? "" : " or ",
                      ConfigNode::kTypes[type]);
    }
    Add(absl::StrCat(Shown(), "is ", TypeName(value_), ", must be of type ",
                     wanted));
    return false;
  }

  void Choice() {
    if (node_.constant.has_value() && value_ != *node_.constant) {
      Add(absl::StrCat(Shown(), "is not ", Show(*node_.constant)));
    }
    if (node_.one_of_these.empty() ||
        std::find(node_.one_of_these.begin(), node_.one_of_these.end(),
                  value_) != node_.one_of_these.end()) {
      return;
    }
    Add(absl::StrCat(Shown(), "is none of ",
                     absl::StrJoin(node_.one_of_these, ", ",
                                   [](std::string* out, const Json& value) {
                                     out->append(Show(value));
                                   })));
  }

  void Number() {
    const auto number = value_.get<double>();
    const auto wrong = [&](const std::optional<double>& bound, bool is_wrong,
                           absl::string_view how) {
      if (bound.has_value() && is_wrong) {
        Add(absl::StrCat(Shown(), "is ", how, " ", Show(*bound)));
      }
    };
    wrong(node_.minimum, number < node_.minimum.value_or(0),
          "below the minimum");
    wrong(node_.maximum, number > node_.maximum.value_or(0),
          "above the maximum");
    wrong(node_.above, number <= node_.above.value_or(0), "not above");
    wrong(node_.below, number >= node_.below.value_or(0), "not below");
    wrong(node_.multiple_of, !IsMultiple(number, node_.multiple_of.value_or(1)),
          "no multiple of");
  }

  void Count(uint64_t count, const std::optional<uint64_t>& least,
             const std::optional<uint64_t>& most, absl::string_view of) {
    if (least.has_value() && count < *least) {
      Add(absl::StrCat(Shown(), "has ", count, " ", of, ", the minimum is ",
                       *least));
    }
    if (most.has_value() && count > *most) {
      Add(absl::StrCat(Shown(), "has ", count, " ", of, ", the maximum is ",
                       *most));
    }
  }

  void String() {
    const auto& text = value_.get_ref<const std::string&>();
    Count(LengthOf(text), node_.min_length, node_.max_length, "characters");
    if (node_.pattern != nullptr && !RE2::PartialMatch(text, *node_.pattern)) {
      Add(absl::StrCat(Shown(), "does not match ", node_.pattern->pattern()));
    }
  }

  void Array() {
    Count(value_.size(), node_.min_items, node_.max_items, "elements");
    if (node_.unique_items) Unique();
    if (node_.items == nullptr) return;
    for (size_t i = 0; i < value_.size(); ++i) {
      CheckConfigValue(*node_.items, value_[i], absl::StrCat(pointer_, "/", i),
                       faults_);
    }
  }

  // In order, so that a long array takes no square of its time.
  void Unique() {
    std::vector<size_t> order(value_.size());
    for (size_t i = 0; i < order.size(); ++i) order[i] = i;
    std::sort(order.begin(), order.end(), [&](size_t a, size_t b) {
      if (value_[a] < value_[b]) return true;
      return !(value_[b] < value_[a]) && a < b;
    });
    std::vector<std::pair<size_t, size_t>> repeats;
    for (size_t i = 1; i < order.size(); ++i) {
      if (value_[order[i - 1]] == value_[order[i]]) {
        repeats.emplace_back(order[i], order[i - 1]);
      }
    }
    std::sort(repeats.begin(), repeats.end());
    const bool secret =
        node_.secret || (node_.items != nullptr && node_.items->secret);
    for (const auto& [at, first] : repeats) {
      AddAt(absl::StrCat(pointer_, "/", at),
            absl::StrCat(secret                       ? "*** "
                         : value_[at].is_structured() ? ""
                                                      : Show(value_[at]) + " ",
                         "is there already, at ", pointer_, "/", first));
    }
  }

  void Object() {
    Count(value_.size(), node_.min_properties, node_.max_properties,
          "properties");
    for (const std::string& key : node_.required) {
      if (!value_.contains(key)) {
        AddAt(JsonPlace(pointer_, key), "missing, and required");
      }
    }
    for (const auto& [key, value] : value_.items()) {
      const std::string at = JsonPlace(pointer_, key);
      const auto known = node_.properties.find(key);
      if (known != node_.properties.end()) {
        CheckConfigValue(known->second, value, at, faults_);
      } else if (node_.others != nullptr) {
        CheckConfigValue(*node_.others, value, at, faults_);
      } else if (node_.refuses_others) {
        AddAt(at,
              node_.properties.empty()
                  ? "no such setting; there are none"
                  : absl::StrCat("no such setting; there are ",
                                 absl::StrJoin(node_.properties, ", ",
                                               [](std::string* out,
                                                  const auto& property) {
                                                 out->append(property.first);
                                               })));
      }
    }
  }

  const ConfigNode& node_;
  const Json& value_;
  const std::string& pointer_;
  std::vector<ConfigFault>& faults_;
};

// Calls `visit` with the node of each value in `value` that has one.
template <typename Visit>
void ForEachChild(const ConfigNode& node, Json& value, const Visit& visit) {
  if (value.is_array() && node.items != nullptr) {
    for (Json& item : value) visit(*node.items, item);
  }
  if (!value.is_object()) return;
  for (auto& [key, child] : value.items()) {
    const auto known = node.properties.find(key);
    if (known != node.properties.end()) {
      visit(known->second, child);
    } else if (node.others != nullptr) {
      visit(*node.others, child);
    }
  }
}

}  // namespace

void FillInDefaults(const ConfigNode& node, Json& value) {
  if (value.is_object()) {
    for (const auto& [key, property] : node.properties) {
      if (property.otherwise.has_value() && !value.contains(key)) {
        value[key] = *property.otherwise;
      }
    }
  }
  ForEachChild(node, value, &FillInDefaults);
}

void CheckConfigValue(const ConfigNode& node, const Json& value,
                      const std::string& pointer,
                      std::vector<ConfigFault>& faults) {
  Check(node, value, pointer, faults).All();
}

void MaskConfigValue(const ConfigNode& node, Json& value) {
  if (node.secret) {
    value = "***";
    return;
  }
  ForEachChild(node, value, &MaskConfigValue);
}

}  // namespace weir
