// What the decoder makes of real recordings, against counts that were taken
// from them by other means.
#include <algorithm>
#include <cstdint>
#include <cstring>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "host/decode/decoder.h"
#include "host/decode/ris_live_decoder.h"
#include "host/pipeline/message.h"
#include "host/pipeline/message_batch.h"
#include "host/pipeline/message_writer.h"
#include "host/pipeline/name_table.h"
#include "host/pipeline/receipt.h"
#include "host/pipeline/slab_pool.h"
#include "tests/support/decoded_fields.h"
#include "tests/support/same_fields.h"
#include "tests/support/shared_data.h"
#include "weir/message_fields.h"

namespace weir {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

constexpr char kAnchor[] = "tests/host/decode/recordings_test.cc";

struct Counts {
  std::map<std::string, int> by_type;
  std::vector<std::string> bad;
  int upstream_errors = 0;
  int not_messages = 0;
  int announced[2] = {};  // IPv4, IPv6
  int withdrawn[2] = {};
  std::set<std::string> prefixes;
  std::set<uint32_t> asns;
  std::set<uint32_t> origins;
  std::set<std::string> peers;  // With their collector.
  int with_next_hop_pair = 0;
  int with_as_set = 0;
  size_t max_prefixes = 0;
  size_t max_path = 0;
};

void CountPath(const DecodedFields& fields, Counts* counts) {
  const auto path = fields.Array<uint32_t>(WEIR_FIELD_BGP_PATH);
  const auto sets = fields.Array<weir_range>(WEIR_FIELD_BGP_PATH_SETS);
  counts->asns.insert(path.begin(), path.end());
  if (!sets.empty()) ++counts->with_as_set;
  // An AS_SET is one hop, and what it ends with is no origin.
  size_t hops = path.size();
  for (const weir_range& set : sets) hops -= set.end - set.begin - 1;
  counts->max_path = std::max(counts->max_path, hops);
  if (path.empty()) return;
  if (!sets.empty() && sets.back().end == path.size()) return;
  counts->origins.insert(path.back());
}

void Count(const Message& message, const NameTable& types, Counts* counts) {
  const DecodedFields fields(message.view);
  ++counts->by_type[std::string(types.Name(message.view.type_id))];
  const auto announced = fields.Array<weir_prefix>(WEIR_FIELD_BGP_ANNOUNCED);
  const auto withdrawn = fields.Array<weir_prefix>(WEIR_FIELD_BGP_WITHDRAWN);
  for (const weir_prefix& prefix : announced) {
    ++counts->announced[prefix.family == 6];
    std::string key(reinterpret_cast<const char*>(prefix.bytes), 16);
    counts->prefixes.insert(
        absl::StrCat(key, int{prefix.family}, "/", int{prefix.length}));
  }
  for (const weir_prefix& prefix : withdrawn) {
    ++counts->withdrawn[prefix.family == 6];
  }
  counts->max_prefixes =
      std::max(counts->max_prefixes, announced.size() + withdrawn.size());
  const auto hops = fields.Array<weir_next_hop>(WEIR_FIELD_BGP_NEXT_HOPS);
  counts->with_next_hop_pair +=
      std::any_of(hops.begin(), hops.end(),
                  [](const weir_next_hop& hop) { return hop.link_local_set; });
  counts->peers.insert(
      absl::StrCat(fields.Text(WEIR_FIELD_BGP_COLLECTOR).value_or(""), " ",
                   fields.Address(WEIR_FIELD_BGP_PEER)));
  CountPath(fields, counts);
}

Counts Decode(const std::vector<std::string>& lines) {
  NameTable types;
  InternWellKnownTypes(types);
  SlabPool pool;
  MessageWriter writer(pool);
  RisLiveDecoder decoder(types);
  Counts counts;
  for (const std::string& line : lines) {
    writer.Begin(Receipt());
    const Decoded decoded = decoder.Decode(line, writer);
    const MessageBatchRef batch = writer.Finish();
    switch (decoded.verdict) {
      case Decoded::Verdict::kMessages:
        Count(*batch->first(), types, &counts);
        break;
      case Decoded::Verdict::kParseError:
      case Decoded::Verdict::kEmpty:
        counts.bad.push_back(absl::StrCat(decoded.text, ": ", line));
        break;
      case Decoded::Verdict::kNotAMessage:
        ++counts.not_messages;
        break;
      case Decoded::Verdict::kUpstreamError:
        ++counts.upstream_errors;
        break;
    }
  }
  return counts;
}

TEST(RecordingsTest, DecodesRouteCollectorUpdatesExactly) {
  const std::string name = "rislive/updates-dev.jsonl.zst";
  const std::string path = SharedData(name, kAnchor);
  if (path.empty()) GTEST_SKIP() << SharedDataMissing(name);
  const Counts counts = Decode(ReadLines(path));

  EXPECT_THAT(counts.bad, IsEmpty());
  EXPECT_THAT(counts.by_type,
              ElementsAre(Pair("KEEPALIVE", 353), Pair("STATE", 55),
                          Pair("UPDATE", 187747)));
  EXPECT_THAT(counts.announced, ElementsAre(360559, 51688));
  EXPECT_THAT(counts.withdrawn, ElementsAre(27764, 4070));
  EXPECT_EQ(counts.prefixes.size(), 22087);
  EXPECT_EQ(counts.asns.size(), 4917);
  EXPECT_EQ(counts.origins.size(), 3677);
  EXPECT_EQ(counts.peers.size(), 203);
  EXPECT_EQ(counts.with_next_hop_pair, 17235);
  EXPECT_EQ(counts.with_as_set, 219);
  EXPECT_EQ(counts.max_prefixes, 908);
  EXPECT_EQ(counts.max_path, 31);
}

// Of each line: what it is decoded to without white space, which is read as
// text, and with white space, which is read by a JSON parser.
TEST(RecordingsTest, DecodesTheSameWithWhiteSpaceAndWithout) {
  const std::string name = "rislive/updates-dev.jsonl.zst";
  const std::string path = SharedData(name, kAnchor);
  if (path.empty()) GTEST_SKIP() << SharedDataMissing(name);
  NameTable types;
  InternWellKnownTypes(types);
  SlabPool pool;
  MessageWriter writer(pool);
  RisLiveDecoder decoder(types);
  for (const std::string& line : ReadLines(path)) {
    writer.Begin(Receipt());
    decoder.Decode(line, writer);
    decoder.Decode(" " + line, writer);
    const MessageBatchRef batch = writer.Finish();
    ASSERT_EQ(batch->size(), 2) << line;
    const Message& first = *batch->first();
    ASSERT_TRUE(SameFields(first.view, first.next->view)) << line;
  }
}

TEST(RecordingsTest, UnderstandsEachGenuineLine) {
  const std::string name = "rislive/genuine.jsonl";
  const std::string path = SharedData(name, kAnchor);
  if (path.empty()) GTEST_SKIP() << SharedDataMissing(name);
  const Counts counts = Decode(ReadLines(path));

  EXPECT_THAT(counts.bad, IsEmpty());
  EXPECT_THAT(
      counts.by_type,
      ElementsAre(Pair("KEEPALIVE", 7), Pair("NOTIFICATION", 1),
                  Pair("OPEN", 1), Pair("STATE", 1), Pair("UPDATE", 1021)));
}

TEST(RecordingsTest, UnderstandsEachGenuineLineThatWasReformatted) {
  const std::string name = "rislive/genuine-reformatted.jsonl";
  const std::string path = SharedData(name, kAnchor);
  if (path.empty()) GTEST_SKIP() << SharedDataMissing(name);
  const Counts counts = Decode(ReadLines(path));

  EXPECT_THAT(counts.bad, IsEmpty());
  EXPECT_EQ(counts.upstream_errors, 2);
  EXPECT_EQ(counts.not_messages, 0);
}

}  // namespace
}  // namespace weir
