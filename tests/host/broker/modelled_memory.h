#ifndef WEIR_TESTS_HOST_BROKER_MODELLED_MEMORY_H_
#define WEIR_TESTS_HOST_BROKER_MODELLED_MEMORY_H_

#include <memory>
#include <string>
#include <utility>

#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "host/broker/broker.h"
#include "host/pipeline/event_codec.h"
#include "tests/fakes/stepping_clock.h"
#include "tests/host/broker/model_driver.h"

namespace weir {

// A broker whose log is in memory: each restart begins a new one. Its ring and
// its chunks are so small that histories reach their edges. `codec` and `clock`
// must outlive it.
inline ModelledBroker ModelledMemory(const std::string& epoch,
                                     const EventCodec& codec,
                                     const SteppingClock& clock) {
  BrokerOptions options;
  options.log.chunk_events = 1 + epoch.back() % 13;
  options.log.chunk_bytes = 600;
  options.log.ring_events = 600;
  options.log.ring_age = absl::Minutes(4);
  auto broker = std::make_unique<Broker>(options, epoch, codec, clock);
  Broker* const b = broker.get();
  return {std::move(broker),
          [b](Event event) { EXPECT_TRUE(b->Publish(std::move(event)).ok()); },
          [b] { b->Tick(); },
          {.ring_events = options.log.ring_events,
           .ring_age = options.log.ring_age,
           .unit = options.log.chunk_events}};
}

}  // namespace weir

#endif  // WEIR_TESTS_HOST_BROKER_MODELLED_MEMORY_H_
