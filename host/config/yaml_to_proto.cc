#include "host/config/yaml_to_proto.h"

#include <algorithm>
#include <optional>
#include <sstream>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/struct.pb.h"
#include "host/config/config_limits.h"
#include "host/config/field_text.h"
#include "host/config/nearest_key.h"
#include "host/config/yaml_reading.h"
#include "host/config/yaml_to_struct.h"
#include "simdjson.h"
#include "yaml-cpp/eventhandler.h"
#include "yaml-cpp/yaml.h"

namespace weir {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

bool IsStruct(const FieldDescriptor& field) {
  return field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE &&
         field.message_type() == google::protobuf::Struct::descriptor();
}

std::string Join(const std::string& path, absl::string_view key) {
  return path.empty() ? std::string(key) : absl::StrCat(path, ".", key);
}

std::string UnknownKey(const std::string& key, const Descriptor& type) {
  std::vector<std::string> known;
  for (int i = 0; i < type.field_count(); ++i) {
    known.push_back(type.field(i)->name());
  }
  const std::string nearest = NearestKey(key, known);
  if (!nearest.empty()) {
    return absl::StrCat("unknown key \"", key, "\"; did you mean \"", nearest,
                        "\"?");
  }
  return absl::StrCat("unknown key \"", key, "\"; the keys here are ",
                      absl::StrJoin(known, ", "));
}

// Walks over the nodes of a document and the fields of a message at once.
class Walker {
 public:
  Walker(const Environment& environment, LineMap* lines)
      : reading_(environment), lines_(lines) {}

  void ReadMessage(const YAML::Node& node, const std::string& path,
                   Message* message);

  std::vector<ConfigError> TakeFaults() { return reading_.TakeFaults(); }

 private:
  void ReadField(const YAML::Node& node, const std::string& path,
                 const FieldDescriptor& field, Message* message);
  void ReadList(const YAML::Node& node, const std::string& path,
                const FieldDescriptor& field, Message* message);
  void ReadMap(const YAML::Node& node, const std::string& path,
               const FieldDescriptor& field, Message* message);
  void ReadText(const YAML::Node& node, const std::string& path,
                const FieldDescriptor& field, Message* message);
  // One value, or one element of a list.
  void ReadValue(const YAML::Node& node, const std::string& path,
                 const FieldDescriptor& field, Message* message);
  // False, after a fault, if another field of the oneof is set.
  bool MayBeSet(const FieldDescriptor& field, const Message& message,
                const std::string& path, int line);
  void AddWrongKind(const YAML::Node& node, const std::string& path,
                    absl::string_view cure) {
    reading_.AddFault(path, LineOf(node),
                      absl::StrCat("is ", KindOf(node), "; write ", cure));
  }

