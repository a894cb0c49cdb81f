#include "host/pipeline/shared_arena.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace weir {
namespace {

constexpr size_t kBlock = SharedArena::kBlockBytes;

std::unique_ptr<SharedArena> Arena(size_t blocks) {
  auto arena = SharedArena::Create(blocks * kBlock);
  EXPECT_THAT(arena, IsOk());
  return *std::move(arena);
}

TEST(SharedArenaTest, HandsOutEachBlockOnce) {
  const auto arena = Arena(2);
  uint8_t* const first = arena->Take();
  uint8_t* const second = arena->Take();
  EXPECT_EQ(second, first + kBlock);
  EXPECT_FALSE(arena->has_room());
  EXPECT_EQ(arena->Take(), nullptr);
}

TEST(SharedArenaTest, RoundsUpToWholeBlocks) {
  const auto arena = SharedArena::Create(kBlock + 1);
  ASSERT_THAT(arena, IsOk());
  EXPECT_EQ((*arena)->size(), 2 * kBlock);
}

TEST(SharedArenaTest, TellsWhatLiesInIt) {
  const auto arena = Arena(1);
  const uint8_t* const base = arena->Take();
  EXPECT_EQ(arena->OffsetOf(base, kBlock), 0u);
  EXPECT_EQ(arena->OffsetOf(base + 8, 16), 8u);
  EXPECT_EQ(arena->OffsetOf(base + 8, kBlock - 7), std::nullopt) << "too long";
  EXPECT_EQ(arena->OffsetOf(base - 1, 1), std::nullopt) << "before it";
  EXPECT_EQ(arena->OffsetOf(&arena, 1), std::nullopt) << "elsewhere";
}

TEST(SharedArenaTest, ShowsWhatWeWriteToWhoMapsItsFile) {
  const auto arena = Arena(1);
  void* const view =
      mmap(nullptr, kBlock, PROT_READ, MAP_SHARED, arena->fd(), 0);
  ASSERT_NE(view, MAP_FAILED);
  arena->Take()[5] = 42;
  EXPECT_EQ(static_cast<const uint8_t*>(view)[5], 42);
  EXPECT_NE(mprotect(view, kBlock, PROT_READ | PROT_WRITE), 0);
  munmap(view, kBlock);
}

TEST(SharedArenaTest, LetsNobodyElseWriteOrCutIt) {
  const auto arena = Arena(1);
  const std::string path = "/proc/self/fd/" + std::to_string(arena->fd());
  const int again = open(path.c_str(), O_RDWR | O_CLOEXEC);
  ASSERT_GE(again, 0);
  for (const int fd : {arena->fd(), again}) {
    EXPECT_EQ(mmap(nullptr, kBlock, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0),
              MAP_FAILED);
    EXPECT_EQ(pwrite(fd, "x", 1, 0), -1);
    EXPECT_EQ(errno, EPERM);
    EXPECT_EQ(ftruncate(fd, 0), -1);
    EXPECT_EQ(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 1),
              -1);
    EXPECT_EQ(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), -1);
  }
  close(again);
}

}  // namespace
}  // namespace weir
