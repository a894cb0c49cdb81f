#include "host/nats/nats_subject.h"

#include <gtest/gtest.h>

namespace weir {
namespace {

TEST(NatsSubjectTest, IsMadeOfWordsAndDots) {
  for (const char* good :
       {"REQHello", "subCopySrc.8f1b", "a.b.c", "a*", "gr\u00fc\u00df"}) {
    EXPECT_TRUE(MakesNatsSubject(good)) << good;
  }
  for (const char* bad : {"", ".", "a.", ".a", "a..b", "*", "a.*", ">", "a.>",
                          "a b", "a\tb", "a\x01"}) {
    EXPECT_FALSE(MakesNatsSubject(bad)) << bad;
  }
}

}  // namespace
}  // namespace weir
