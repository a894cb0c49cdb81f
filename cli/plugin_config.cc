#include "cli/plugin_config.h"

#include <cstdint>
#include <fstream>
#include <iostream>
#include <iterator>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"
#include "google/protobuf/util/json_util.h"

namespace weir::cli {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Struct;
using google::protobuf::Value;

absl::Status Wrong(absl::string_view option, absl::string_view text,
                   absl::string_view what) {
  return absl::InvalidArgumentError(
      absl::StrCat(option, ": \"", text, "\" ", what));
}

// "key" and "value" of "key=value".
absl::StatusOr<std::pair<std::string, std::string>> Split(
    absl::string_view option, const std::string& text) {
  const size_t at = text.find('=');
  if (at == 0 || at == std::string::npos) {
    return Wrong(option, text, "is not KEY=VALUE");
  }
  return std::make_pair(text.substr(0, at), text.substr(at + 1));
}

absl::StatusOr<Value> ParseValue(absl::string_view option,
                                 const std::string& text,
                                 const std::string& json) {
  Value value;
  const auto parsed = google::protobuf::util::JsonStringToMessage(json, &value);
  if (!parsed.ok()) {
    return Wrong(option, text,
                 absl::StrCat("has no JSON behind the =: ",
                              std::string(parsed.message())));
  }
  return value;
}

// What is no number and no word of JSON is text.
Value PlainValue(const std::string& text) {
  Value value;
  double number = 0;
  if (text == "true" || text == "false") {
    value.set_bool_value(text == "true");
  } else if (text == "null") {
    value.set_null_value(google::protobuf::NULL_VALUE);
  } else if (!text.empty() &&
             (absl::ascii_isdigit(text.front()) || text.front() == '-') &&
             text.find_first_not_of("0123456789.+-eE") == std::string::npos &&
             absl::SimpleAtod(text, &number)) {
    value.set_number_value(number);
  } else {
    value.set_string_value(text);
  }
  return value;
}

absl::Status ReadFile(const std::string& path, Struct* config) {
  std::string text;
  if (path == "-") {
    text.assign(std::istreambuf_iterator<char>(std::cin), {});
  } else {
    std::ifstream file(path, std::ios::binary);
    if (!file) {
      return absl::NotFoundError(
          absl::StrCat(path,
                       ": cannot be read; name a file with one JSON "
                       "object, or - for standard input"));
    }
    text.assign(std::istreambuf_iterator<char>(file), {});
  }
  const auto parsed = google::protobuf::util::JsonStringToMessage(text, config);
  if (parsed.ok()) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      path, ": not one JSON object: ", std::string(parsed.message())));
}

// The number behind "block" for a QueuePolicy, or null.
const google::protobuf::EnumValueDescriptor* FindEnum(
    const FieldDescriptor& field, absl::string_view text) {
  for (int i = 0; i < field.enum_type()->value_count(); ++i) {
    const auto* const value = field.enum_type()->value(i);
    const std::string name = absl::AsciiStrToLower(value->name());
    const std::string asked = absl::AsciiStrToLower(text);
    if (value->number() != 0 &&
        (name == asked || absl::EndsWith(name, absl::StrCat("_", asked)))) {
      return value;
    }
  }
  return nullptr;
}

std::string EnumNames(const FieldDescriptor& field) {
  std::string names;
  for (int i = 0; i < field.enum_type()->value_count(); ++i) {
    const auto* const value = field.enum_type()->value(i);
    if (value->number() == 0) continue;
    absl::StrAppend(&names, names.empty() ? "" : ", ", value->name());
  }
  return names;
}

absl::Status SetField(const FieldDescriptor& field, const std::string& text,
                      const std::string& value,
                      weir::v1::PluginSettings* settings) {
  const auto* const reflection = settings->GetReflection();
  uint32_t small = 0;
  uint64_t large = 0;
  absl::Duration duration;
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_UINT32:
      if (!absl::SimpleAtoi(value, &small)) break;
      reflection->SetUInt32(settings, &field, small);
      return absl::OkStatus();
    case FieldDescriptor::CPPTYPE_UINT64:
      if (!absl::SimpleAtoi(value, &large)) break;
      reflection->SetUInt64(settings, &field, large);
      return absl::OkStatus();
    case FieldDescriptor::CPPTYPE_BOOL:
      if (value != "true" && value != "false") {
        return Wrong("--setting", text, "is neither true nor false");
      }
      reflection->SetBool(settings, &field, value == "true");
      return absl::OkStatus();
    case FieldDescriptor::CPPTYPE_ENUM: {
      const auto* const found = FindEnum(field, value);
      if (found == nullptr) {
        return Wrong("--setting", text,
                     absl::StrCat("is none of ", EnumNames(field)));
      }
      reflection->SetEnum(settings, &field, found);
      return absl::OkStatus();
    }
    default: {
      if (!absl::ParseDuration(value, &duration) ||
          absl::AbsDuration(duration) > absl::Hours(100'000)) {
        return Wrong("--setting", text, "is no duration, such as 500ms or 10s");
      }
      auto& into = static_cast<google::protobuf::Duration&>(
          *reflection->MutableMessage(settings, &field));
      into.set_seconds(absl::ToInt64Seconds(duration));
      into.set_nanos(static_cast<int32_t>(
          absl::ToInt64Nanoseconds(duration % absl::Seconds(1))));
      return absl::OkStatus();
    }
  }
  return Wrong("--setting", text, "is no whole number");
}

