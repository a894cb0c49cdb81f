// Whatever a plugin calls its schema, before the first NUL, and an operator a
// configuration, behind it: the schema is refused with a place, or whatever it
// lets through it lets through again, unchanged; and what it masks stays
// masked.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "absl/strings/string_view.h"
#include "host/plugin/config_schema.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const absl::string_view bytes(reinterpret_cast<const char*>(data), size);
  const size_t end = bytes.find('\0');
  const auto schema = weir::ConfigSchema::Parse(bytes.substr(0, end));
  if (!schema.ok()) {
    if (schema.status().message().front() != '/') std::abort();
    return 0;
  }
  const absl::string_view json =
      end == absl::string_view::npos ? "{}" : bytes.substr(end + 1);
  const auto once = schema->Check(json);
  if (!once.faults.empty()) return 0;
  const auto twice = schema->Check(once.json);
  if (!twice.faults.empty() || twice.json != once.json) std::abort();
  const std::string masked = schema->Mask(once.json);
  if (schema->Mask(masked) != masked) std::abort();
  return 0;
}
