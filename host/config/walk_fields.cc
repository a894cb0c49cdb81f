#include "host/config/walk_fields.h"

#include <vector>

#include "absl/strings/str_cat.h"

namespace weir {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

bool HasFieldsOfOurs(const FieldDescriptor& field) {
  return field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE &&
         !field.is_map() &&
         field.message_type()->file()->package() != "google.protobuf";
}

}  // namespace

const Message& FieldAt::Child() const {
  const google::protobuf::Reflection& reflection = *message.GetReflection();
  return index < 0 ? reflection.GetMessage(message, &field)
                   : reflection.GetRepeatedMessage(message, &field, index);
}

void WalkFields(const Message& message, const std::string& path,
                absl::FunctionRef<bool(const FieldAt&)> visit) {
  std::vector<const FieldDescriptor*> fields;
  message.GetReflection()->ListFields(message, &fields);
  for (const FieldDescriptor* field : fields) {
    const bool elements = field->is_repeated() && !field->is_map();
    const int count =
        elements ? message.GetReflection()->FieldSize(message, field) : 1;
    for (int i = 0; i < count; ++i) {
      const int index = elements ? i : -1;
      const std::string at = FieldPath(path, *field, index);
      const FieldAt value = {at, message, *field, index};
      if (visit(value) && HasFieldsOfOurs(*field)) {
        WalkFields(value.Child(), at, visit);
      }
    }
  }
}

std::string FieldPath(const std::string& path, const FieldDescriptor& field,
                      int index) {
  std::string at =
      path.empty() ? field.name() : absl::StrCat(path, ".", field.name());
  if (index >= 0) absl::StrAppend(&at, "[", index, "]");
  return at;
}

}  // namespace weir
