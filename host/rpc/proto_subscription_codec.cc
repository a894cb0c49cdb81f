#include "host/rpc/proto_subscription_codec.h"

#include <utility>

#include "host/rpc/proto_time.h"
#include "host/rpc/subscription_convert.h"
#include "weir/v1/subscription.pb.h"

namespace weir {

std::string ProtoSubscriptionCodec::Write(
    const Subscription& subscription) const {
  v1::Subscription proto;
  ToProto(subscription, &proto);
  // What is told anew each time, or kept elsewhere.
  proto.clear_state();
  proto.clear_ack_cursor();
  proto.clear_delivered_cursor();
  proto.clear_backlog_events();
  proto.clear_unacked_events();
  proto.clear_attached_client();
  proto.clear_lease_id();
  proto.clear_expire_time();
  return proto.SerializeAsString();
}

std::optional<Subscription> ProtoSubscriptionCodec::Read(
    absl::string_view bytes) const {
  v1::Subscription proto;
  if (!proto.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return std::nullopt;
  }
  absl::StatusOr<Subscription> settings = SettingsFromProto(proto);
  if (!settings.ok()) return std::nullopt;
  Subscription read = *std::move(settings);
  read.name = proto.name();
  read.etag = proto.etag();
  read.create_time = FromProto(proto.create_time());
  read.update_time = FromProto(proto.update_time());
  if (proto.has_last_ack_time()) {
    read.last_ack_time = FromProto(proto.last_ack_time());
  }
  read.gap_count = proto.gap_count();
  read.missed_events = proto.missed_events();
  return read;
}

}  // namespace weir
