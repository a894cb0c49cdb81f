#include "runner/check/recorded_samples.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <limits>
#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "host/decode/ris_live_decoder.h"
#include "host/pipeline/message.h"
#include "host/pipeline/message_writer.h"
#include "host/pipeline/name_table.h"
#include "host/pipeline/receipt.h"
#include "host/pipeline/slab_pool.h"
#include "host/source/line_framer.h"
#include "host/source/recording_file.h"
#include "host/status/json_text.h"
#include "runner/check/check_host.h"
#include "simdjson.h"

namespace weir {
namespace {

using simdjson::dom::element;

// A type that the host has a name for and a plugin does not know.
constexpr uint16_t kUnknownType = std::size(kCheckTypes);

uint16_t TypeOf(absl::string_view name) {
  const auto* const found =
      std::find(std::begin(kCheckTypes), std::end(kCheckTypes), name);
  return static_cast<uint16_t>(found - std::begin(kCheckTypes));
}

bool IsScalar(uint8_t kind) {
  return kind == WEIR_KIND_UINT || kind == WEIR_KIND_INT;
}

// What the host makes of payloads.
class PayloadDecoder {
 public:
  PayloadDecoder() { InternWellKnownTypes(types_); }

  std::vector<Sample> Decode(absl::string_view payload) {
    std::vector<Sample> samples;
    writer_.Begin(Receipt());
    decoder_.Decode(payload, writer_);
    writer_.ForEach([&](const Message& message) {
      samples.push_back(Copy(message.view));
      samples.back().body = std::string(payload);
    });
    writer_.Finish();
    return samples;
  }

 private:
  Sample Copy(const weir_msg& view) const {
    Sample sample;
    sample.type = TypeOf(types_.Name(view.type_id));
    sample.time_ns = view.ts_ns;
    sample.flags = view.flags;
    for (uint32_t i = 0; i < view.n_fields; ++i) {
      const weir_field& from = view.fields[i];
      SampleField field = {.key = from.key, .kind = from.kind, .count = 0};
      if (IsScalar(from.kind)) {
        field.number = uint64_t{from.off} | uint64_t{from.len} << 32;
      } else {
        field.count = from.count;
        field.bytes.assign(reinterpret_cast<const char*>(view.base) + from.off,
                           from.len);
      }
      sample.fields.push_back(std::move(field));
    }
    return sample;
  }

