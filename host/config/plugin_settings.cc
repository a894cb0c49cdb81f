#include "host/config/plugin_settings.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"

namespace weir {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

// Replaces the fields of `base` that are set in `over`. MergeFrom alone would
// append lists, and mix the seconds of one duration with the nanoseconds of
// another.
void Overlay(const Message& over, Message* base) {
  std::vector<const FieldDescriptor*> fields;
  over.GetReflection()->ListFields(over, &fields);
  for (const FieldDescriptor* field : fields) {
    base->GetReflection()->ClearField(base, field);
  }
  base->MergeFrom(over);
}

}  // namespace

v1::PluginConfig MergePluginConfig(const std::string& id,
                                   const v1::PluginConfig& host,
                                   const v1::PluginConfig& file,
                                   const v1::PluginSettings& defaults) {
  v1::PluginSettings settings = defaults;
  Overlay(file.settings(), &settings);
  Overlay(host.settings(), &settings);
  v1::PluginConfig merged = file;
  Overlay(host, &merged);
  *merged.mutable_settings() = settings;
  merged.set_id(id);
  if (merged.module().empty()) merged.set_module(ModuleOf(id));
  return merged;
}

std::string ModuleOf(absl::string_view id) {
  return absl::StrCat(absl::StrReplaceAll(id, {{"-", "_"}}), ".so");
}

const v1::PluginConfig& PluginEntry(const v1::HostConfig& config,
                                    absl::string_view id) {
  for (const v1::PluginConfig& entry : config.plugins().plugins()) {
    if (entry.id() == id) return entry;
  }
  return v1::PluginConfig::default_instance();
}

}  // namespace weir
