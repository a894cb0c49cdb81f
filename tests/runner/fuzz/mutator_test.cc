#include "runner/fuzz/mutator.h"

#include <cstdint>
#include <cstring>
#include <set>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "runner/check/recorded_samples.h"
#include "runner/check/samples.h"
#include "runner/fuzz/fuzz_child.h"
#include "weir/message_fields.h"

namespace weir {
namespace {

constexpr uint32_t kAll = ~uint32_t{0};
constexpr uint64_t kMany = 5000;

std::string Written(const Sample& sample) { return WritePoison(sample, {}); }

class MutatorTest : public testing::Test {
 protected:
  const std::vector<Sample> corpus_ = *FuzzCorpus("");
};

TEST_F(MutatorTest, BeginsWithTheCorpusAsItIs) {
  const Mutator mutator(corpus_, 7, kAll);
  for (uint64_t n = 0; n < corpus_.size(); ++n) {
    EXPECT_EQ(Written(mutator.Make(n)), Written(corpus_[n])) << n;
  }
}

TEST_F(MutatorTest, MakesTheSameOfTheSameSeedInAnyOrder) {
  const Mutator one(corpus_, 7, kAll);
  const Mutator same(corpus_, 7, kAll);
  const Mutator other(corpus_, 8, kAll);
  int differ = 0;
  for (uint64_t n = 500; n > 200; --n) {
    EXPECT_EQ(Written(one.Make(n)), Written(same.Make(n)));
    if (Written(one.Make(n)) != Written(other.Make(n))) ++differ;
  }
  EXPECT_GT(differ, 250);
  // So that a seed that was written down finds the same on the next machine.
  EXPECT_EQ(one.Make(1000).type, same.Make(1000).type);
}

TEST_F(MutatorTest, MakesManyDifferentOnes) {
  const Mutator mutator(corpus_, 7, kAll);
  std::set<std::string> seen;
  for (uint64_t n = 0; n < 2000; ++n) seen.insert(Written(mutator.Make(n)));
  EXPECT_GT(seen.size(), 1800u);
}

TEST_F(MutatorTest, MakesOnlyTypesThatAreWanted) {
  const Mutator mutator(corpus_, 7, 0b101);
  for (uint64_t n = 0; n < 2000; ++n) {
    const uint16_t type = mutator.Make(n).type;
    EXPECT_TRUE(type == 0 || type == 2) << type;
  }
  EXPECT_TRUE(Mutator(corpus_, 7, 0).empty());
}

size_t SizeOf(uint8_t kind) {
  return kind == WEIR_KIND_U32_ARRAY ? 4
         : kind == WEIR_KIND_ADDRESS ? sizeof(weir_address)
         : kind == WEIR_KIND_PREFIX  ? sizeof(weir_prefix)
         : kind == WEIR_KIND_RANGE   ? sizeof(weir_range)
                                     : sizeof(weir_next_hop);
}

template <typename T>
std::vector<T> Elements(const SampleField& field) {
  std::vector<T> elements(field.bytes.size() / sizeof(T));
  if (!elements.empty()) {
    std::memcpy(elements.data(), field.bytes.data(), field.bytes.size());
  }
  return elements;
}

// A plugin that trusts what the host promises must not be blamed.
TEST_F(MutatorTest, KeepsWhatTheHostPromises) {
  const Mutator mutator(corpus_, 7, kAll);
  for (uint64_t n = 0; n < kMany; ++n) {
    const Sample sample = mutator.Make(n);
    std::set<uint16_t> keys;
    uint32_t path = 0;
    uint32_t hops = 0;
    for (const SampleField& field : sample.fields) {
      ASSERT_TRUE(keys.insert(field.key).second) << n;
      if (field.key == WEIR_FIELD_BGP_PATH) path = field.count;
      if (field.key == WEIR_FIELD_BGP_NEXT_HOPS) hops = field.count;
    }
    for (const SampleField& field : sample.fields) {
      if (field.kind == WEIR_KIND_STRING) {
        for (const char c : field.bytes) {
          ASSERT_LT(static_cast<uint8_t>(c), 0x80) << n;
        }
      }
      if (field.kind < WEIR_KIND_U32_ARRAY) continue;
      ASSERT_EQ(field.bytes.size(), field.count * SizeOf(field.kind)) << n;
      if (field.kind == WEIR_KIND_ADDRESS) {
        ASSERT_EQ(field.count, 1u) << n;
      }
      if (field.kind == WEIR_KIND_RANGE) {
        for (const weir_range& range : Elements<weir_range>(field)) {
          ASSERT_LE(range.begin, range.end) << n;
          ASSERT_LE(range.end, path) << n;
        }
      }
      if (field.kind != WEIR_KIND_PREFIX) continue;
      for (const weir_prefix& prefix : Elements<weir_prefix>(field)) {
        ASSERT_LE(prefix.length, prefix.family == 4 ? 32 : 128) << n;
        ASSERT_TRUE(prefix.next_hop == WEIR_NO_NEXT_HOP ||
                    prefix.next_hop < hops)
            << n;
        for (size_t bit = prefix.length; bit < 128; ++bit) {
          ASSERT_EQ(prefix.bytes[bit / 8] & (0x80 >> bit % 8), 0) << n;
        }
      }
    }
  }
}

// As messages of a steward network have them.
TEST_F(MutatorTest, KeepsListsOfStringsWhole) {
  const uint32_t ends[] = {3, 3, 8};
  SampleField list = {
      .key = WEIR_FIELD_STEWARD_ARGS,
      .kind = WEIR_KIND_STRINGS,
      .count = 3,
      .bytes = std::string(reinterpret_cast<const char*>(ends), sizeof(ends))};
  list.bytes += "onethree";
  Sample sample;
  sample.fields = {list};
  const Mutator mutator({sample}, 7, kAll);
  std::set<std::string> seen;
  for (uint64_t n = 0; n < kMany; ++n) {
    for (const SampleField& field : mutator.Make(n).fields) {
      seen.insert(field.bytes);
      const size_t table = field.count * sizeof(uint32_t);
      ASSERT_LE(table, field.bytes.size()) << n;
      uint32_t last = 0;
      for (uint32_t i = 0; i < field.count; ++i) {
        uint32_t end = 0;
        std::memcpy(&end, field.bytes.data() + i * sizeof(end), sizeof(end));
        ASSERT_LE(last, end) << n;
        last = end;
      }
      ASSERT_EQ(table + last, field.bytes.size()) << n;
    }
  }
  EXPECT_GT(seen.size(), 100u);
}

}  // namespace
}  // namespace weir