  NameTable types_;
  SlabPool pool_;
  MessageWriter writer_{pool_};
  RisLiveDecoder decoder_{types_};
};

std::string Text(const element& object, const char* key) {
  std::string_view text;
  if (object[key].get(text) != simdjson::SUCCESS) return "";
  return std::string(text);
}

// JSON of protobuf writes 64 bits as text.
uint64_t Number(const element& object, const char* key) {
  uint64_t number = 0;
  if (object[key].get(number) == simdjson::SUCCESS) return number;
  return absl::SimpleAtoi(Text(object, key), &number) ? number : 0;
}

bool ReadField(const element& from, SampleField& field) {
  field.key = static_cast<uint16_t>(Number(from, "key"));
  field.kind = static_cast<uint8_t>(Number(from, "kind"));
  field.count = static_cast<uint32_t>(Number(from, "count"));
  field.number = Number(from, "number");
  return absl::Base64Unescape(Text(from, "bytes"), &field.bytes);
}

// Adds what a poison message holds. Returns what is wrong; empty: nothing.
std::string AddPoison(const element& poison, PayloadDecoder& decoder,
                      std::vector<Sample>& samples) {
  std::string payload;
  if (!absl::Base64Unescape(Text(poison, "payload"), &payload)) {
    return "its payload is not base64";
  }
  const uint64_t whole = Number(poison, "payloadBytes");
  if (whole > payload.size()) {
    return absl::StrCat("it has ", payload.size(), " of ", whole,
                        " bytes of payload; a list has none, and of a large "
                        "one only the begin is kept");
  }
  Sample sample;
  sample.type = TypeOf(Text(poison, "messageType"));
  sample.body = payload;
  sample.flags = static_cast<uint16_t>(Number(poison, "flags"));
  int64_t time = 0;
  if (absl::SimpleAtoi(Text(poison, "timeNs"), &time)) sample.time_ns = time;
  simdjson::dom::array fields;
  if (poison["fields"].get(fields) == simdjson::SUCCESS) {
    for (const element field : fields) {
      if (!ReadField(field, sample.fields.emplace_back())) {
        return "the bytes of a field are not base64";
      }
    }
  } else {
    for (Sample& decoded : decoder.Decode(payload)) {
      if (decoded.type == sample.type) sample = std::move(decoded);
    }
  }
  samples.push_back(std::move(sample));
  return "";
}

// Adds what a line holds. Returns what is wrong; empty: nothing.
std::string AddLine(absl::string_view line, simdjson::dom::parser& parser,
                    PayloadDecoder& decoder, std::vector<Sample>& samples) {
  if (absl::StrContains(line, "\"messageType\"")) {
    element poison;
    if (parser.parse(line.data(), line.size()).get(poison) ==
            simdjson::SUCCESS &&
        poison.is_object() && !Text(poison, "messageType").empty()) {
      return AddPoison(poison, decoder, samples);
    }
  }
  for (Sample& sample : decoder.Decode(line)) {
    samples.push_back(std::move(sample));
    samples.push_back(
        {.type = TypeOf("RAW"), .body = std::string(line), .fields = {}});
  }
  return "";
}

}  // namespace

absl::StatusOr<std::vector<Sample>> ReadSamples(const std::string& path,
                                                size_t most) {
  absl::StatusOr<std::unique_ptr<RecordingFile>> file =
      RecordingFile::Open(path);
  if (!file.ok()) return file.status();
  simdjson::dom::parser parser;
  PayloadDecoder decoder;
  LineFramer framer;
  std::vector<Sample> samples;
  size_t lines = 0;
  absl::Status fault;
  const auto take = [&](absl::string_view line) {
    ++lines;
    const size_t before = samples.size();
    const std::string wrong = AddLine(line, parser, decoder, samples);
    if (!wrong.empty()) {
      fault = absl::InvalidArgumentError(
          absl::StrCat(path, ":", lines, ": ", wrong));
    }
    for (size_t i = before; i < samples.size(); ++i) {
      const uint16_t type = samples[i].type;
      samples[i].what =
          absl::StrCat("line ", lines, ", of type ",
                       type < kUnknownType ? kCheckTypes[type] : "X-UNKNOWN");
    }
  };
  std::array<char, 64 << 10> buffer;
  while (fault.ok() && samples.size() < most) {
    const absl::StatusOr<size_t> got =
        (*file)->Read(buffer.data(), buffer.size());
    if (!got.ok()) return got.status();
    absl::string_view chunk(buffer.data(), *got);
    absl::string_view line;
    while (fault.ok() && samples.size() < most && framer.Next(&chunk, &line)) {
      take(line);
    }
    if (*got > 0) continue;
    if (fault.ok() && samples.size() < most && framer.TakeRest(&line)) {
      take(line);
    }
    break;
  }
  if (!fault.ok()) return fault;
  if (samples.empty()) {
    return absl::InvalidArgumentError(absl::StrCat(
        path, ": there is no message in ", lines,
        " lines; give a recording of RIS Live, or what `weir --json plugins "
        "poison get` prints"));
  }
  samples.resize(std::min(samples.size(), most));
  return samples;
}

std::string WritePoison(const Sample& sample, const PoisonStory& story) {
  std::string fields;
  for (const SampleField& field : sample.fields) {
    absl::StrAppend(&fields, fields.empty() ? "" : ", ",
                    "{\"key\": ", field.key, ", \"kind\": ", int{field.kind},
                    ", \"count\": ", field.count, ", \"number\": \"",
                    field.number, "\", \"bytes\": \"",
                    absl::Base64Escape(field.bytes), "\"}");
  }
  const absl::string_view type = sample.type < kUnknownType
                                     ? kCheckTypes[sample.type]
                                     : absl::string_view("X-UNKNOWN");
  return absl::StrCat(
      "{\"source\": \"sources/fuzz\", \"messageSequence\": \"", story.sequence,
      "\", \"messageType\": ", ToJsonString(type),
      ", \"cause\": ", ToJsonString(story.cause), ", \"frames\": [",
      story.where.empty() ? "" : ToJsonString(story.where),
      "], \"payloadBytes\": \"", sample.body.size(), "\", \"payload\": \"",
      absl::Base64Escape(sample.body), "\", \"flags\": ", sample.flags,
      ", \"timeNs\": \"", sample.time_ns, "\", \"fields\": [", fields, "]}");
}

}  // namespace weir
