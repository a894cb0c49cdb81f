#include "host/rpc/subscription_convert.h"

#include "host/rpc/proto_time.h"
#include "host/rpc/stream_convert.h"

namespace weir {

void ToProto(const Subscription& subscription, v1::Subscription* out) {
  out->set_name(subscription.name);
  out->set_display_name(subscription.display_name);
  for (const EventFilter& filter : subscription.filters) {
    FilterToProto(filter, out->add_filters());
  }
  out->set_max_unacked_events(subscription.max_unacked_events);
  out->set_gap_policy(GapPolicyToProto(subscription.gap_policy));
  if (subscription.idle_ttl.has_value()) {
    *out->mutable_idle_ttl() = weir::ToProto(*subscription.idle_ttl);
  }
  for (const auto& [key, value] : subscription.labels) {
    (*out->mutable_labels())[key] = value;
  }
  out->set_state(static_cast<v1::Subscription::State>(subscription.state));
  out->set_ack_cursor(subscription.ack_cursor);
  out->set_delivered_cursor(subscription.delivered_cursor);
  out->set_backlog_events(subscription.backlog_events);
  out->set_unacked_events(subscription.unacked_events);
  out->set_attached_client(subscription.attached_client);
  out->set_lease_id(subscription.lease_id);
  SetTime(subscription.create_time, [&] { return out->mutable_create_time(); });
  SetTime(subscription.update_time, [&] { return out->mutable_update_time(); });
  SetTime(subscription.last_ack_time,
          [&] { return out->mutable_last_ack_time(); });
  SetTime(subscription.expire_time, [&] { return out->mutable_expire_time(); });
  out->set_gap_count(subscription.gap_count);
  out->set_missed_events(subscription.missed_events);
  out->set_etag(subscription.etag);
}

absl::StatusOr<Subscription> SettingsFromProto(const v1::Subscription& proto) {
  Subscription settings;
  settings.display_name = proto.display_name();
  settings.filters = FiltersFromProto(proto.filters());
  settings.max_unacked_events = proto.max_unacked_events();
  settings.gap_policy = GapPolicyFromProto(proto.gap_policy());
  if (proto.has_idle_ttl()) {
    const auto ttl =
        DurationFromRequest(proto.idle_ttl(), "subscription.idle_ttl");
    if (!ttl.ok()) return ttl.status();
    settings.idle_ttl = *ttl;
  }
  settings.labels.insert(proto.labels().begin(), proto.labels().end());
  return settings;
}

}  // namespace weir
