#ifndef WEIR_PLUGINS_SUPPORT_SETTINGS_H_
#define WEIR_PLUGINS_SUPPORT_SETTINGS_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "simdjson.h"

namespace weir {

// Everything that is wrong with a plugin's configuration, found in one reading,
// so that an operator mends it once.
class Faults {
 public:
  // `key` is where: "watch[2].prefix".
  void Add(std::string_view key, std::string_view what);

  // Throws std::invalid_argument with all of them, if there are any.
  void ThrowIfAny() const;

 private:
  std::string text_;
};

// One object of a plugin's configuration. Each call reads one key and marks it
// as known; what is wrong with a value goes to the faults, with the key and the
// bound, and the default is returned in its place. Once all keys are read,
// RefuseOthers adds each key that nobody asked for.
//
//   SettingsFile file(config, faults);
//   Settings& settings = file.root();
//   every_ = settings.Integer("every", 1000, 1, 1'000'000);
//   settings.RefuseOthers();
//   faults.ThrowIfAny();
//
// A view of its SettingsFile, which must outlive it. Not thread-safe.
class Settings {
 public:
  // `path` is put before each key in a fault: "watch[2].".
  Settings(std::optional<simdjson::dom::object> object, std::string path,
           Faults& faults)
      : object_(object), path_(std::move(path)), faults_(&faults) {}

  bool Has(std::string_view key) const;

  // A whole number in [least, most].
  int64_t Integer(std::string_view key, int64_t otherwise, int64_t least,
                  int64_t most);

  // Text of up to `max_bytes` bytes.
  std::string Text(std::string_view key, std::string_view otherwise,
                   size_t max_bytes);

  // An array of up to `max_count` texts of up to `max_bytes` bytes each; none
  // if the key is absent.
  std::vector<std::string> Texts(std::string_view key, size_t max_count,
                                 size_t max_bytes);

  // Yes or no.
  bool Bool(std::string_view key, bool otherwise);

  // An array of 1 to `max_count` AS numbers, 0 to 4294967295. Must be there.
  std::vector<uint32_t> AsNumbers(std::string_view key, size_t max_count);

  // An array of up to `max_count` objects; none if the key is absent.
  std::vector<Settings> Objects(std::string_view key, size_t max_count);

  void RefuseOthers() const;

  // Adds a fault that only the caller can find: `what` is wrong with `key`.
  void Refuse(std::string_view key, std::string_view what);

 private:
  std::optional<simdjson::dom::element> Find(std::string_view key);

  std::optional<simdjson::dom::object> object_;
  std::string path_;
  Faults* faults_;
  std::set<std::string, std::less<>> known_;
};

// A plugin's configuration, parsed. Empty text is an empty object; what is no
// JSON object is a fault.
class SettingsFile {
 public:
  SettingsFile(std::string_view json, Faults& faults);

  Settings& root() { return *root_; }

 private:
  simdjson::dom::parser parser_;
  std::optional<Settings> root_;
};

}  // namespace weir

#endif  // WEIR_PLUGINS_SUPPORT_SETTINGS_H_
