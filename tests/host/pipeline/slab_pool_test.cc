#include "host/pipeline/slab_pool.h"

#include <cstddef>
#include <cstdint>
#include <vector>

#include "gtest/gtest.h"
#include "host/pipeline/shared_arena.h"

namespace weir {
namespace {

constexpr size_t kBytes = SlabPool::kSlabBytes;

TEST(SlabPoolTest, LendsTheSameSlabAgain) {
  SlabPool pool;
  Slab* const slab = pool.Take(100);
  slab->used = 100;
  SlabPool::LetGo(slab);
  Slab* const again = pool.Take(100);
  EXPECT_EQ(again, slab);
  EXPECT_EQ(again->used, 0u);
  SlabPool::LetGo(again);
}

TEST(SlabPoolTest, KeepsASlabAsLongAsAnybodyHoldsIt) {
  SlabPool pool;
  Slab* const slab = pool.Take(1);
  SlabPool::Hold(slab);
  SlabPool::LetGo(slab);
  EXPECT_EQ(pool.held_bytes(), kBytes);
  Slab* const other = pool.Take(1);
  EXPECT_NE(other, slab);
  SlabPool::LetGo(slab);
  SlabPool::LetGo(other);
  EXPECT_EQ(pool.held_bytes(), 0u);
}

TEST(SlabPoolTest, MakesALargerSlabForWhatDoesNotFit) {
  SlabPool pool;
  Slab* const slab = pool.Take(kBytes + 1);
  EXPECT_EQ(slab->capacity, kBytes + 1);
  EXPECT_EQ(pool.held_bytes(), kBytes + 1);
  slab->data[kBytes] = 1;
  SlabPool::LetGo(slab);
  EXPECT_EQ(pool.held_bytes(), 0u);
}

TEST(SlabPoolTest, TakesFromTheArenaWhileThereIsRoomAndTheHeapAfterwards) {
  const auto arena = SharedArena::Create(2 * kBytes);
  ASSERT_TRUE(arena.ok()) << arena.status();
  SlabPool pool(arena->get());
  const auto in_arena = [&](const Slab* slab) {
    return (*arena)->OffsetOf(slab->data, slab->capacity).has_value();
  };
  Slab* const first = pool.Take(1);
  Slab* const large = pool.Take(kBytes + 1);
  Slab* const second = pool.Take(1);
  Slab* const third = pool.Take(1);
  EXPECT_TRUE(in_arena(first));
  EXPECT_FALSE(in_arena(large)) << "no block is that large";
  EXPECT_TRUE(in_arena(second));
  EXPECT_FALSE(in_arena(third)) << "it is full";
  SlabPool::LetGo(second);
  SlabPool::LetGo(third);
  EXPECT_EQ(pool.Take(1), second) << "the arena's before the heap's";
  for (Slab* slab : {first, large, second}) SlabPool::LetGo(slab);
  EXPECT_EQ(pool.held_bytes(), 0u);
}

TEST(SlabPoolTest, AlignsSlabsToCacheLines) {
  SlabPool pool;
  Slab* const slab = pool.Take(1);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(slab->data) % 64, 0u);
  SlabPool::LetGo(slab);
}

TEST(SlabPoolTest, TakesBackMoreThanItKeeps) {
  SlabPool pool;
  std::vector<Slab*> slabs;
  for (size_t i = 0; i < SlabPool::kMaxFree + 3; ++i) {
    slabs.push_back(pool.Take(1));
  }
  EXPECT_EQ(pool.held_bytes(), slabs.size() * kBytes);
  for (Slab* slab : slabs) SlabPool::LetGo(slab);
  EXPECT_EQ(pool.held_bytes(), 0u);
}

}  // namespace
}  // namespace weir
