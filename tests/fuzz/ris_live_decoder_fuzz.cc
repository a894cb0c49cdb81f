// Whatever a line holds: a message that is made of it has fields as documented,
// each key once, all within the message, prefixes canonical; and it keeps the
// line as it came. A space before the line, which keeps it from being read as
// text, changes nothing.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <set>
#include <string>
#include <utility>

#include "absl/strings/string_view.h"
#include "host/decode/decoder.h"
#include "host/decode/ris_live_decoder.h"
#include "host/pipeline/element_size.h"
#include "host/pipeline/message.h"
#include "host/pipeline/message_batch.h"
#include "host/pipeline/message_writer.h"
#include "host/pipeline/name_table.h"
#include "host/pipeline/receipt.h"
#include "host/pipeline/slab_pool.h"
#include "tests/support/same_fields.h"
#include "weir/message_fields.h"
#include "weir/plugin_abi.h"

namespace {

void Require(bool condition) {
  if (!condition) std::abort();
}

// By key, as weir/message_fields.h has them.
constexpr uint8_t kKinds[] = {
    0,
    WEIR_KIND_ADDRESS,    // PEER
    WEIR_KIND_UINT,       // PEER_ASN
    WEIR_KIND_STRING,     // COLLECTOR
    WEIR_KIND_STRING,     // ID
    WEIR_KIND_U32_ARRAY,  // PATH
    WEIR_KIND_RANGE,      // PATH_SETS
    WEIR_KIND_U32_ARRAY,  // COMMUNITIES
    WEIR_KIND_UINT,       // ORIGIN
    WEIR_KIND_UINT,       // MED
    WEIR_KIND_UINT,       // AGGREGATOR_ASN
    WEIR_KIND_ADDRESS,    // AGGREGATOR
    WEIR_KIND_PREFIX,     // ANNOUNCED
    WEIR_KIND_PREFIX,     // WITHDRAWN
    WEIR_KIND_NEXT_HOP,   // NEXT_HOPS
    WEIR_KIND_STRING,     // RAW
    WEIR_KIND_STRING,     // STATE
    WEIR_KIND_STRING,     // DIRECTION
    WEIR_KIND_UINT,       // VERSION
    WEIR_KIND_UINT,       // ASN
    WEIR_KIND_UINT,       // HOLD_TIME
    WEIR_KIND_STRING,     // ROUTER_ID
    WEIR_KIND_STRING,     // CAPABILITIES
    WEIR_KIND_UINT,       // NOTIFY_CODE
    WEIR_KIND_UINT,       // NOTIFY_SUBCODE
    WEIR_KIND_BYTES,      // NOTIFY_DATA
};

uint32_t CountOf(const weir_msg& view, unsigned key) {
  for (uint32_t i = 0; i < view.n_fields; ++i) {
    if (view.fields[i].key == key) return view.fields[i].count;
  }
  return 0;
}

void CheckPrefix(const weir_msg& view, const weir_prefix& prefix) {
  const int bits = prefix.family == 4 ? 32 : 128;
  Require(prefix.family == 4 || prefix.family == 6);
  Require(prefix.length <= bits);
  for (int bit = prefix.length; bit < 128; ++bit) {
    Require((prefix.bytes[bit / 8] >> (7 - bit % 8) & 1) == 0);
  }
  Require(prefix.next_hop == WEIR_NO_NEXT_HOP ||
          prefix.next_hop < CountOf(view, WEIR_FIELD_BGP_NEXT_HOPS));
}

void CheckField(const weir_msg& view, const weir_field& field) {
  Require(field.key >= 1 && field.key < sizeof(kKinds));
  Require(field.kind == kKinds[field.key]);
  if (field.kind == WEIR_KIND_UINT) return;
  Require(field.len > 0);
  Require(uint64_t{field.off} + field.len <= view.data_len);
  const uint8_t* const data = view.base + field.off;
  const size_t element = weir::ElementSize(field.kind);
  Require(element == 0 ? field.count == 1
                       : uint64_t{field.count} * element == field.len);
  for (uint32_t i = 0; i < field.count; ++i) {
    if (field.kind == WEIR_KIND_PREFIX) {
      CheckPrefix(view, reinterpret_cast<const weir_prefix*>(data)[i]);
    } else if (field.kind == WEIR_KIND_RANGE) {
      const auto& range = reinterpret_cast<const weir_range*>(data)[i];
      Require(range.begin <= range.end &&
              range.end <= CountOf(view, WEIR_FIELD_BGP_PATH));
    } else if (field.kind == WEIR_KIND_U32_ARRAY) {
      Require(reinterpret_cast<uintptr_t>(data) % alignof(uint32_t) == 0);
    }
  }
}

// One line, decoded.
struct Result {
  weir::Decoded decoded;
  weir::MessageBatchRef batch;
};

class Line {
 public:
  Line() { weir::InternWellKnownTypes(types_); }

  Result Decode(absl::string_view line) {
    writer_.Begin(weir::Receipt());
    weir::Decoded decoded = decoder_.Decode(line, writer_);
    return {std::move(decoded), writer_.Finish()};
  }

 private:
  weir::NameTable types_;
  weir::SlabPool pool_;
  weir::MessageWriter writer_{pool_};
  weir::RisLiveDecoder decoder_{types_};
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const absl::string_view line(reinterpret_cast<const char*>(data), size);
  Line decoder;
  const Result result = decoder.Decode(line);
  const Result spaced = decoder.Decode(" " + std::string(line));
  const bool made = result.decoded.verdict == weir::Decoded::Verdict::kMessages;
  Require(made == static_cast<bool>(result.batch));
  Require(result.decoded.verdict == spaced.decoded.verdict);
  if (!made) return 0;
  const weir::Message& message = *result.batch->first();
  Require(weir::SameFields(message.view, spaced.batch->first()->view));
  Require(message.payload() == line && message.next == nullptr);
  // Repaired text is up to twice as long, and every byte of it may be kept.
  Require(message.view.data_len <=
          size + weir::MessageWriter::kPadding + 8 +
              weir::RisLiveDecoder::MaxExtraBytes(2 * size));
  Require(message.view.ts_ns >= 0);
  std::set<unsigned> keys;
  for (uint32_t i = 0; i < message.view.n_fields; ++i) {
    Require(keys.insert(message.view.fields[i].key).second);
    CheckField(message.view, message.view.fields[i]);
  }
  return 0;
}
