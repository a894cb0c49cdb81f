#ifndef WEIR_HOST_RPC_SUBSCRIPTION_SERVICE_H_
#define WEIR_HOST_RPC_SUBSCRIPTION_SERVICE_H_

#include <string>

#include "host/control/subscriptions.h"
#include "host/rpc/access.h"
#include "host/rpc/slow_calls.h"
#include "weir/v1/subscription.grpc.pb.h"

namespace weir {

// weir.v1.SubscriptionService. Consume is raw, because a response is mostly
// bytes that the log has already. Thread-safe.
class SubscriptionService final
    : public v1::SubscriptionService::WithRawCallbackMethod_Consume<
          v1::SubscriptionService::CallbackService> {
 public:
  // `subscriptions` and `access` must outlive the service.
  SubscriptionService(Subscriptions& subscriptions, const Access& access,
                      std::string server_version)
      : subscriptions_(subscriptions),
        access_(access),
        version_(std::move(server_version)) {}

  grpc::ServerUnaryReactor* CreateSubscription(
      grpc::CallbackServerContext* context,
      const v1::CreateSubscriptionRequest* request,
      v1::Subscription* response) override;
  grpc::ServerUnaryReactor* GetSubscription(
      grpc::CallbackServerContext* context,
      const v1::GetSubscriptionRequest* request,
      v1::Subscription* response) override;
  grpc::ServerUnaryReactor* ListSubscriptions(
      grpc::CallbackServerContext* context,
      const v1::ListSubscriptionsRequest* request,
      v1::ListSubscriptionsResponse* response) override;
  grpc::ServerUnaryReactor* UpdateSubscription(
      grpc::CallbackServerContext* context,
      const v1::UpdateSubscriptionRequest* request,
      v1::Subscription* response) override;
  grpc::ServerUnaryReactor* SeekSubscription(
      grpc::CallbackServerContext* context,
      const v1::SeekSubscriptionRequest* request,
      v1::Subscription* response) override;
  grpc::ServerUnaryReactor* DeleteSubscription(
      grpc::CallbackServerContext* context,
      const v1::DeleteSubscriptionRequest* request,
      v1::DeleteSubscriptionResponse* response) override;
  grpc::ServerUnaryReactor* Acknowledge(
      grpc::CallbackServerContext* context,
      const v1::AcknowledgeRequest* request,
      v1::AcknowledgeResponse* response) override;
  grpc::ServerWriteReactor<grpc::ByteBuffer>* Consume(
      grpc::CallbackServerContext* context,
      const grpc::ByteBuffer* request) override;

 private:
  Subscriptions& subscriptions_;
  const Access& access_;
  const std::string version_;
  SlowCalls slow_calls_;
};

}  // namespace weir

#endif  // WEIR_HOST_RPC_SUBSCRIPTION_SERVICE_H_
