#include "host/plugin/poison_store.h"

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/short_temp_dir.h"
#include "tests/support/status_matchers.h"

namespace weir {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

PoisonMessage Poison(const std::string& fingerprint, int64_t at_s,
                     size_t bytes = 5) {
  PoisonMessage poison;
  poison.plugin = "plugins/x";
  poison.plugin_sha256 = "aa";
  poison.generation = 3;
  poison.source = "sources/ris";
  poison.type = "UPDATE";
  poison.first_time = poison.last_time = absl::FromUnixSeconds(at_s);
  poison.fingerprint = fingerprint;
  poison.cause = "SIGSEGV";
  poison.frames = {"x.3.so+0x12 Act+0x2", "libc.so.6+0x1"};
  MessageCopy& message = poison.message;
  message.type_id = 2;
  message.flags = 1;
  message.seq = UINT64_MAX - 1;
  message.ts_ns = -7;
  message.recv_ns = 8;
  message.source_id = 9;
  message.trace_hi = UINT64_MAX;
  message.trace_lo = 11;
  message.payload_bytes = bytes;
  message.fields = {{1, 2, 3, 4, 5, 6}, {7, 8, 9, 10, 11, 12}};
  message.bytes = std::string(bytes, '\0') + "decoded";
  return poison;
}

class PoisonStoreTest : public testing::Test {
 protected:
  std::unique_ptr<PoisonStore> Open() {
    auto store = PoisonStore::Open(path_, &moved_away_);
    EXPECT_THAT(store, IsOk());
    return *std::move(store);
  }

  const ShortTempDir dir_;
  const std::string path_ = dir_.path() + "/poison.db";
  std::string moved_away_;
};

TEST_F(PoisonStoreTest, KeepsEveryFieldThroughAReopen) {
  const PoisonMessage poison = Poison("f", 100);
  ASSERT_THAT(Open()->Keep(poison), IsOk());
  const auto store = Open();
  const auto list = store->List("plugins/x");
  ASSERT_THAT(list, IsOkAndHolds(SizeIs(1)));
  EXPECT_THAT((*list)[0].message.bytes, IsEmpty()) << "not in a list";
  const auto kept = store->Get("plugins/x", (*list)[0].number);
  ASSERT_THAT(kept, IsOk());
  EXPECT_EQ(kept->plugin, "plugins/x");
  EXPECT_EQ(kept->plugin_sha256, "aa");
  EXPECT_EQ(kept->generation, 3u);
  EXPECT_EQ(kept->source, "sources/ris");
  EXPECT_EQ(kept->type, "UPDATE");
  EXPECT_EQ(kept->first_time, poison.first_time);
  EXPECT_EQ(kept->last_time, poison.last_time);
  EXPECT_EQ(kept->count, 1u);
  EXPECT_EQ(kept->fingerprint, "f");
  EXPECT_EQ(kept->cause, "SIGSEGV");
  EXPECT_EQ(kept->frames, poison.frames);
  EXPECT_EQ(kept->message.type_id, 2);
  EXPECT_EQ(kept->message.flags, 1);
  EXPECT_EQ(kept->message.seq, UINT64_MAX - 1);
  EXPECT_EQ(kept->message.ts_ns, -7);
  EXPECT_EQ(kept->message.recv_ns, 8);
  EXPECT_EQ(kept->message.source_id, 9u);
  EXPECT_EQ(kept->message.trace_hi, UINT64_MAX);
  EXPECT_EQ(kept->message.trace_lo, 11u);
  EXPECT_TRUE(kept->message.whole);
  EXPECT_EQ(kept->message.bytes, poison.message.bytes);
  EXPECT_EQ(kept->message.payload(), std::string(5, '\0'));
  ASSERT_THAT(kept->message.fields, SizeIs(2));
  EXPECT_EQ(kept->message.fields[1].count, 12u);
  EXPECT_EQ(store->Count("plugins/x"), 1u);
  EXPECT_THAT(store->Get("plugins/y", kept->number),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("not kept")))
      << "another plugin's";
}

