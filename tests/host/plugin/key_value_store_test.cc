#include "host/plugin/key_value_store.h"

#include <signal.h>
#include <sqlite3.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/short_temp_dir.h"
#include "tests/support/status_matchers.h"

namespace weir {
namespace {

using std::nullopt;
using testing::HasSubstr;

constexpr absl::Duration kPatience = absl::Seconds(60);

class KeyValueStoreTest : public testing::Test {
 protected:
  KeyValueStoreTest() {
    options_.path = dir_.path() + "/kv.db";
    Open();
  }

  // The host starts again.
  void Open() {
    store_.reset();
    store_ = std::make_unique<KeyValueStore>(options_);
  }

  std::optional<std::string> Get(const std::string& plugin,
                                 const std::string& key) {
    const auto value = store_->Get(plugin, key);
    EXPECT_THAT(value, IsOk());
    return value.ok() ? *value : std::nullopt;
  }

  const ShortTempDir dir_;
  KeyValueOptions options_;
  std::unique_ptr<KeyValueStore> store_;
};

TEST_F(KeyValueStoreTest, KeepsBytesByPluginAndKey) {
  const std::string bytes("a\0b\xff", 4);
  ASSERT_THAT(store_->Put("x", "k", bytes), IsOk());
  ASSERT_THAT(store_->Put("y", "k", ""), IsOk());
  EXPECT_EQ(Get("x", "k"), bytes);
  EXPECT_EQ(Get("y", "k"), "");
  EXPECT_EQ(Get("z", "k"), nullopt);
  ASSERT_THAT(store_->FlushAndWait("x", kPatience), IsOk());
  EXPECT_EQ(Get("x", "k"), bytes) << "from the disk";
  EXPECT_EQ(Get("y", "k"), "");
}

TEST_F(KeyValueStoreTest, ShowsAChangeBeforeItIsOnTheDiskAndAfter) {
  ASSERT_THAT(store_->Put("x", "k", "1"), IsOk());
  ASSERT_THAT(store_->FlushAndWait("x", kPatience), IsOk());
  ASSERT_THAT(store_->Put("x", "k", "2"), IsOk());
  EXPECT_EQ(Get("x", "k"), "2");
  ASSERT_THAT(store_->Delete("x", "k"), IsOk());
  EXPECT_EQ(Get("x", "k"), nullopt);
  ASSERT_THAT(store_->FlushAndWait("x", kPatience), IsOk());
  EXPECT_EQ(Get("x", "k"), nullopt);
}

TEST_F(KeyValueStoreTest, WritesWhatWaitsAtItsEnd) {
  ASSERT_THAT(store_->Put("x", "a", "1"), IsOk());
  ASSERT_THAT(store_->Put("x", "b", "2"), IsOk());
  ASSERT_THAT(store_->Delete("x", "a"), IsOk());
  Open();
  EXPECT_EQ(Get("x", "a"), nullopt);
  EXPECT_EQ(Get("x", "b"), "2");
}

TEST_F(KeyValueStoreTest, KeepsWhatWasFlushedWhateverHappensToTheHost) {
  store_.reset();
  EXPECT_EXIT(
      {
        KeyValueStore store(options_);
        for (int i = 0; i < 100; ++i) {
          store.Put("x", absl::StrCat(i), "value").IgnoreError();
        }
        if (store.FlushAndWait("x", kPatience).ok()) raise(SIGKILL);
      },
      testing::KilledBySignal(SIGKILL), "");
  Open();
  for (int i = 0; i < 100; ++i) EXPECT_EQ(Get("x", absl::StrCat(i)), "value");
}

TEST_F(KeyValueStoreTest, RefusesWhatIsOverABoundAndSaysSoAtTheNextFlush) {
  options_.max_value_bytes = 10;
  options_.max_plugin_bytes = 25;
  Open();
  EXPECT_THAT(store_->Put("x", "", "v"),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("a key of 0 bytes; 1 to 512")));
  EXPECT_THAT(store_->FlushAndWait("x", kPatience),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("key")));
  EXPECT_THAT(store_->Put("x", "k", "01234567890"),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("a value of 11 bytes; at most 10")));
  EXPECT_THAT(store_->Put("x", "a", "0123456789"), IsOk());
  EXPECT_THAT(store_->Put("x", "b", "0123456789"), IsOk());
  EXPECT_THAT(store_->Put("x", "c", "0123"),
              StatusIs(absl::StatusCode::kResourceExhausted,
                       HasSubstr("would keep 27 bytes; at most 25")));
  EXPECT_THAT(store_->Put("y", "c", "0123"), IsOk()) << "it has its own room";
  EXPECT_EQ(store_->counts("x").bytes, 22u);
  EXPECT_EQ(store_->counts("x").changes, 2u);
  EXPECT_EQ(store_->counts("x").refused, 3u);
  EXPECT_THAT(
      store_->FlushAndWait("x", kPatience),
      StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("11 bytes")));
  EXPECT_THAT(store_->FlushAndWait("x", kPatience), IsOk()) << "told once";
}

