#include "plugins/steward_methods/hello_watch.h"

#include <chrono>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "weir/sdk.h"
#include "weir/testing.h"

namespace weir {
namespace {

using std::chrono::seconds;
using testing::ElementsAre;
using testing::IsEmpty;

class HelloWatchTest : public testing::Test {
 protected:
  // "kind subject json" of each since the last call.
  std::vector<std::string> Told() {
    std::vector<std::string> told;
    for (; read_ < host_.emitted().size(); ++read_) {
      const FakeHost::Event& event = host_.emitted()[read_];
      told.push_back(event.kind + " " + event.subject + " " + event.json);
    }
    return told;
  }

  FakeHost host_;
  size_t read_ = 0;
  const HelloWatch::Clock::time_point then_{seconds(1'000'000)};
};

TEST_F(HelloWatchTest, TellsOnceOfANodeThatIsSilentAndOnceThatItIsBack) {
  HelloWatch watch(Host(host_.table()), seconds(60));
  watch.Hear("central", "node1", then_);
  watch.Hear("central", "node2", then_ + seconds(1));
  watch.Look("central", then_ + seconds(60));
  EXPECT_THAT(Told(), IsEmpty());
  watch.Look("central", then_ + seconds(61));
  EXPECT_THAT(Told(),
              ElementsAre(R"(steward.node.silent node1 {"seconds":61})"));
  EXPECT_EQ(host_.metric("hello_silent_nodes"), std::vector<uint64_t>{1});
  watch.Look("central", then_ + seconds(61));
  EXPECT_THAT(Told(), IsEmpty());
  watch.Hear("central", "node2", then_ + seconds(62));
  watch.Hear("central", "node1", then_ + seconds(90));
  EXPECT_THAT(Told(), ElementsAre(R"(steward.node.back node1 {"seconds":90})"));
  EXPECT_EQ(host_.metric("hello_silent_nodes"), std::vector<uint64_t>{0});
  watch.Look("central", then_ + seconds(120));
  EXPECT_THAT(Told(), IsEmpty());
}

TEST_F(HelloWatchTest, TellsNodesOfTwoNetworksApart) {
  HelloWatch watch(Host(host_.table()), seconds(60));
  watch.Hear("a", "node1", then_);
  watch.Hear("b", "node1", then_);
  watch.Look("b", then_ + seconds(61));
  EXPECT_THAT(Told(),
              ElementsAre(R"(steward.node.silent node1 {"seconds":61})"));
  watch.Hear("a", "node1", then_ + seconds(62));
  EXPECT_THAT(Told(), IsEmpty()) << "it was not silent there";
}

TEST_F(HelloWatchTest, GivesAllTheirTimeAnewWhenItBeginsToListen) {
  HelloWatch watch(Host(host_.table()), seconds(3600));
  const auto now = HelloWatch::Clock::now();
  watch.Hear("central", "node1", now - seconds(7200));
  watch.Begin("central", "hello");
  watch.End("central", "hello");
  watch.Look("central", now + seconds(1800));
  EXPECT_THAT(Told(), IsEmpty());
}

TEST_F(HelloWatchTest, TellsOfANodeThatIsBackWhenItWasHeardLast) {
  HelloWatch watch(Host(host_.table()), seconds(60));
  watch.Hear("central", "node1", then_);
  watch.Look("central", then_ + seconds(61));
  watch.Begin("central", "hello");
  watch.End("central", "hello");
  Told();
  watch.Hear("central", "node1", then_ + seconds(100));
  EXPECT_THAT(Told(),
              ElementsAre(R"(steward.node.back node1 {"seconds":100})"));
}

TEST_F(HelloWatchTest, KnowsNothingUnlessItIsAsked) {
  HelloWatch watch(Host(host_.table()), seconds(0));
  watch.Begin("central", "hello");
  watch.Hear("central", "node1", then_);
  watch.Look("central", then_ + seconds(1'000'000));
  EXPECT_THAT(Told(), IsEmpty());
}

}  // namespace
}  // namespace weir
