#include "host/rpc/stream_convert.h"

#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "grpcpp/support/slice.h"
#include "host/rpc/proto_time.h"
#include "host/status/error_info.h"

namespace weir {
namespace {

// Below this, copying a piece costs less than counting who holds it.
constexpr size_t kCopyBelowBytes = 4096;

PrefixMatch PrefixMatchFromProto(v1::PrefixMatch match) {
  switch (match) {
    case v1::PREFIX_MATCH_EXACT:
      return PrefixMatch::kExact;
    case v1::PREFIX_MATCH_MORE_SPECIFIC:
      return PrefixMatch::kMoreSpecific;
    case v1::PREFIX_MATCH_LESS_SPECIFIC:
      return PrefixMatch::kLessSpecific;
    default:  // Open enum: what we do not know is the default.
      return PrefixMatch::kOverlapping;
  }
}

v1::PrefixMatch PrefixMatchToProto(PrefixMatch match) {
  switch (match) {
    case PrefixMatch::kOverlapping:
      return v1::PREFIX_MATCH_OVERLAPPING;
    case PrefixMatch::kExact:
      return v1::PREFIX_MATCH_EXACT;
    case PrefixMatch::kMoreSpecific:
      return v1::PREFIX_MATCH_MORE_SPECIFIC;
    case PrefixMatch::kLessSpecific:
      return v1::PREFIX_MATCH_LESS_SPECIFIC;
  }
  return v1::PREFIX_MATCH_UNSPECIFIED;
}

grpc::Slice ToSlice(const SharedBytes& piece) {
  if (piece.bytes.size() < kCopyBelowBytes) {
    return grpc::Slice(piece.bytes.data(), piece.bytes.size());
  }
  auto* const owner = new std::shared_ptr<const std::string>(piece.owner);
  return grpc::Slice(
      const_cast<char*>(piece.bytes.data()), piece.bytes.size(),
      [](void* held) {
        delete static_cast<std::shared_ptr<const std::string>*>(held);
      },
      owner);
}

void FillHello(const StreamItem& item, absl::string_view server_version,
               v1::SubscribeResponse::Hello* out) {
  out->set_epoch(item.hello.epoch);
  out->set_earliest_id(item.hello.earliest_id);
  out->set_latest_id(item.hello.latest_id);
  out->set_start_cursor(item.hello.start_cursor);
  out->set_backlog_events(item.hello.backlog_events);
  *out->mutable_heartbeat_interval() = ToProto(item.hello.heartbeat_interval);
  out->mutable_batch()->set_max_events(item.hello.batch.max_events);
  out->mutable_batch()->set_max_bytes(item.hello.batch.max_bytes);
  if (item.hello.batch.max_delay.has_value()) {
    *out->mutable_batch()->mutable_max_delay() =
        ToProto(*item.hello.batch.max_delay);
  }
  out->set_server_version(std::string(server_version));
  out->set_stream_id(item.hello.stream_id);
  out->set_lease_id(item.hello.lease_id);
  *out->mutable_server_time() = ToProto(item.hello.server_time);
}

void FillKind(const StreamItem& item, absl::string_view server_version,
              v1::SubscribeResponse* out) {
  switch (item.kind) {
    case StreamItem::Kind::kHello:
      FillHello(item, server_version, out->mutable_hello());
      return;
    case StreamItem::Kind::kCaughtUp:
      out->mutable_caught_up()->set_latest_id(item.latest_id);
      return;
    case StreamItem::Kind::kHeartbeat: {
      auto& heartbeat = *out->mutable_heartbeat();
      heartbeat.set_latest_id(item.latest_id);
      heartbeat.set_lag_events(item.lag_events);
      *heartbeat.mutable_server_time() = ToProto(item.server_time);
      heartbeat.set_blocked_on_ack(item.blocked_on_ack);
      heartbeat.set_unacked_events(item.unacked_events);
      return;
    }
    case StreamItem::Kind::kGap:
      GapToProto(item, out->mutable_gap());
      return;
    case StreamItem::Kind::kNotice:
      out->mutable_notice()->set_code(item.notice.code);
      out->mutable_notice()->set_message(item.notice.message);
      *out->mutable_notice()->mutable_retry_after() =
          ToProto(item.notice.retry_after);
      return;
    case StreamItem::Kind::kEvents:
    case StreamItem::Kind::kEnd:
      return;
  }
}

}  // namespace

std::vector<EventFilter> FiltersFromProto(
    const google::protobuf::RepeatedPtrField<v1::EventFilter>& filters) {
  std::vector<EventFilter> result;
  for (const v1::EventFilter& filter : filters) {
    EventFilter& out = result.emplace_back();
    out.types.assign(filter.types().begin(), filter.types().end());
    out.sources.assign(filter.sources().begin(), filter.sources().end());
    out.subject_regexes.assign(filter.subject_regexes().begin(),
                               filter.subject_regexes().end());
    out.min_severity = filter.min_severity();
    for (const auto& [key, value] : filter.labels()) {
      out.labels.emplace_back(key, value);
    }
    out.json_regexes.assign(filter.json_regexes().begin(),
                            filter.json_regexes().end());
    out.prefixes.assign(filter.prefixes().begin(), filter.prefixes().end());
    out.prefix_match = PrefixMatchFromProto(filter.prefix_match());
    out.as_numbers.assign(filter.as_numbers().begin(),
                          filter.as_numbers().end());
  }
  return result;
}

void FilterToProto(const EventFilter& filter, v1::EventFilter* out) {
  out->mutable_types()->Add(filter.types.begin(), filter.types.end());
  out->mutable_sources()->Add(filter.sources.begin(), filter.sources.end());
  out->mutable_subject_regexes()->Add(filter.subject_regexes.begin(),
                                      filter.subject_regexes.end());
  out->set_min_severity(static_cast<v1::Severity>(filter.min_severity));
  for (const auto& [key, value] : filter.labels) {
    (*out->mutable_labels())[key] = value;
  }
  out->mutable_json_regexes()->Add(filter.json_regexes.begin(),
                                   filter.json_regexes.end());
  out->mutable_prefixes()->Add(filter.prefixes.begin(), filter.prefixes.end());
  if (!filter.prefixes.empty()) {
    out->set_prefix_match(PrefixMatchToProto(filter.prefix_match));
  }
  out->mutable_as_numbers()->Add(filter.as_numbers.begin(),
                                 filter.as_numbers.end());
}

StartPosition StartFromProto(const v1::StartPosition& start) {
  StartPosition result;
  switch (start.position_case()) {
    case v1::StartPosition::kAfterId:
      result.kind = StartPosition::Kind::kAfterId;
      result.after_id = start.after_id();
      break;
    case v1::StartPosition::kAtTime:
      result.kind = StartPosition::Kind::kAtTime;
      result.at_time = FromProto(start.at_time());
      break;
    case v1::StartPosition::kEarliest:
      result.kind = StartPosition::Kind::kEarliest;
      break;
    case v1::StartPosition::kTail:
      result.kind = StartPosition::Kind::kTail;
      result.tail = start.tail();
      break;
    case v1::StartPosition::kLatest:
    case v1::StartPosition::POSITION_NOT_SET:
      break;
  }
  return result;
}

GapPolicy GapPolicyFromProto(v1::GapPolicy policy) {
  switch (policy) {
    case v1::GAP_POLICY_FAIL:
      return GapPolicy::kFail;
    case v1::GAP_POLICY_NOTIFY_SKIP_TO_LATEST:
      return GapPolicy::kNotifySkipToLatest;
    default:
      return GapPolicy::kNotify;
  }
}

v1::GapPolicy GapPolicyToProto(GapPolicy policy) {
  switch (policy) {
    case GapPolicy::kNotify:
      return v1::GAP_POLICY_NOTIFY;
    case GapPolicy::kFail:
      return v1::GAP_POLICY_FAIL;
    case GapPolicy::kNotifySkipToLatest:
      return v1::GAP_POLICY_NOTIFY_SKIP_TO_LATEST;
  }
  return v1::GAP_POLICY_UNSPECIFIED;
}

absl::StatusOr<absl::Duration> DurationFromRequest(
    const google::protobuf::Duration& duration, absl::string_view field) {
  constexpr int64_t kMaxSeconds = 315'576'000'000;
  const bool sane = duration.seconds() >= 0 && duration.nanos() >= 0 &&
                    duration.seconds() <= kMaxSeconds &&
                    duration.nanos() < 1'000'000'000;
  if (sane) return FromProto(duration);
  const std::string fault =
      absl::StrCat(duration.seconds(), " s and ", duration.nanos(),
                   " ns is no duration from 0 s to 10,000 years");
  return MakeError(absl::StatusCode::kInvalidArgument,
                   absl::StrCat(field, ": ", fault),
                   {.reason = "INVALID_FIELD",
                    .metadata = {{"field", std::string(field)}},
                    .field_violations = {{std::string(field), fault}}});
}

absl::StatusOr<BatchOptions> BatchFromProto(const v1::BatchOptions& batch) {
  BatchOptions result;
  result.max_events = batch.max_events();
  result.max_bytes = batch.max_bytes();
  if (batch.has_max_delay()) {
    const auto delay =
        DurationFromRequest(batch.max_delay(), "batch.max_delay");
    if (!delay.ok()) return delay.status();
    result.max_delay = *delay;
  }
  return result;
}

absl::StatusOr<StreamOptions> StreamOptionsFromProto(
    const v1::SubscribeRequest& request) {
  StreamOptions options;
  options.start = StartFromProto(request.start());
  options.filters = FiltersFromProto(request.filters());
  options.gap_policy = GapPolicyFromProto(request.gap_policy());
  switch (request.lag_policy()) {
    case v1::LAG_POLICY_SKIP:
      options.lag_policy = LagPolicy::kSkip;
      break;
    case v1::LAG_POLICY_DISCONNECT:
      options.lag_policy = LagPolicy::kDisconnect;
      break;
    default:
      options.lag_policy = LagPolicy::kCatchUp;
  }
  options.max_lag_events = request.max_lag_events();
  const auto batch = BatchFromProto(request.batch());
  if (!batch.ok()) return batch.status();
  options.batch = *batch;
  if (request.has_heartbeat_interval()) {
    const auto interval =
        DurationFromRequest(request.heartbeat_interval(), "heartbeat_interval");
    if (!interval.ok()) return interval.status();
    options.heartbeat_interval = *interval;
  }
  options.stop_at_latest = request.stop_at_latest();
  options.headers_only = request.headers_only();
  options.client_name = request.client_name();
  return options;
}

void GapToProto(const StreamItem& item, v1::SubscribeResponse::Gap* out) {
  out->set_reason(
      static_cast<v1::SubscribeResponse::Gap::Reason>(item.gap.reason));
  out->set_after_id(item.gap.after_id);
  out->set_before_id(item.gap.before_id);
  out->set_missing(item.gap.missing);
  out->set_resync_required(item.gap.resync_required);
}

grpc::ByteBuffer WithEvents(const std::vector<SharedBytes>& pieces,
                            const std::string& rest) {
  std::vector<grpc::Slice> slices;
  slices.reserve(pieces.size() + 1);
  for (const SharedBytes& piece : pieces) slices.push_back(ToSlice(piece));
  slices.emplace_back(rest);
  return grpc::ByteBuffer(slices.data(), slices.size());
}

grpc::ByteBuffer ToResponse(const StreamItem& item,
                            absl::string_view server_version) {
  v1::SubscribeResponse rest;
  rest.set_cursor(item.cursor);
  rest.set_batch_index(item.batch_index);
  FillKind(item, server_version, &rest);
  return WithEvents(item.pieces, rest.SerializeAsString());
}

v1::LogInfo ToProto(const LogInfo& info) {
  v1::LogInfo out;
  out.set_epoch(info.epoch);
  out.set_earliest_id(info.earliest_id);
  out.set_latest_id(info.latest_id);
  out.set_durable_id(info.durable_id);
  out.set_ring_earliest_id(info.ring_earliest_id);
  SetTime(info.earliest_time, [&] { return out.mutable_earliest_time(); });
  SetTime(info.latest_time, [&] { return out.mutable_latest_time(); });
  out.set_event_count(info.event_count);
  out.set_journal_bytes(info.journal_bytes);
  if (info.retention_age > absl::ZeroDuration()) {
    *out.mutable_retention_age() = ToProto(info.retention_age);
  }
  out.set_retention_bytes(info.retention_bytes);
  return out;
}

}  // namespace weir
