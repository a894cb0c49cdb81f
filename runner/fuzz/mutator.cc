#include "runner/fuzz/mutator.h"

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <iterator>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "host/pipeline/element_size.h"
#include "weir/message_fields.h"

namespace weir {
namespace {

using Random = std::mt19937_64;

// No source's message is longer; and it keeps an input cheap.
constexpr size_t kMaxBytes = size_t{128} << 10;
constexpr int kMostChanges = 8;

// What is at the edge of some number's range.
constexpr uint64_t kEdges[] = {
    0,     1,     2,     127,   128,        255,        256,        4095,
    32767, 32768, 65535, 65536, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff};

// What means something to whoever reads text.
constexpr absl::string_view kWords[] = {"\"",
                                        "\\",
                                        "{",
                                        "}",
                                        "[",
                                        "]",
                                        ":",
                                        ",",
                                        "null",
                                        "true",
                                        "-1",
                                        "0",
                                        "1e999",
                                        "\\u0000",
                                        "\\ud800",
                                        "%s%n",
                                        "../",
                                        "/0",
                                        "/33",
                                        "::",
                                        "::/129",
                                        "0.0.0.0/0",
                                        "4294967296",
                                        "18446744073709551616",
                                        "-9223372036854775809",
                                        "NaN"};

size_t Below(Random& random, size_t n) { return n == 0 ? 0 : random() % n; }

// Any bytes become any others.
void ChangeBytes(std::string& bytes, Random& random) {
  const size_t at = Below(random, bytes.size() + 1);
  const size_t length =
      std::min(bytes.size() - at, size_t{1} << Below(random, 10));
  switch (random() % 8) {
    case 0:
      if (at < bytes.size()) bytes[at] ^= static_cast<char>(1 << random() % 8);
      break;
    case 1:
      if (at < bytes.size()) bytes[at] = static_cast<char>(random() & 0xff);
      break;
    case 2:
      if (at < bytes.size()) {
        bytes[at] = static_cast<char>(kEdges[random() % 6]);
      }
      break;
    case 3:
      bytes.erase(at, length);
      break;
    case 4:
      bytes.insert(at, bytes.substr(at, length));
      break;
    case 5:
      bytes.resize(at);
      break;
    case 6:
      bytes.insert(at, std::string(kWords[Below(random, std::size(kWords))]));
      break;
    default: {
      // A number, if there is one behind it.
      size_t begin = at;
      while (begin < bytes.size() &&
             (bytes[begin] < '0' || bytes[begin] > '9')) {
        ++begin;
      }
      size_t end = begin;
      while (end < bytes.size() && bytes[end] >= '0' && bytes[end] <= '9') {
        ++end;
      }
      bytes.replace(begin, end - begin,
                    absl::StrCat(kEdges[Below(random, std::size(kEdges))]));
    }
  }
  if (bytes.size() > kMaxBytes) bytes.resize(kMaxBytes);
}

// Text of ASCII stays text of ASCII, and other text as it is.
void ChangeText(std::string& text, Random& random) {
  const auto is_ascii = [](char c) { return static_cast<uint8_t>(c) < 0x80; };
  if (!std::all_of(text.begin(), text.end(), is_ascii)) return;
  ChangeBytes(text, random);
  for (char& c : text) {
    if (!is_ascii(c)) c = static_cast<char>('a' + (c & 7));
  }
}

void MakeCanonical(weir_prefix& prefix) {
  for (size_t bit = prefix.length; bit < 128; ++bit) {
    prefix.bytes[bit / 8] &= static_cast<uint8_t>(~(0x80 >> bit % 8));
  }
}

void ChangeElements(SampleField& field, Random& random) {
  const size_t size = ElementSize(field.kind);
  if (size == 0 || field.bytes.size() < size) return;
  const size_t at = Below(random, field.bytes.size() / size) * size;
  const std::string element = field.bytes.substr(at, size);
  switch (random() % 4) {
    case 0:
      field.bytes.erase(at, size);
      break;
    case 1:  // Ranges do not overlap.
      if (field.kind != WEIR_KIND_RANGE) field.bytes.insert(at, element);
      break;
    case 2:
      if (field.kind == WEIR_KIND_RANGE) break;
      for (size_t more = size_t{1} << random() % 10;
           more > 0 && field.bytes.size() < kMaxBytes; --more) {
        field.bytes += element;
      }
      break;
    default:
      if (field.kind == WEIR_KIND_U32_ARRAY) {
        const auto value = static_cast<uint32_t>(
            random() % 2 == 0 ? random()
                              : kEdges[Below(random, std::size(kEdges))]);
        std::memcpy(field.bytes.data() + at, &value, sizeof(value));
      } else if (field.kind == WEIR_KIND_PREFIX) {
        weir_prefix prefix;
        std::memcpy(&prefix, element.data(), sizeof(prefix));
        prefix.length =
            static_cast<uint8_t>(Below(random, prefix.family == 4 ? 33 : 129));
        prefix.bytes[random() % 4] = static_cast<uint8_t>(random() & 0xff);
        MakeCanonical(prefix);
        std::memcpy(field.bytes.data() + at, &prefix, sizeof(prefix));
      } else if (field.kind == WEIR_KIND_ADDRESS) {
        field.bytes[at + offsetof(weir_address, bytes) + random() % 4] =
            static_cast<char>(random() & 0xff);
      }
  }
  // An address is one.
  if (field.kind == WEIR_KIND_ADDRESS && field.bytes.size() != size) {
    field.bytes = element;
  }
  field.count = static_cast<uint32_t>(field.bytes.size() / size);
}

// See WEIR_KIND_STRINGS. None of what is no such list: a file may say anything.
std::vector<std::string> ReadStrings(const SampleField& field) {
  std::vector<std::string> strings;
  const size_t texts = field.count * sizeof(uint32_t);
  if (texts > field.bytes.size()) return {};
  for (uint32_t i = 0, begin = 0; i < field.count; ++i) {
    uint32_t end;
    std::memcpy(&end, field.bytes.data() + i * sizeof(end), sizeof(end));
    if (end < begin || end > field.bytes.size() - texts) return {};
    strings.push_back(field.bytes.substr(texts + begin, end - begin));
    begin = end;
  }
  return strings;
}

void WriteStrings(const std::vector<std::string>& strings, SampleField* field) {
  std::string ends, texts;
  for (const std::string& text : strings) {
    texts += text;
    const auto end = static_cast<uint32_t>(texts.size());
    ends.append(reinterpret_cast<const char*>(&end), sizeof(end));
  }
  field->bytes = ends + texts;
  field->count = static_cast<uint32_t>(strings.size());
}

void ChangeStrings(SampleField& field, Random& random) {
  std::vector<std::string> strings = ReadStrings(field);
  if (strings.empty()) return;
  const size_t at = Below(random, strings.size());
  switch (random() % 3) {
    case 0:
      strings.erase(strings.begin() + static_cast<ptrdiff_t>(at));
      break;
    case 1:
      if (field.bytes.size() < kMaxBytes) strings.push_back(strings[at]);
      break;
    default:
      ChangeText(strings[at], random);
  }
  WriteStrings(strings, &field);
}

void ChangeField(SampleField& field, Random& random) {
  switch (field.kind) {
    case WEIR_KIND_UINT:
    case WEIR_KIND_INT:
      field.number = random() % 2 == 0
                         ? random() & 0xffffffff
                         : kEdges[Below(random, std::size(kEdges))];
      break;
    case WEIR_KIND_STRING:
      ChangeText(field.bytes, random);
      break;
    case WEIR_KIND_BYTES:
      ChangeBytes(field.bytes, random);
      break;
    case WEIR_KIND_STRINGS:
      ChangeStrings(field, random);
      break;
    default:
      ChangeElements(field, random);
  }
}

uint32_t CountOf(const Sample& sample, uint16_t key) {
  for (const SampleField& field : sample.fields) {
    if (field.key == key) return field.count;
  }
  return 0;
}

// What refers to another array stays within it.
void KeepReferences(Sample& sample) {
  const uint32_t path = CountOf(sample, WEIR_FIELD_BGP_PATH);
  const uint32_t hops = CountOf(sample, WEIR_FIELD_BGP_NEXT_HOPS);
  for (SampleField& field : sample.fields) {
    if (field.kind == WEIR_KIND_RANGE) {
      std::string kept;
      for (size_t at = 0; at < field.bytes.size(); at += sizeof(weir_range)) {
        weir_range range;
        std::memcpy(&range, field.bytes.data() + at, sizeof(range));
        if (range.end <= path) kept.append(field.bytes, at, sizeof(range));
      }
      field.bytes = std::move(kept);
      field.count =
          static_cast<uint32_t>(field.bytes.size() / sizeof(weir_range));
    } else if (field.kind == WEIR_KIND_PREFIX) {
      for (size_t at = 0; at < field.bytes.size(); at += sizeof(weir_prefix)) {
        weir_prefix prefix;
        std::memcpy(&prefix, field.bytes.data() + at, sizeof(prefix));
        if (prefix.next_hop >= hops) prefix.next_hop = WEIR_NO_NEXT_HOP;
        std::memcpy(field.bytes.data() + at, &prefix, sizeof(prefix));
      }
    }
  }
}

// Each number has a sequence of its own, whatever became of the others.
Random RandomOf(uint64_t seed, uint64_t n) {
  uint64_t mixed = seed + (n + 1) * 0x9e3779b97f4a7c15;
  mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9;
  mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111eb;
  return Random(mixed ^ (mixed >> 31));
}

}  // namespace

Mutator::Mutator(std::vector<Sample> corpus, uint64_t seed, uint32_t wanted)
    : seed_(seed) {
  for (Sample& sample : corpus) {
    if (sample.type >= 32 || (wanted >> sample.type & 1) == 0) continue;
    if (std::find(types_.begin(), types_.end(), sample.type) == types_.end()) {
      types_.push_back(sample.type);
    }
    corpus_.push_back(std::move(sample));
  }
}

Sample Mutator::Make(uint64_t n) const {
  Sample sample = corpus_[n % corpus_.size()];
  if (n >= corpus_.size()) {
    Random random = RandomOf(seed_, n);
    sample = corpus_[Below(random, corpus_.size())];
    const size_t changes = 1 + Below(random, kMostChanges);
    for (size_t i = 0; i < changes; ++i) Change(sample, random);
    KeepReferences(sample);
  }
  sample.what = absl::StrCat("input ", n);
  return sample;
}

void Mutator::Change(Sample& sample, Random& random) const {
  const size_t field = Below(random, sample.fields.size());
  const Sample& other = corpus_[Below(random, corpus_.size())];
  switch (random() % 16) {
    case 0:
      sample.type = types_[Below(random, types_.size())];
      break;
    case 1:
      sample.flags = static_cast<uint16_t>(random() & 7);
      break;
    case 2:
      sample.time_ns = static_cast<int64_t>(
          random() % 2 == 0 ? kEdges[Below(random, std::size(kEdges))]
                            : random() >> 2);
      break;
    case 3:
      if (!sample.fields.empty()) {
        sample.fields.erase(sample.fields.begin() +
                            static_cast<ptrdiff_t>(field));
      }
      break;
    case 4:
      sample.fields = other.fields;
      break;
    case 5: {  // The head of one and the tail of another.
      const size_t cut = Below(random, other.body.size() + 1);
      sample.body = sample.body.substr(0, cut) + other.body.substr(cut);
      break;
    }
    case 6:
    case 7:
    case 8:
    case 9:
    case 10:
      if (!sample.fields.empty()) ChangeField(sample.fields[field], random);
      break;
    default:
      ChangeBytes(sample.body, random);
  }
}

}  // namespace weir
