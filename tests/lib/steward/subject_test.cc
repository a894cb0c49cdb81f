#include "lib/steward/subject.h"

#include <gtest/gtest.h>

#include "absl/strings/string_view.h"
#include "lib/steward/layout.h"
#include "lib/steward/message.h"
#include "lib/steward/profile.h"

namespace weir::steward {
namespace {

TEST(SubjectTest, HasTheKindOfItsMethod) {
  struct Case {
    Profile profile;
    const char* method;
    const char* subject;
  };
  for (const Case& c : {
           Case{Profile::kS0, "REQCliCommand", "a.b.REQCliCommand.CommandACK"},
           {Profile::kS0, "REQHello", "a.b.REQHello.EventNACK"},
           {Profile::kS0, "REQErrorLog", "a.b.REQErrorLog.EventACK"},
           {Profile::kS1, "REQCliCommand", "a.b.REQCliCommand.EventACK"},
           {Profile::kS1, "REQHello", "a.b.REQHello.EventNACK"},
           {Profile::kS1, "REQToFileNACK", "a.b.REQToFileNACK.EventNACK"},
           {Profile::kS1, "REQSUBCopyDst.u", "a.b.REQSUBCopyDst.u.EventACK"},
           {Profile::kC1, "REQHello", "a.b.REQHello"},
           {Profile::kC4, "hello", "a.b.hello"},
       }) {
    EXPECT_EQ(SubjectOf(c.profile, "a.b", c.method), c.subject);
    Message message;
    message.to_node = "a.b";
    message.method = c.method;
    EXPECT_TRUE(BelongsTo(c.subject, message, LayoutOf(c.profile)))
        << c.subject;
    message.to_node = "a";
    EXPECT_FALSE(BelongsTo(c.subject, message, LayoutOf(c.profile)))
        << c.subject;
  }
}

TEST(AcknowledgementTest, IsWantedAsTheReleaseHasIt) {
  Message message;
  message.method = "REQHello";
  message.id = 3;
  EXPECT_FALSE(WantsAcknowledgement(message, Layout::kS0));
  EXPECT_FALSE(WantsAcknowledgement(message, Layout::kS1));
  message.ack_timeout = 1;
  EXPECT_FALSE(WantsAcknowledgement(message, Layout::kS0));
  EXPECT_TRUE(WantsAcknowledgement(message, Layout::kS1))
      << "the kind of a subject says nothing from S1 on";
  message.method = "REQCliCommand";
  message.ack_timeout = 0;
  EXPECT_TRUE(WantsAcknowledgement(message, Layout::kS0));
  EXPECT_FALSE(WantsAcknowledgement(message, Layout::kC4));
  EXPECT_EQ(Acknowledgement(message, Layout::kS0, "central"),
            "confirmed from: central: 3");
  EXPECT_EQ(Acknowledgement(message, Layout::kS1, "central"), "");
}

}  // namespace
}  // namespace weir::steward
