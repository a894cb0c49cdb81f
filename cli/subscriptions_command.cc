#include "cli/subscriptions_command.h"

#include <memory>
#include <optional>
#include <utility>

#include "absl/time/time.h"
#include "cli/call_report.h"
#include "cli/details.h"
#include "cli/escape.h"
#include "cli/human.h"
#include "cli/json.h"
#include "cli/resource_name.h"
#include "cli/table.h"
#include "lib/client/event_client.h"
#include "weir/v1/subscription.grpc.pb.h"

namespace weir::cli {
namespace {

using weir::v1::Subscription;
using weir::v1::SubscriptionService;

constexpr char kCollection[] = "subscriptions/";

std::string State(const Subscription& subscription) {
  return EnumWords(Subscription::State_Name(subscription.state()), "STATE_");
}

void Print(const Subscription& subscription, Session& session) {
  if (session.json) {
    PrintJson(subscription, Defaults::kPrint, session.out);
    return;
  }
  PrintDetails(
      {
          {"name", subscription.name()},
          {"description", subscription.display_name()},
          {"state", State(subscription)},
          {"acknowledged", subscription.ack_cursor()},
          {"delivered", subscription.delivered_cursor()},
          {"waiting", Thousands(subscription.backlog_events())},
          {"not acknowledged", Thousands(subscription.unacked_events())},
          {"consumer", subscription.attached_client()},
          {"gaps", Thousands(subscription.gap_count())},
          {"expires", subscription.has_expire_time()
                          ? absl::FormatTime("%Y-%m-%d %H:%M:%S",
                                             ToTime(subscription.expire_time()),
                                             session.time_zone)
                          : ""},
          {"etag", subscription.etag()},
          {"filters",
           Thousands(static_cast<uint64_t>(subscription.filters_size()))},
      },
      session.out);
}

// Puts what is set into `subscription`; returns which fields that were.
google::protobuf::FieldMask SetSettings(const SubscriptionSettings& settings,
                                        Subscription* subscription) {
  google::protobuf::FieldMask mask;
  if (std::optional<weir::v1::EventFilter> filter = ToFilter(settings.filter)) {
    *subscription->add_filters() = *std::move(filter);
    mask.add_paths("filters");
  }
  if (settings.display_name.has_value()) {
    subscription->set_display_name(*settings.display_name);
    mask.add_paths("display_name");
  }
  if (settings.max_unacked_events.has_value()) {
    subscription->set_max_unacked_events(*settings.max_unacked_events);
    mask.add_paths("max_unacked_events");
  }
  if (settings.gap_policy.has_value()) {
    subscription->set_gap_policy(*settings.gap_policy);
    mask.add_paths("gap_policy");
  }
  if (settings.idle_ttl.has_value()) {
    const absl::Duration ttl = *settings.idle_ttl;
    const int64_t seconds = absl::ToInt64Seconds(ttl);
    subscription->mutable_idle_ttl()->set_seconds(seconds);
    subscription->mutable_idle_ttl()->set_nanos(static_cast<int32_t>(
        absl::ToInt64Nanoseconds(ttl - absl::Seconds(seconds))));
    mask.add_paths("idle_ttl");
  }
  if (settings.labels.has_value()) {
    subscription->mutable_labels()->insert(settings.labels->begin(),
                                           settings.labels->end());
    mask.add_paths("labels");
  }
  return mask;
}

// Shows the subscription that one call answered with, or why there is none.
template <typename Method, typename Request>
int CallAndPrint(Method method, const Request& request, Session& session) {
  const auto stub = SubscriptionService::NewStub(session.Connect());
  Subscription subscription;
  const grpc::Status status =
      session.Call(*stub, method, request, &subscription);
  if (!status.ok()) return ReportFailure(status, session);
  Print(subscription, session);
  return kDone;
}

}  // namespace

int RunSubscriptionsList(Session& session) {
  const auto stub = SubscriptionService::NewStub(session.Connect());
  Table table({{"SUBSCRIPTION"},
               {"STATE"},
               {"ACKNOWLEDGED"},
               {"WAITING", Table::Align::kRight},
               {"UNACKED", Table::Align::kRight},
               {"GAPS", Table::Align::kRight},
               {"CONSUMER"}});
  weir::v1::ListSubscriptionsRequest request;
  do {
    weir::v1::ListSubscriptionsResponse response;
    const grpc::Status status =
        session.Call(*stub, &SubscriptionService::Stub::ListSubscriptions,
                     request, &response);
    if (!status.ok()) return ReportFailure(status, session);
    for (const Subscription& subscription : response.subscriptions()) {
      if (session.json) {
        PrintJson(subscription, Defaults::kPrint, session.out);
      }
      table.AddRow({ShortName(kCollection, subscription.name()),
                    State(subscription), subscription.ack_cursor(),
                    Thousands(subscription.backlog_events()),
                    Thousands(subscription.unacked_events()),
                    Thousands(subscription.gap_count()),
                    subscription.attached_client()});
    }
    request.set_page_token(response.next_page_token());
  } while (!request.page_token().empty());
  if (!session.json) table.Print(session.out, session.colour);
  return kDone;
}

int RunSubscriptionsGet(const std::string& name, Session& session) {
  weir::v1::GetSubscriptionRequest request;
  request.set_name(ResourceName(kCollection, name));
  return CallAndPrint(&SubscriptionService::Stub::GetSubscription, request,
                      session);
}

int RunSubscriptionsCreate(const CreateSubscriptionArguments& arguments,
                           Session& session) {
  weir::v1::CreateSubscriptionRequest request;
  request.set_subscription_id(ShortName(kCollection, arguments.name));
  *request.mutable_start() = arguments.start;
  SetSettings(arguments.settings, request.mutable_subscription());
  return CallAndPrint(&SubscriptionService::Stub::CreateSubscription, request,
                      session);
}

int RunSubscriptionsUpdate(const UpdateSubscriptionArguments& arguments,
                           Session& session) {
  weir::v1::UpdateSubscriptionRequest request;
  *request.mutable_update_mask() =
      SetSettings(arguments.settings, request.mutable_subscription());
  if (arguments.all_events) request.mutable_update_mask()->add_paths("filters");
  // An empty mask would mean everything, and set it all to the defaults.
  if (request.update_mask().paths().empty()) {
    session.err << "weir: nothing to change was named; see weir subscriptions "
                   "update --help\n";
    return kUsageError;
  }
  request.mutable_subscription()->set_name(
      ResourceName(kCollection, arguments.name));
  request.mutable_subscription()->set_etag(arguments.etag);
  return CallAndPrint(&SubscriptionService::Stub::UpdateSubscription, request,
                      session);
}

int RunSubscriptionsSeek(const SeekSubscriptionArguments& arguments,
                         Session& session) {
  weir::v1::SeekSubscriptionRequest request;
  request.set_name(ResourceName(kCollection, arguments.name));
  *request.mutable_start() = arguments.start;
  return CallAndPrint(&SubscriptionService::Stub::SeekSubscription, request,
                      session);
}

int RunSubscriptionsDelete(const std::string& name, Session& session) {
  const auto stub = SubscriptionService::NewStub(session.Connect());
  weir::v1::DeleteSubscriptionRequest request;
  request.set_name(ResourceName(kCollection, name));
  weir::v1::DeleteSubscriptionResponse response;
  const grpc::Status status =
      session.Call(*stub, &SubscriptionService::Stub::DeleteSubscription,
                   request, &response);
  if (!status.ok()) return ReportFailure(status, session);
  if (session.json) {
    PrintJson(response, Defaults::kPrint, session.out);
  } else {
    session.out << "deleted " << Escape(request.name()) << "\n";
  }
  return kDone;
}

int RunSubscriptionsConsume(const ConsumeArguments& arguments,
                            Session& session) {
  weir::v1::ConsumeRequest request;
  request.set_name(ResourceName(kCollection, arguments.name));
  request.set_takeover(arguments.takeover);
  request.set_auto_ack(arguments.auto_ack);
  request.set_client_name("weir subscriptions consume");
  client::EventClientOptions options;
  options.request = std::move(request);
  options.first_connect_must_work = true;
  return Follow(std::move(options), arguments.follow, session);
}

}  // namespace weir::cli
