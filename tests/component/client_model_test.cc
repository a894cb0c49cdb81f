// The histories of broker_model_test, with the reference client at the other
// end of a real connection: held to the same list of what happened, while its
// connection breaks and its host stops, is killed or goes down with the
// machine.
#include <cstdint>
#include <memory>
#include <string>

#include "gtest/gtest.h"
#include "host/rpc/proto_event_codec.h"
#include "tests/component/model_socket.h"
#include "tests/fakes/stepping_clock.h"
#include "tests/host/broker/model_driver.h"
#include "tests/host/broker/modelled_journal.h"
#include "tests/host/broker/modelled_memory.h"
#include "tests/host/broker/play_histories.h"

namespace weir {
namespace {

TEST(ClientModelTest, HandsOverTheLogOnceInOrderOrAGap) {
  static const ProtoEventCodec codec;
  const PlayedSums sums = PlayHistories(40, [](uint64_t /*seed*/) {
    return [socket = std::make_shared<ModelSocket>()](
               const std::string& epoch, const SteppingClock& clock) {
      return ModelSocket::Serve(socket, ModelledMemory(epoch, codec, clock));
    };
  });
  if (sums.histories < 40) return;
  // Histories in which nothing happens would prove nothing.
  EXPECT_GT(sums.events, 300 * sums.histories);
  EXPECT_GT(sums.gaps, sums.histories);
  EXPECT_GT(sums.comebacks, sums.histories);
}

TEST(ClientModelTest, KeepsThatPromiseThroughRestarts) {
  static const ProtoEventCodec codec;
  const PlayedSums sums = PlayHistories(40, [](uint64_t seed) {
    return [seed, socket = std::make_shared<ModelSocket>()](
               const std::string& epoch, const SteppingClock& clock) {
      return ModelSocket::Serve(
          socket, ModelledJournal::Live(std::make_shared<ModelledJournal>(
                      seed, epoch, codec, clock)));
    };
  });
  if (sums.histories < 40) return;
  EXPECT_GT(sums.events, 200 * sums.histories);
  EXPECT_GT(sums.gaps, sums.histories);
  EXPECT_GT(sums.comebacks, sums.histories);
  EXPECT_GT(sums.lost, 0u) << "no machine forgot anything";
}

}  // namespace
}  // namespace weir
