#ifndef WEIR_HOST_CONFIG_YAML_READING_H_
#define WEIR_HOST_CONFIG_YAML_READING_H_

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "host/config/config_error.h"
#include "host/config/environment.h"
#include "yaml-cpp/yaml.h"

namespace weir {

// One reading of a YAML document: what all who walk over its nodes need, and
// the faults that they find. It also counts the nodes and the depth, so that
// no document makes the walk longer or deeper than it may be.
//
// Not thread-safe.
class YamlReading {
 public:
  // A pair of a mapping.
  struct Entry {
    std::string key;
    YAML::Node value;
    int line;  // of the key
  };

  // A value, expanded.
  struct Text {
    std::string value;
    std::string written;  // for messages: as in the file, shortened, quoted
    bool plain;           // neither quoted nor expanded
  };

  // Counts one level of depth for as long as it lives.
  class Level {
   public:
    explicit Level(YamlReading& reading) : reading_(reading) {
      ++reading_.depth_;
    }
    ~Level() { --reading_.depth_; }
    Level(const Level&) = delete;
    Level& operator=(const Level&) = delete;

   private:
    YamlReading& reading_;
  };

  // `environment` must outlive the reading.
  explicit YamlReading(const Environment& environment)
      : environment_(environment) {}

  YamlReading(const YamlReading&) = delete;
  YamlReading& operator=(const YamlReading&) = delete;

  void AddFault(const std::string& path, int line, std::string message) {
    faults_.push_back({path, line, std::move(message)});
  }

  // Whether to look at `node` at all; each node is asked for once, first. False
  // after the limits of config_limits.h are reached, which is a fault once, and
  // for a node with a tag, which is one each time.
  bool Enter(const YAML::Node& node, const std::string& path);

  // Returns the pairs of a mapping. Keys that are no text, too long, or there
  // before, are faults and left out.
  std::vector<Entry> Entries(const YAML::Node& map, const std::string& path);

  // Returns the value of a scalar, or nothing after a fault: a variable that is
  // not set, no UTF-8, a NUL.
  std::optional<Text> Expanded(const YAML::Node& scalar,
                               const std::string& path);

  std::vector<ConfigError> TakeFaults() { return std::move(faults_); }

 private:
  const Environment& environment_;
  std::vector<ConfigError> faults_;
  int nodes_ = 0;
  int depth_ = 0;
  bool over_ = false;
};

// Returns the line of `node`, from 1; 0 if it has none.
int LineOf(const YAML::Node& node);

// Returns what `node` is, for messages: "a list".
absl::string_view KindOf(const YAML::Node& node);

}  // namespace weir

#endif  // WEIR_HOST_CONFIG_YAML_READING_H_
