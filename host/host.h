#ifndef WEIR_HOST_HOST_H_
#define WEIR_HOST_HOST_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "host/config/environment.h"
#include "host/sync/clock.h"
#include "weir/v1/config.pb.h"

namespace weir {

// All rooms, introduced to each other. The only place that knows them all; it
// makes them, starts them from the mouth of the data path to its spring, and
// stops them the other way round, so that nobody hands something to a room that
// is not there yet, or not there any more:
//
//   start   log, sinks, control plane, plugins, sources
//   stop    sources, queues, plugins, sinks, log, control plane
//
// Start and Stop are called by one thread.
class Host {
 public:
  // Runs `config`, which has its defaults and no faults (LoadConfigFile).
  // `clock` must outlive the host and is a real one. Everything random comes of
  // `seed`. Plugins in children are run by the program at `runner`.
  //
  // Returns an error, naming the place and the cure, if the state directory, or
  // what is kept there of plugins, cannot be used, if a sink has a filter that
  // is none, or an address cannot be listened on. What is wrong with a plugin
  // or a source is that one's own state, and the host runs.
  static absl::StatusOr<std::unique_ptr<Host>> Start(
      const v1::HostConfig& config, const Environment& environment,
      const Clock& clock, uint64_t seed, std::string runner);

  ~Host();  // Stops.

  Host(const Host&) = delete;
  Host& operator=(const Host&) = delete;

  // Where the API is served, as a client writes it: "127.0.0.1:50051",
  // "unix:///run/weir/weir.sock".
  const std::vector<std::string>& addresses() const;

  // Stops within the configured shutdown_timeout: what is queued is handled,
  // streams are told. Returns false if something did not let go in time, such
  // as a handler in a call or a client that does not read; the process should
  // then end without running destructors. Safe to call twice.
  bool Stop();

 private:
  class Rooms;

  explicit Host(std::unique_ptr<Rooms> rooms);

  std::unique_ptr<Rooms> rooms_;
};

}  // namespace weir

#endif  // WEIR_HOST_HOST_H_
