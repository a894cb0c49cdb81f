#ifndef WEIR_HOST_SOURCE_SLEEPER_FACTORY_H_
#define WEIR_HOST_SOURCE_SLEEPER_FACTORY_H_

#include <functional>
#include <memory>

#include "host/sync/sleeper.h"

namespace weir {

// Makes one Sleeper for each wait. A Sleeper that was woken stays awake for
// good, but a source that was woken by "reconnect" or "pause" has to be able to
// wait again. Called from several threads.
using SleeperFactory = std::function<std::unique_ptr<Sleeper>()>;

}  // namespace weir

#endif  // WEIR_HOST_SOURCE_SLEEPER_FACTORY_H_
