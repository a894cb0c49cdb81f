#include "cli/subscriptions_command.h"

#include <memory>
#include <optional>
#include <utility>

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
          {"filters",
           Thousands(static_cast<uint64_t>(subscription.filters_size()))},
      },
      session.out);
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
  const auto stub = SubscriptionService::NewStub(session.Connect());
  weir::v1::GetSubscriptionRequest request;
  request.set_name(ResourceName(kCollection, name));
  Subscription subscription;
  const grpc::Status status =
      session.Call(*stub, &SubscriptionService::Stub::GetSubscription, request,
                   &subscription);
  if (!status.ok()) return ReportFailure(status, session);
  Print(subscription, session);
  return kDone;
}

int RunSubscriptionsCreate(const CreateSubscriptionArguments& arguments,
                           Session& session) {
  const auto stub = SubscriptionService::NewStub(session.Connect());
  weir::v1::CreateSubscriptionRequest request;
  request.set_subscription_id(ShortName(kCollection, arguments.name));
  *request.mutable_start() = arguments.start;
  request.mutable_subscription()->set_max_unacked_events(
      arguments.max_unacked_events);
  if (std::optional<weir::v1::EventFilter> filter =
          ToFilter(arguments.filter)) {
    *request.mutable_subscription()->add_filters() = *std::move(filter);
  }
  Subscription subscription;
  const grpc::Status status =
      session.Call(*stub, &SubscriptionService::Stub::CreateSubscription,
                   request, &subscription);
  if (!status.ok()) return ReportFailure(status, session);
  Print(subscription, session);
  return kDone;
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