TEST_F(KeyValueStoreTest, KnowsHowMuchAPluginKeepsOverARestart) {
  options_.max_plugin_bytes = 10;
  Open();
  ASSERT_THAT(store_->Put("x", "k", "01234567"), IsOk());
  Open();
  EXPECT_THAT(store_->Put("x", "l", "0"),
              StatusIs(absl::StatusCode::kResourceExhausted,
                       HasSubstr("would keep 11 bytes")));
  EXPECT_EQ(store_->counts("x").bytes, 9u);
}

TEST_F(KeyValueStoreTest, GivesBackTheRoomOfWhatIsReplacedOrDeleted) {
  options_.max_plugin_bytes = 12;
  Open();
  ASSERT_THAT(store_->Put("x", "k", "0123456789"), IsOk());
  ASSERT_THAT(store_->FlushAndWait("x", kPatience), IsOk());
  EXPECT_THAT(store_->Put("x", "k", "9876543210"), IsOk());
  EXPECT_THAT(store_->Put("x", "k", "1"), IsOk());
  EXPECT_EQ(store_->counts("x").bytes, 2u);
  ASSERT_THAT(store_->Delete("x", "k"), IsOk());
  EXPECT_EQ(store_->counts("x").bytes, 0u);
  ASSERT_THAT(store_->Delete("x", "k"), IsOk()) << "and it is not there";
  EXPECT_EQ(store_->counts("x").bytes, 0u);
}

TEST_F(KeyValueStoreTest, SaysWhyAFileIsOfNoUse) {
  store_.reset();
  {
    std::ofstream file(options_.path, std::ios::trunc);
    file << std::string(8192, 'z');
  }
  std::filesystem::remove(options_.path + "-wal");
  Open();
  EXPECT_THAT(store_->status(), StatusIs(absl::StatusCode::kUnavailable,
                                         HasSubstr("not a database")));
  EXPECT_THAT(store_->Put("x", "k", "v"),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("kv.db")));
  EXPECT_FALSE(store_->Get("x", "k").ok());
  EXPECT_FALSE(store_->FlushAndWait("x", kPatience).ok());
  EXPECT_EQ(store_->counts("x").errors, 1u);
  EXPECT_THAT(store_->counts("x").last_error, HasSubstr("not a database"));
}

TEST_F(KeyValueStoreTest, TriesAgainWhatTheDiskDidNotTake) {
  ASSERT_THAT(store_->Put("x", "k", "1"), IsOk());
  ASSERT_THAT(store_->FlushAndWait("x", kPatience), IsOk());
  // Somebody holds the file for longer than the store waits.
  sqlite3* other = nullptr;
  ASSERT_EQ(sqlite3_open(options_.path.c_str(), &other), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(other, "BEGIN IMMEDIATE", nullptr, nullptr, nullptr),
            SQLITE_OK);
  ASSERT_THAT(store_->Put("x", "k", "2"), IsOk());
  EXPECT_THAT(store_->FlushAndWait("x", kPatience),
              StatusIs(absl::StatusCode::kUnavailable,
                       HasSubstr("another process has it open")));
  EXPECT_EQ(Get("x", "k"), "2");
  EXPECT_GE(store_->counts("x").errors, 1u);
  sqlite3_close(other);
  EXPECT_THAT(store_->FlushAndWait("x", kPatience), IsOk());
  Open();
  EXPECT_EQ(Get("x", "k"), "2");
}

TEST_F(KeyValueStoreTest, TakesNoMoreThanMayWait) {
  options_.max_waiting_bytes = 100;
  Open();
  sqlite3* other = nullptr;
  ASSERT_EQ(sqlite3_open(options_.path.c_str(), &other), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(other, "BEGIN IMMEDIATE", nullptr, nullptr, nullptr),
            SQLITE_OK);
  EXPECT_THAT(store_->Put("x", "a", std::string(60, 'x')), IsOk());
  EXPECT_THAT(store_->Put("y", "b", std::string(60, 'x')),
              StatusIs(absl::StatusCode::kResourceExhausted,
                       HasSubstr("bytes wait to be written")));
  EXPECT_THAT(store_->Put("x", "a", std::string(30, 'y')), IsOk());
  sqlite3_close(other);
  EXPECT_THAT(store_->FlushAndWait("x", kPatience), IsOk());
  EXPECT_THAT(store_->Put("y", "b", std::string(60, 'x')), IsOk());
}

TEST_F(KeyValueStoreTest, ServesManyThreadsAtOnce) {
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([this, t] {
      const std::string plugin = absl::StrCat("p", t % 2);
      for (int i = 0; i < 200; ++i) {
        const std::string key = absl::StrCat(t, "/", i % 10);
        EXPECT_THAT(store_->Put(plugin, key, absl::StrCat(i)), IsOk());
        EXPECT_EQ(Get(plugin, key), absl::StrCat(i));
        if (i % 50 == 0) {
          EXPECT_THAT(store_->FlushAndWait(plugin, kPatience), IsOk());
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  Open();
  EXPECT_EQ(Get("p0", "0/9"), "199");
  EXPECT_EQ(Get("p1", "3/9"), "199");
}

}  // namespace
}  // namespace weir
