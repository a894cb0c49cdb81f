#ifndef WEIR_BENCHMARKS_JSON_TREE_H_
#define WEIR_BENCHMARKS_JSON_TREE_H_

#include <simdjson.h>

#include <cstddef>
#include <map>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace weir {

// A tree of maps and strings, one allocation for nearly each of its values:
// what a program makes that unmarshals each line into a general structure. A
// value.
struct JsonTree {
  using Object = std::map<std::string, JsonTree>;
  using Array = std::vector<JsonTree>;

  // Copies `element` and all below it. The parser that it is from may go.
  static JsonTree Of(simdjson::dom::element element) {
    switch (element.type()) {
      case simdjson::dom::element_type::OBJECT: {
        Object object;
        simdjson::dom::object members;
        if (element.get(members)) return {nullptr};
        for (const auto [key, value] : members) {
          object.emplace(std::string(key), Of(value));
        }
        return {std::move(object)};
      }
      case simdjson::dom::element_type::ARRAY: {
        Array array;
        simdjson::dom::array elements;
        if (element.get(elements)) return {nullptr};
        for (const auto value : elements) array.push_back(Of(value));
        return {std::move(array)};
      }
      case simdjson::dom::element_type::STRING: {
        std::string_view text;
        if (element.get(text)) return {nullptr};
        return {std::string(text)};
      }
      case simdjson::dom::element_type::NULL_VALUE:
        return {nullptr};
      case simdjson::dom::element_type::BOOL: {
        bool value;
        if (element.get(value)) return {nullptr};
        return {value};
      }
      default: {
        double value;
        if (element.get(value)) return {nullptr};
        return {value};
      }
    }
  }

  std::variant<std::nullptr_t, bool, double, std::string, Array, Object> value;
};

}  // namespace weir

#endif  // WEIR_BENCHMARKS_JSON_TREE_H_
