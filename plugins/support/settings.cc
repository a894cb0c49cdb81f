#include "plugins/support/settings.h"

#include <stdexcept>
#include <utility>

namespace weir {

namespace dom = simdjson::dom;

void Faults::Add(std::string_view key, std::string_view what) {
  if (!text_.empty()) text_ += "; ";
  text_ += key;
  text_ += ": ";
  text_ += what;
}

void Faults::ThrowIfAny() const {
  if (!text_.empty()) throw std::invalid_argument(text_);
}

SettingsFile::SettingsFile(std::string_view json, Faults& faults) {
  std::optional<dom::object> object;
  dom::element element;
  dom::object parsed;
  const auto error = parser_.parse(json.empty() ? "{}" : json).get(element);
  if (error != simdjson::SUCCESS) {
    faults.Add("configuration", simdjson::error_message(error));
  } else if (element.get(parsed) != simdjson::SUCCESS) {
    faults.Add("configuration", "must be a JSON object");
  } else {
    object = parsed;
  }
  root_.emplace(object, "", faults);
}

bool Settings::Has(std::string_view key) const {
  return object_ && (*object_)[key].error() == simdjson::SUCCESS;
}

std::optional<dom::element> Settings::Find(std::string_view key) {
  known_.emplace(key);
  dom::element element;
  if (!object_ || (*object_)[key].get(element) != simdjson::SUCCESS) {
    return std::nullopt;
  }
  return element;
}

void Settings::Refuse(std::string_view key, std::string_view what) {
  faults_->Add(path_ + std::string(key), what);
}

int64_t Settings::Integer(std::string_view key, int64_t otherwise,
                          int64_t least, int64_t most) {
  const auto element = Find(key);
  if (!element) return otherwise;
  int64_t number = 0;
  // A number out of a Struct arrives as 5.0.
  double real = 0;
  bool whole = element->get(number) == simdjson::SUCCESS;
  if (!whole && element->get(real) == simdjson::SUCCESS && real >= -9e15 &&
      real <= 9e15) {
    number = static_cast<int64_t>(real);
    whole = static_cast<double>(number) == real;
  }
  if (whole && number >= least && number <= most) return number;
  Refuse(key, simdjson::minify(*element) + "; must be a whole number from " +
                  std::to_string(least) + " to " + std::to_string(most));
  return otherwise;
}

std::string Settings::Text(std::string_view key, std::string_view otherwise,
                           size_t max_bytes) {
  const auto element = Find(key);
  if (!element) return std::string(otherwise);
  std::string_view text;
  if (element->get(text) != simdjson::SUCCESS) {
    Refuse(key, simdjson::minify(*element) + "; must be text in quotes");
  } else if (text.size() > max_bytes) {
    Refuse(key, std::to_string(text.size()) + " bytes; the limit is " +
                    std::to_string(max_bytes));
  } else {
    return std::string(text);
  }
  return std::string(otherwise);
}

std::vector<std::string> Settings::Texts(std::string_view key, size_t max_count,
                                         size_t max_bytes) {
  const auto element = Find(key);
  if (!element) return {};
  dom::array array;
  if (element->get(array) != simdjson::SUCCESS || array.size() > max_count) {
    Refuse(key, "must be an array of at most " + std::to_string(max_count) +
                    " texts");
    return {};
  }
  std::vector<std::string> texts;
  for (const dom::element item : array) {
    std::string_view text;
    if (item.get(text) != simdjson::SUCCESS || text.size() > max_bytes) {
      Refuse(std::string(key) + '[' + std::to_string(texts.size()) + ']',
             simdjson::minify(item) + "; must be text of at most " +
                 std::to_string(max_bytes) + " bytes");
      text = {};
    }
    texts.emplace_back(text);
  }
  return texts;
}

bool Settings::Bool(std::string_view key, bool otherwise) {
  const auto element = Find(key);
  if (!element) return otherwise;
  bool value = otherwise;
  if (element->get(value) != simdjson::SUCCESS) {
    Refuse(key, simdjson::minify(*element) + "; must be true or false");
    return otherwise;
  }
  return value;
}

std::vector<uint32_t> Settings::AsNumbers(std::string_view key,
                                          size_t max_count) {
  const auto element = Find(key);
  dom::array array;
  if (!element || element->get(array) != simdjson::SUCCESS ||
      array.size() == 0 || array.size() > max_count) {
    Refuse(key, "must be an array of 1 to " + std::to_string(max_count) +
                    " AS numbers, such as [64496]");
    return {};
  }
  std::vector<uint32_t> numbers;
  for (const dom::element item : array) {
    double number = -1;
    if (item.get(number) != simdjson::SUCCESS || number < 0 ||
        number > 4294967295.0 ||
        number != static_cast<double>(static_cast<uint32_t>(number))) {
      Refuse(std::string(key) + '[' + std::to_string(numbers.size()) + ']',
             simdjson::minify(item) +
                 "; must be an AS number from 0 to 4294967295, not in quotes");
      number = 0;
    }
    numbers.push_back(static_cast<uint32_t>(number));
  }
  return numbers;
}

std::vector<Settings> Settings::Objects(std::string_view key,
                                        size_t max_count) {
  const auto element = Find(key);
  if (!element) return {};
  dom::array array;
  if (element->get(array) != simdjson::SUCCESS || array.size() > max_count) {
    Refuse(key, "must be an array of at most " + std::to_string(max_count) +
                    " objects");
    return {};
  }
  std::vector<Settings> objects;
  size_t index = 0;
  for (const dom::element item : array) {
    const std::string name =
        std::string(key) + '[' + std::to_string(index++) + ']';
    dom::object object;
    if (item.get(object) != simdjson::SUCCESS) {
      Refuse(name, simdjson::minify(item) + "; must be an object");
      continue;
    }
    objects.emplace_back(object, path_ + name + '.', *faults_);
  }
  return objects;
}

void Settings::RefuseOthers() const {
  if (!object_) return;
  for (const auto& field : *object_) {
    if (known_.find(field.key) != known_.end()) continue;
    std::string keys;
    for (const std::string& key : known_) {
      keys += (keys.empty() ? "" : ", ") + key;
    }
    faults_->Add(path_ + std::string(field.key),
                 "no such setting; there are " + keys);
  }
}

}  // namespace weir
