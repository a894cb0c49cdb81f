#ifndef WEIR_HOST_RPC_RPC_COUNTER_H_
#define WEIR_HOST_RPC_RPC_COUNTER_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "grpcpp/support/server_interceptor.h"

namespace weir {

// Counts the calls of all services, and how they ended. Thread-safe.
class RpcCounter {
 public:
  // gRPC's codes are 0 to 16.
  static constexpr size_t kCodes = 17;

  // What the server builder takes; `this` must outlive the server.
  std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface>
  MakeInterceptor();

  uint64_t started() const { return started_.load(std::memory_order_relaxed); }
  // How many ended with `code`, 0 to kCodes - 1.
  uint64_t ended(size_t code) const {
    return ended_[code].load(std::memory_order_relaxed);
  }

 private:
  class Interceptor;
  class Factory;

  std::atomic<uint64_t> started_{0};
  std::array<std::atomic<uint64_t>, kCodes> ended_ = {};
};

}  // namespace weir

#endif  // WEIR_HOST_RPC_RPC_COUNTER_H_