  YamlReading reading_;
  LineMap* const lines_;
};

void Walker::ReadMessage(const YAML::Node& node, const std::string& path,
                         Message* message) {
  if (node.IsNull()) return;
  if (!node.IsMap()) {
    AddWrongKind(node, path, "a mapping, key: value");
    return;
  }
  const Descriptor& type = *message->GetDescriptor();
  for (const YamlReading::Entry& entry : reading_.Entries(node, path)) {
    const std::string at = Join(path, entry.key);
    const FieldDescriptor* field = type.FindFieldByName(entry.key);
    if (field == nullptr) {
      reading_.AddFault(at, entry.line, UnknownKey(entry.key, type));
    } else if (MayBeSet(*field, *message, at, entry.line)) {
      lines_->Set(at, entry.line);
      ReadField(entry.value, at, *field, message);
    }
  }
}

bool Walker::MayBeSet(const FieldDescriptor& field, const Message& message,
                      const std::string& path, int line) {
  const google::protobuf::OneofDescriptor* oneof =
      field.real_containing_oneof();
  if (oneof == nullptr) return true;
  const FieldDescriptor* other =
      message.GetReflection()->GetOneofFieldDescriptor(message, oneof);
  if (other == nullptr) return true;
  reading_.AddFault(path, line,
                    absl::StrCat(other->name(), " and ", field.name(),
                                 " exclude each other; keep one of the two"));
  return false;
}

void Walker::ReadField(const YAML::Node& node, const std::string& path,
                       const FieldDescriptor& field, Message* message) {
  if (!reading_.Enter(node, path)) return;
  const YamlReading::Level level(reading_);
  if (field.is_map()) {
    ReadMap(node, path, field, message);
  } else if (field.is_repeated()) {
    ReadList(node, path, field, message);
  } else {
    ReadValue(node, path, field, message);
  }
}

void Walker::ReadList(const YAML::Node& node, const std::string& path,
                      const FieldDescriptor& field, Message* message) {
  if (node.IsNull()) return;
  if (!node.IsSequence()) {
    AddWrongKind(node, path, "a list, - value");
    return;
  }
  for (size_t i = 0; i < node.size(); ++i) {
    const std::string at = absl::StrCat(path, "[", i, "]");
    const YAML::Node& element = node[i];
    if (!reading_.Enter(element, at)) continue;
    const YamlReading::Level level(reading_);
    if (LineOf(element) > 0) lines_->Set(at, LineOf(element));
    ReadValue(element, at, field, message);
  }
}

void Walker::ReadMap(const YAML::Node& node, const std::string& path,
                     const FieldDescriptor& field, Message* message) {
  if (node.IsNull()) return;
  if (!node.IsMap()) {
    AddWrongKind(node, path, "a mapping, key: value");
    return;
  }
  for (const YamlReading::Entry& entry : reading_.Entries(node, path)) {
    const std::string at = absl::StrCat(path, "[\"", entry.key, "\"]");
    if (!reading_.Enter(entry.value, at)) continue;
    const YamlReading::Level level(reading_);
    lines_->Set(at, entry.line);
    Message* pair = message->GetReflection()->AddMessage(message, &field);
    // All keys of the schema's maps are strings.
    pair->GetReflection()->SetString(pair, field.message_type()->map_key(),
                                     entry.key);
    ReadValue(entry.value, at, *field.message_type()->map_value(), pair);
  }
}

void Walker::ReadValue(const YAML::Node& node, const std::string& path,
                       const FieldDescriptor& field, Message* message) {
  if (IsWrittenAsText(field)) {
    ReadText(node, path, field, message);
    return;
  }
  const Reflection* reflection = message->GetReflection();
  Message* child = field.is_repeated()
                       ? reflection->AddMessage(message, &field)
                       : reflection->MutableMessage(message, &field);
  if (!IsStruct(field)) {
    ReadMessage(node, path, child);
    return;
  }
  YamlToStruct(node, path, &reading_,
               static_cast<google::protobuf::Struct*>(child));
}

void Walker::ReadText(const YAML::Node& node, const std::string& path,
                      const FieldDescriptor& field, Message* message) {
  if (node.IsNull()) {
    reading_.AddFault(path, lines_->LineOf(path),
                      "has no value; write one or remove the key");
    return;
  }
  if (!node.IsScalar()) {
    AddWrongKind(node, path, "a single value");
    return;
  }
  const std::optional<YamlReading::Text> text = reading_.Expanded(node, path);
  if (!text.has_value()) return;
  const absl::Status status = SetFromText(text->value, field, message);
  if (!status.ok()) {
    reading_.AddFault(path, LineOf(node),
                      absl::StrCat(text->written, ": ", status.message()));
  }
}

// What of `text` YAML's own rules do not allow, so that the parser need not be
// believed in.
std::vector<ConfigError> CheckBytes(absl::string_view text) {
  if (text.size() > kMaxConfigBytes) {
    return {{"", 0,
             absl::StrCat(text.size(), " bytes; at most ", kMaxConfigBytes)}};
  }
  std::vector<ConfigError> faults;
  int line = 1;
  while (!text.empty()) {
    const absl::string_view row = text.substr(0, text.find('\n'));
    const auto bad = std::find_if(row.begin(), row.end(), [](unsigned char c) {
      return (c < 0x20 && c != '\t' && c != '\r') || c == 0x7f;
    });
    if (bad != row.end()) {
      faults.push_back(
          {"", line,
           absl::StrCat("control character ", static_cast<int>(*bad),
                        "; remove it, or write \"\\x..\"")});
    } else if (!simdjson::validate_utf8(row.data(), row.size())) {
      faults.push_back({"", line, "not UTF-8; save the file as UTF-8"});
    }
    text.remove_prefix(std::min(row.size() + 1, text.size()));
    ++line;
  }
  return faults;
}

// Remembers where the document that is parsed begins.
class DocumentStart final : public YAML::EventHandler {
 public:
  void OnDocumentStart(const YAML::Mark& mark) override {
    line_ = mark.line + 1;
  }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark&, YAML::anchor_t) override {}
  void OnAlias(const YAML::Mark&, YAML::anchor_t) override {}
  void OnScalar(const YAML::Mark&, const std::string&, YAML::anchor_t,
                const std::string&) override {}
  void OnSequenceStart(const YAML::Mark&, const std::string&, YAML::anchor_t,
                       YAML::EmitterStyle::value) override {}
  void OnSequenceEnd() override {}
  void OnMapStart(const YAML::Mark&, const std::string&, YAML::anchor_t,
                  YAML::EmitterStyle::value) override {}
  void OnMapEnd() override {}

  int line() const { return line_; }

 private:
  int line_ = 0;
};

// Returns the line of what comes after the first document, or 0. Never asks
// for a third one: after a bracket too many there is no end of empty documents,
// which YAML::LoadAll collects until the memory is full.
int LineOfSecondDocument(const std::string& text) {
  std::istringstream stream(text);
  YAML::Parser parser(stream);
  DocumentStart first;
  DocumentStart second;
  if (!parser.HandleNextDocument(first)) return 0;
  return parser.HandleNextDocument(second) ? second.line() : 0;
}

}  // namespace

std::vector<ConfigError> YamlToProto(absl::string_view text,
                                     const Environment& environment,
                                     Message* message, LineMap* lines) {
  if (std::vector<ConfigError> faults = CheckBytes(text); !faults.empty()) {
    return faults;
  }
  absl::ConsumePrefix(&text, "\xEF\xBB\xBF");  // A byte order mark.
  const std::string document(text);
  try {
    const YAML::Node root = YAML::Load(document);
    if (const int line = LineOfSecondDocument(document); line > 0) {
      return {{"", line,
               "the document ends before this; one file holds one, without "
               "\"---\" or a bracket too many"}};
    }
    Walker walker(environment, lines);
    walker.ReadMessage(root, "", message);
    return walker.TakeFaults();
  } catch (const YAML::Exception& error) {
    return {{"", error.mark.is_null() ? 0 : error.mark.line + 1, error.msg}};
  }
}

}  // namespace weir
