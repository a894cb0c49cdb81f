#ifndef WEIR_TESTS_COMPONENT_MODEL_SOCKET_H_
#define WEIR_TESTS_COMPONENT_MODEL_SOCKET_H_

#include <functional>
#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "host/sync/mutex.h"
#include "tests/component/watched_log.h"
#include "tests/host/broker/model_driver.h"

namespace weir {

// A connection between the brokers of a history and its readers: each broker is
// served by the real gRPC service, and read by the reference client, which
// comes back by itself when its connection is broken or the next broker has
// taken the place of the one before it.
//
// Events must be those of ProtoEventCodec. All calls that take no lock are of
// the thread of the driver; what clients do in threads of their own is handed
// over to it one by one.
class ModelSocket {
 public:
  // Has `broker` served, and its streams opened by clients.
  static ModelledBroker Serve(const std::shared_ptr<ModelSocket>& self,
                              ModelledBroker broker);

 private:
  friend class ClientReader;
  class ServedLog;

  // What a client connects to now.
  std::string address() const ABSL_LOCKS_EXCLUDED(mu_);

  mutable Mutex mu_;
  CondVar changed_;  // For the driver: a client or a stream did something.
  std::string address_ ABSL_GUARDED_BY(mu_);
  // Of the broker that lives; null between two.
  WatchedLog* log_ = nullptr;
  std::function<bool()> read_;
};

}  // namespace weir

#endif  // WEIR_TESTS_COMPONENT_MODEL_SOCKET_H_