TEST_F(PoisonStoreTest, CountsTheSameFingerprintAndKeepsTheNewestMessage) {
  const auto store = Open();
  const auto first = store->Keep(Poison("f", 100));
  PoisonMessage again = Poison("f", 200);
  again.message.seq = 42;
  const auto second = store->Keep(again);
  ASSERT_THAT(second, IsOk());
  EXPECT_EQ(second->number, first->number);
  EXPECT_EQ(second->count, 2u);
  EXPECT_EQ(second->first_time, absl::FromUnixSeconds(100));
  EXPECT_EQ(second->last_time, absl::FromUnixSeconds(200));
  EXPECT_EQ(second->message.seq, 42u);
  again.plugin_sha256 = "bb";
  EXPECT_EQ(store->Keep(again)->count, 1u) << "other code";
  EXPECT_EQ(store->Count("plugins/x"), 2u);
}

TEST_F(PoisonStoreTest, ListsTheNewestFirstOfOneOrOfAll) {
  const auto store = Open();
  for (const auto& [fingerprint, at] :
       {std::pair("a", 300), {"b", 100}, {"c", 200}}) {
    ASSERT_THAT(store->Keep(Poison(fingerprint, at)), IsOk());
  }
  PoisonMessage other = Poison("d", 250);
  other.plugin = "plugins/y";
  ASSERT_THAT(store->Keep(other), IsOk());
  const auto order = [&](const char* plugin) {
    std::string text;
    const auto list = store->List(plugin);
    for (const PoisonMessage& poison : *list) text += poison.fingerprint;
    return text;
  };
  EXPECT_EQ(order("plugins/x"), "acb");
  EXPECT_EQ(order("plugins/-"), "adcb");
  EXPECT_THAT(store->Forget("plugins/x"), IsOk());
  EXPECT_EQ(order("plugins/-"), "d");
}

TEST_F(PoisonStoreTest, KeepsSoManyOfAPluginAndNoMore) {
  const auto store = Open();
  PoisonMessage other = Poison("of another", 1);
  other.plugin = "plugins/y";
  ASSERT_THAT(store->Keep(other), IsOk());
  for (int i = 0; i < PoisonStore::kMaxMessages + 5; ++i) {
    ASSERT_THAT(store->Keep(Poison(absl::StrCat("f", i), 100 + i)), IsOk());
  }
  EXPECT_EQ(store->Count("plugins/x"), PoisonStore::kMaxMessages);
  const auto list = store->List("plugins/x");
  EXPECT_EQ(list->back().fingerprint, "f5") << "the oldest are gone";
  EXPECT_EQ(store->Count("plugins/y"), 1u);
}

TEST_F(PoisonStoreTest, KeepsSoManyBytesOfAPluginAndNoMore) {
  const auto store = Open();
  for (int i = 0; i < 20; ++i) {
    ASSERT_THAT(store->Keep(Poison(absl::StrCat("f", i), 100 + i, 1 << 20)),
                IsOk());
  }
  EXPECT_EQ(store->Count("plugins/x"), 3u) << "3 MiB, and some bytes";
}

TEST_F(PoisonStoreTest, MovesAFileAwayThatIsNone) {
  std::ofstream(path_) << "these are not the bytes of a database, at all";
  const auto store = Open();
  EXPECT_THAT(moved_away_, HasSubstr("poison.db.damaged"));
  EXPECT_TRUE(std::filesystem::exists(path_ + ".damaged"));
  EXPECT_THAT(store->Keep(Poison("f", 1)), IsOk());
}

TEST_F(PoisonStoreTest, SaysThatThereIsNoDirectory) {
  EXPECT_THAT(
      PoisonStore::Open(dir_.path() + "/none/poison.db", &moved_away_),
      StatusIs(absl::StatusCode::kUnavailable, HasSubstr("none/poison.db")));
}

}  // namespace
}  // namespace weir
