#include "host/plugin/poison_fingerprint.h"

#include <string>

#include "gtest/gtest.h"

namespace weir {
namespace {

TEST(PoisonFingerprintTest, DiffersByWhatTellsDefectsApart) {
  const std::string base = PoisonFingerprint("UPDATE", "Act", "SIGSEGV", 600);
  EXPECT_EQ(base.size(), 16u);
  EXPECT_EQ(PoisonFingerprint("UPDATE", "Act", "SIGSEGV", 1000), base)
      << "the same power of two";
  EXPECT_EQ(PoisonFingerprint("UPDATE", "Act", "SIGBUS", 600), base)
      << "one place, two ways to die";
  EXPECT_NE(PoisonFingerprint("STATE", "Act", "SIGSEGV", 600), base);
  EXPECT_NE(PoisonFingerprint("UPDATE", "Other", "SIGSEGV", 600), base);
  EXPECT_NE(PoisonFingerprint("UPDATE", "Act", "SIGSEGV", 6000), base);
  EXPECT_NE(PoisonFingerprint("UPDATEA", "ct", "SIGSEGV", 600), base)
      << "where one part ends is a part of it";
}

TEST(PoisonFingerprintTest, TakesTheCauseIfThereIsNoFrame) {
  EXPECT_NE(PoisonFingerprint("UPDATE", "", "SIGKILL", 600),
            PoisonFingerprint("UPDATE", "", "exit status 3", 600));
}

}  // namespace
}  // namespace weir
