#ifndef WEIR_PLUGINS_SUPPORT_JSON_TEXT_H_
#define WEIR_PLUGINS_SUPPORT_JSON_TEXT_H_

#include <cstdint>
#include <string>
#include <string_view>

namespace weir {

// Writes one JSON object or array, member by member, into a string. Commas and
// quotes are its work; balancing Begin and End is the caller's. Text must be
// UTF-8. Not thread-safe.
//
//   JsonText json;
//   json.Begin('{').Key("peers").Number(3).End('}');
class JsonText {
 public:
  JsonText& Begin(char bracket) {
    Separate();
    text_ += bracket;
    first_ = true;
    return *this;
  }
  JsonText& End(char bracket) {
    text_ += bracket;
    first_ = false;
    return *this;
  }
  JsonText& Key(std::string_view key) {
    Separate();
    Quote(key);
    text_ += ':';
    first_ = true;  // No comma between a key and its value.
    return *this;
  }
  JsonText& Text(std::string_view text) {
    Separate();
    Quote(text);
    return *this;
  }
  JsonText& Number(uint64_t number) {
    Separate();
    text_ += std::to_string(number);
    return *this;
  }
  JsonText& Bool(bool value) {
    Separate();
    text_ += value ? "true" : "false";
    return *this;
  }

  const std::string& text() const { return text_; }

 private:
  void Separate() {
    if (!first_) text_ += ',';
    first_ = false;
  }
  void Quote(std::string_view text);

  std::string text_;
  bool first_ = true;
};

}  // namespace weir

#endif  // WEIR_PLUGINS_SUPPORT_JSON_TEXT_H_
