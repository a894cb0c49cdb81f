// Whatever a payload holds: a message that is made of it has fields as
// documented, each key once, all within the message and read by the SDK as they
// were written; and what is refused has a reason and a text.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <set>
#include <string>

#include "absl/strings/string_view.h"
#include "host/decode/decoder.h"
#include "host/decode/steward_decoder.h"
#include "host/pipeline/message_batch.h"
#include "host/pipeline/message_writer.h"
#include "host/pipeline/name_table.h"
#include "host/pipeline/receipt.h"
#include "host/pipeline/slab_pool.h"
#include "weir/message_fields.h"
#include "weir/plugin_abi.h"
#include "weir/sdk.h"
#include "weir/steward.h"

namespace {

constexpr size_t kMaxBytes = size_t{1} << 20;

void Require(bool condition) {
  if (!condition) std::abort();
}

void CheckField(const weir_msg& view, const weir_field& field) {
  Require(field.key >= WEIR_FIELD_STEWARD_PROFILE &&
          field.key <= WEIR_FIELD_STEWARD_METHOD);
  if (field.kind == WEIR_KIND_INT || field.kind == WEIR_KIND_UINT) return;
  Require(field.kind == WEIR_KIND_STRING || field.kind == WEIR_KIND_BYTES ||
          field.kind == WEIR_KIND_STRINGS);
  Require(field.len > 0);
  Require(uint64_t{field.off} + field.len <= view.data_len);
  if (field.kind != WEIR_KIND_STRINGS) return Require(field.count == 1);
  const uint8_t* const at = view.base + field.off;
  Require(field.count > 0);
  Require(reinterpret_cast<uintptr_t>(at) % alignof(uint32_t) == 0);
  const weir::steward::Strings strings(at, field.count);
  size_t size = field.count * sizeof(uint32_t);
  for (size_t i = 0; i < strings.size(); ++i) {
    Require(strings[i].data() == reinterpret_cast<const char*>(at) + size);
    size += strings[i].size();
  }
  Require(size == field.len);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  // The first byte is another's: they share a corpus.
  const absl::string_view payload(reinterpret_cast<const char*>(data) + 1,
                                  size - 1);
  weir::NameTable types;
  weir::InternWellKnownTypes(types);
  weir::SlabPool pool;
  weir::MessageWriter writer(pool);
  weir::StewardDecoder decoder(types, {.max_bytes = kMaxBytes});
  writer.Begin(weir::Receipt());
  const weir::Decoded decoded = decoder.Decode(payload, writer);
  const weir::MessageBatchRef batch = writer.Finish();
  const bool made = decoded.verdict == weir::Decoded::Verdict::kMessages;
  Require(made == static_cast<bool>(batch));
  if (!made) {
    Require(payload.empty() ||
            (decoded.verdict == weir::Decoded::Verdict::kParseError &&
             !decoded.reason.empty() && !decoded.text.empty()));
    return 0;
  }
  const weir_msg& view = batch->first()->view;
  Require(batch->first()->payload() == payload && batch->size() == 1);
  Require(view.type_id != weir::kTypeRaw);
  std::set<unsigned> keys;
  for (uint32_t i = 0; i < view.n_fields; ++i) {
    Require(keys.insert(view.fields[i].key).second);
    CheckField(view, view.fields[i]);
  }
  const weir::steward::View message{weir::sdk::Message(&view)};
  Require(message.interval() >= 0 && message.total_time() >= 0);
  Require((message.interval() == 0) ==
          (keys.count(WEIR_FIELD_STEWARD_INTERVAL) == 0));
  return 0;
}
