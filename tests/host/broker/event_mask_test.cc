#include "host/broker/event_mask.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <initializer_list>

namespace weir {
namespace {

TEST(EventMaskTest, FindsTheNextFromAnywhere) {
  EventMask mask;
  const std::initializer_list<uint32_t> set = {0, 1, 63, 64, 130, 255};
  for (const uint32_t i : set) mask.Set(i);
  for (uint32_t from = 0; from < EventMask::kEvents; ++from) {
    uint32_t next = from;
    while (next < EventMask::kEvents && !mask.Has(next)) ++next;
    EXPECT_EQ(mask.NextFrom(from), next) << "from " << from;
  }
  mask.Clear(255);
  EXPECT_EQ(mask.NextFrom(131), EventMask::kEvents);
  EXPECT_EQ(EventMask().NextFrom(0), EventMask::kEvents);
}

}  // namespace
}  // namespace weir