// Reads --setting; `fields` gets the names of all, those unset too.
absl::Status ReadSettings(const ConfigArguments& arguments,
                          weir::v1::PluginSettings* settings,
                          std::vector<std::string>* fields) {
  for (const std::string& text : arguments.settings) {
    const auto pair = Split("--setting", text);
    if (!pair.ok()) return pair.status();
    const FieldDescriptor* const field =
        settings->GetDescriptor()->FindFieldByName(pair->first);
    if (field == nullptr) {
      return Wrong("--setting", text,
                   "is no setting; docs/configuration.md lists those of "
                   "PluginSettings");
    }
    fields->push_back(pair->first);
    if (pair->second.empty()) continue;
    absl::Status status = SetField(*field, text, pair->second, settings);
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

// Reads --set, --set-json and --unset; `keys` gets the names of all.
absl::Status ReadKeys(const ConfigArguments& arguments, Struct* config,
                      std::vector<std::string>* keys) {
  for (const std::string& text : arguments.set) {
    const auto pair = Split("--set", text);
    if (!pair.ok()) return pair.status();
    keys->push_back(pair->first);
    (*config->mutable_fields())[pair->first] = PlainValue(pair->second);
  }
  for (const std::string& text : arguments.set_json) {
    const auto pair = Split("--set-json", text);
    if (!pair.ok()) return pair.status();
    const auto value = ParseValue("--set-json", text, pair->second);
    if (!value.ok()) return value.status();
    keys->push_back(pair->first);
    (*config->mutable_fields())[pair->first] = *value;
  }
  for (const std::string& key : arguments.unset) {
    keys->push_back(key);
    config->mutable_fields()->erase(key);
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status FillConfig(const ConfigArguments& arguments, Struct* config) {
  if (!arguments.file.empty()) {
    absl::Status read = ReadFile(arguments.file, config);
    if (!read.ok()) return read;
  }
  std::vector<std::string> keys;
  return ReadKeys(arguments, config, &keys);
}

absl::Status FillSettings(const ConfigArguments& arguments,
                          weir::v1::PluginSettings* settings) {
  std::vector<std::string> fields;
  return ReadSettings(arguments, settings, &fields);
}

absl::Status FillUpdate(const ConfigArguments& arguments,
                        weir::v1::UpdatePluginConfigRequest* request) {
  if (arguments.empty()) {
    return absl::InvalidArgumentError(
        "nothing to change; give --set, --set-json, --unset, --file, "
        "--setting or --reset");
  }
  if (arguments.reset && !arguments.file.empty()) {
    return absl::InvalidArgumentError(
        "--reset is back to what the files of the host say, and --file "
        "something else; give one of them");
  }
  auto& mask = *request->mutable_update_mask();
  std::vector<std::string> keys;
  std::vector<std::string> fields;
  absl::Status status = absl::OkStatus();
  if (!arguments.file.empty()) {
    status = ReadFile(arguments.file, request->mutable_config());
    mask.add_paths("config");
  }
  const bool has_keys = !arguments.set.empty() || !arguments.set_json.empty() ||
                        !arguments.unset.empty();
  if (status.ok() && has_keys) {
    status = ReadKeys(arguments, request->mutable_config(), &keys);
  }
  if (status.ok() && !arguments.settings.empty()) {
    status = ReadSettings(arguments, request->mutable_settings(), &fields);
  }
  if (arguments.reset) {
    if (has_keys || !arguments.settings.empty()) {
      return absl::InvalidArgumentError(
          "--reset takes back all that was set; set something afterwards");
    }
    mask.add_paths("config");
    mask.add_paths("settings");
  }
  for (const std::string& key : keys) {
    mask.add_paths(absl::StrCat("config.", key));
  }
  for (const std::string& field : fields) {
    mask.add_paths(absl::StrCat("settings.", field));
  }
  return status;
}

}  // namespace weir::cli
