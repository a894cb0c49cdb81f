#include "host/rpc/rpc_counter.h"

#include "grpcpp/support/interceptor.h"

namespace weir {

class RpcCounter::Interceptor final : public grpc::experimental::Interceptor {
 public:
  explicit Interceptor(RpcCounter& counter) : counter_(counter) {}

  void Intercept(
      grpc::experimental::InterceptorBatchMethods* methods) override {
    if (methods->QueryInterceptionHookPoint(
            grpc::experimental::InterceptionHookPoints::PRE_SEND_STATUS)) {
      const auto code =
          static_cast<size_t>(methods->GetSendStatus().error_code());
      if (code < kCodes) {
        counter_.ended_[code].fetch_add(1, std::memory_order_relaxed);
      }
    }
    methods->Proceed();
  }

 private:
  RpcCounter& counter_;
};

class RpcCounter::Factory final
    : public grpc::experimental::ServerInterceptorFactoryInterface {
 public:
  explicit Factory(RpcCounter& counter) : counter_(counter) {}

  grpc::experimental::Interceptor* CreateServerInterceptor(
      grpc::experimental::ServerRpcInfo*) override {
    counter_.started_.fetch_add(1, std::memory_order_relaxed);
    return new Interceptor(counter_);  // gRPC owns it.
  }

 private:
  RpcCounter& counter_;
};

std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface>
RpcCounter::MakeInterceptor() {
  return std::make_unique<Factory>(*this);
}

}  // namespace weir
