#include "host/steward/outbox_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "tests/support/failing_vfs.h"
#include "tests/support/status_matchers.h"

namespace weir {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;

class OutboxStoreTest : public ::testing::Test {
 protected:
  OutboxStoreTest() { Open(); }
  ~OutboxStoreTest() override {
    FailingVfs::Get().Set(FailingVfs::Fault::kNone);
  }

  void Open(const std::string& vfs = "") {
    store_.reset();
    if (!vfs.empty()) FailingVfs::Get();
    auto opened = OutboxStore::Open(path_, vfs, &moved_away_);
    ASSERT_THAT(opened.status(), IsOk());
    store_ = *std::move(opened);
  }

  std::vector<std::pair<uint64_t, std::string>> Waiting() {
    std::vector<std::pair<uint64_t, std::string>> all;
    EXPECT_THAT(
        store_->ForEachWaiting([&](uint64_t number, absl::string_view body) {
          all.emplace_back(number, std::string(body));
        }),
        IsOk());
    return all;
  }

  const std::string path_ = absl::StrCat(
      ::testing::TempDir(), "/",
      ::testing::UnitTest::GetInstance()->current_test_info()->name(), ".db");
  std::unique_ptr<OutboxStore> store_;
  std::string moved_away_;
};

TEST_F(OutboxStoreTest, KeepsWhatWaitsInItsOrderAndNumbersForEver) {
  ASSERT_THAT(store_->Add({{1, "a"}, {2, std::string("\0b", 2)}}), IsOk());
  ASSERT_THAT(store_->Add({{3, ""}}), IsOk());
  ASSERT_THAT(store_->Remove({1, 3}), IsOk());
  Open();
  EXPECT_THAT(Waiting(), ElementsAre(Pair(2, std::string("\0b", 2))));
  EXPECT_EQ(store_->LastNumber().value(), 3u);
  ASSERT_THAT(store_->Remove({2}), IsOk());
  Open();
  EXPECT_THAT(Waiting(), IsEmpty());
  EXPECT_EQ(store_->LastNumber().value(), 3u);
  EXPECT_EQ(store_->Body(2).status().code(), absl::StatusCode::kNotFound);
}

TEST_F(OutboxStoreTest, AddsAllOrNone) {
  ASSERT_THAT(store_->Add({{7, "a"}}), IsOk());
  EXPECT_FALSE(store_->Add({{8, "b"}, {7, "c"}}).ok());
  EXPECT_THAT(Waiting(), ElementsAre(Pair(7, "a")));
}

TEST_F(OutboxStoreTest, KeepsWhatWasGivenUpAndRevivesIt) {
  ASSERT_THAT(store_->Add({{1, "a"}, {2, "b"}, {3, "c"}}), IsOk());
  const absl::Time time = absl::FromUnixSeconds(1000);
  ASSERT_THAT(
      store_
          ->GiveUp({{.number = 1, .time = time, .reason = "x", .body = ""},
                    {.number = 3, .time = time, .reason = "y", .body = ""}},
                   1000)
          .status(),
      IsOk());
  Open();
  EXPECT_THAT(Waiting(), ElementsAre(Pair(2, "b")));
  EXPECT_EQ(store_->CountGivenUp().value(), 2u);
  const auto list = store_->ListGivenUp(0, 10).value();
  ASSERT_EQ(list.size(), 2u);
  EXPECT_EQ(list[0].number, 1u);
  EXPECT_EQ(list[0].time, time);
  EXPECT_EQ(list[0].reason, "x");
  EXPECT_EQ(list[0].body, "a");
  EXPECT_EQ(store_->ListGivenUp(1, 10).value().size(), 1u);
  EXPECT_EQ(store_->ListGivenUp(0, 1).value().size(), 1u);

  const absl::Status missing = store_->Revive({{3, 4}, {2, 5}}).status();
  EXPECT_EQ(missing.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(missing.message()), HasSubstr("2"));
  EXPECT_EQ(store_->CountGivenUp().value(), 2u) << "none of them";
  ASSERT_THAT(store_->Revive({{3, 4}, {1, 5}}).status(), IsOk());
  EXPECT_THAT(Waiting(), ElementsAre(Pair(2, "b"), Pair(4, "c"), Pair(5, "a")));
  EXPECT_EQ(store_->CountGivenUp().value(), 0u);
}

TEST_F(OutboxStoreTest, OfWhatWasGivenUpTheOldestAreDropped) {
  const std::string body(100, 'x');
  for (uint64_t i = 1; i <= 5; ++i) {
    ASSERT_THAT(store_->Add({{i, body}}), IsOk());
    const auto dropped =
        store_->GiveUp({{.number = i,
                         .time = absl::FromUnixSeconds(static_cast<int64_t>(i)),
                         .reason = "r",
                         .body = ""}},
                       303);
    ASSERT_THAT(dropped.status(), IsOk());
    EXPECT_EQ(*dropped, i > 3 ? 1u : 0u);
  }
  const auto list = store_->ListGivenUp(0, 10).value();
  ASSERT_EQ(list.size(), 3u);
  EXPECT_EQ(list[0].number, 3u);
}

TEST_F(OutboxStoreTest, AFullDiskIsAnErrorAndLosesNothing) {
  Open(FailingVfs::kName);
  ASSERT_THAT(store_->Add({{1, "a"}}), IsOk());
  FailingVfs::Get().Set(FailingVfs::Fault::kDiskFull);
  const absl::Status full = store_->Add({{2, "b"}});
  EXPECT_EQ(full.code(), absl::StatusCode::kResourceExhausted) << full;
  EXPECT_THAT(std::string(full.message()), HasSubstr(path_));
  EXPECT_FALSE(store_->Remove({1}).ok());
  FailingVfs::Get().Set(FailingVfs::Fault::kWriteError);
  EXPECT_EQ(store_->Add({{2, "b"}}).code(), absl::StatusCode::kUnavailable);
  FailingVfs::Get().Set(FailingVfs::Fault::kNone);
  EXPECT_THAT(Waiting(), ElementsAre(Pair(1, "a")));
  EXPECT_THAT(store_->Add({{3, "c"}}), IsOk());
  Open();
  EXPECT_THAT(Waiting(), ElementsAre(Pair(1, "a"), Pair(3, "c")));
}

TEST_F(OutboxStoreTest, ATornTailIsCut) {
  ASSERT_THAT(store_->Add({{1, "first"}}), IsOk());
  ASSERT_THAT(store_->Add({{2, std::string(20000, 'x')}}), IsOk());
  // As after a crash: the log of the open file, less its end.
  const auto copy = [](const std::string& from, const std::string& to,
                       size_t cut) {
    std::ifstream in(from, std::ios::binary);
    std::string bytes((std::istreambuf_iterator<char>(in)), {});
    bytes.resize(bytes.size() - cut);
    std::ofstream(to, std::ios::binary) << bytes;
  };
  const std::string torn = absl::StrCat(path_, ".torn");
  copy(path_, torn, 0);
  copy(absl::StrCat(path_, "-wal"), absl::StrCat(torn, "-wal"), 100);
  std::string moved_away;
  auto opened = OutboxStore::Open(torn, "", &moved_away);
  ASSERT_THAT(opened.status(), IsOk());
  EXPECT_THAT(moved_away, IsEmpty());
  store_ = *std::move(opened);
  EXPECT_THAT(Waiting(), ElementsAre(Pair(1, "first")));
}

TEST_F(OutboxStoreTest, ADamagedFileIsSetAsideAndSaid) {
  ASSERT_THAT(store_->Add({{1, "a"}}), IsOk());
  store_.reset();
  std::ofstream(path_, std::ios::binary | std::ios::trunc)
      << std::string(10000, '#');
  Open();
  EXPECT_THAT(moved_away_, HasSubstr(absl::StrCat(path_, ".damaged")));
  EXPECT_THAT(Waiting(), IsEmpty());
  EXPECT_THAT(store_->Add({{1, "b"}}), IsOk());
}

TEST_F(OutboxStoreTest, IsOfOneProcess) {
  std::string moved_away;
  const absl::Status second =
      OutboxStore::Open(path_, "", &moved_away).status();
  EXPECT_EQ(second.code(), absl::StatusCode::kFailedPrecondition) << second;
  EXPECT_THAT(moved_away, IsEmpty());
}

}  // namespace
}  // namespace weir
