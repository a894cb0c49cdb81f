#include "host/rpc/stats_convert.h"

#include <array>
#include <string>

#include "host/rpc/proto_time.h"

namespace weir {
namespace {

constexpr std::array<const char*, RpcCounter::kCodes> kCodeNames = {
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED"};

void ToProto(const Distribution& distribution, v1::Distribution* out) {
  out->set_count(distribution.count);
  out->set_sum_ns(distribution.sum_ns);
  out->set_min_ns(distribution.min_ns);
  out->set_max_ns(distribution.max_ns);
  out->set_p50_ns(distribution.p50_ns);
  out->set_p90_ns(distribution.p90_ns);
  out->set_p99_ns(distribution.p99_ns);
  out->set_p999_ns(distribution.p999_ns);
}

template <typename Map>
void Copy(const std::map<std::string, uint64_t>& from, Map* to) {
  for (const auto& [key, value] : from) (*to)[key] = value;
}

void FillBooks(const Books& books, v1::PluginStats* out) {
  out->set_offered(books.offered);
  out->set_not_wanted(books.not_wanted);
  out->set_enqueued(books.enqueued);
  out->set_dropped_policy(books.dropped_policy);
  out->set_dropped_full(books.dropped_full);
  out->set_dropped_not_running(books.dropped_not_running);
  out->set_dropped_quarantined(books.dropped_quarantined);
  out->set_processed_ok(books.processed_ok);
  out->set_processed_error(books.processed_error);
  out->set_lost_in_crash(books.lost_in_crash);
  out->set_discarded_on_unload(books.discarded_on_unload);
  out->set_queued(books.queued);
  out->set_in_flight(books.in_flight);
}

}  // namespace

void ToProto(const SourceStats& stats, v1::SourceStats* out) {
  out->set_name(stats.name);
  out->set_messages(stats.messages);
  out->set_bytes(stats.bytes);
  out->set_messages_per_second(stats.messages_per_second);
  out->set_bits_per_second(stats.bits_per_second);
  Copy(stats.messages_by_type, out->mutable_messages_by_type());
  out->set_parse_errors(stats.parse_errors);
  Copy(stats.skipped_by_reason, out->mutable_skipped_by_reason());
  out->set_unknown_types(stats.unknown_types);
  out->set_upstream_errors(stats.upstream_errors);
  out->set_reconnects(stats.reconnects);
  out->set_connect_failures(stats.connect_failures);
  SetTime(stats.connected_since,
          [&] { return out->mutable_connected_since(); });
  SetTime(stats.last_message_time,
          [&] { return out->mutable_last_message_time(); });
  *out->mutable_lag() = weir::ToProto(stats.lag);
  ToProto(stats.lag_distribution, out->mutable_lag_distribution());
  out->set_outages(stats.outages);
  *out->mutable_outage_time() = weir::ToProto(stats.outage_time);
  *out->mutable_blocked_time() = weir::ToProto(stats.blocked_time);
  out->set_completed_batches(stats.completed_batches);
  out->set_incomplete_batches(stats.incomplete_batches);
  out->set_commits(stats.commits);
  out->set_commit_errors(stats.commit_errors);
  out->set_open_batches(stats.open_batches);
  ToProto(stats.decode, out->mutable_decode());
  Copy(stats.counters, out->mutable_counters());
}

void ToProto(const PluginMetric& metric, v1::PluginMetric* out) {
  out->set_name(metric.name);
  out->set_help(metric.help);
  out->mutable_labels()->insert(metric.labels.begin(), metric.labels.end());
  switch (metric.kind) {
    case PluginMetric::Kind::kCounter:
      out->set_counter(metric.counter);
      break;
    case PluginMetric::Kind::kGauge:
      out->set_gauge(metric.gauge);
      break;
    case PluginMetric::Kind::kHistogram:
      out->mutable_histogram()->mutable_bounds()->Add(metric.bounds.begin(),
                                                      metric.bounds.end());
      out->mutable_histogram()->mutable_counts()->Add(metric.counts.begin(),
                                                      metric.counts.end());
      out->mutable_histogram()->set_sum(metric.sum);
      break;
  }
}

void ToProto(const PluginStats& stats, v1::PluginStats* out) {
  const HandlerStats& handler = stats.handler;
  out->set_name(stats.name);
  out->set_generation(stats.generation);
  FillBooks(handler.books, out);
  out->set_queue_length(static_cast<uint32_t>(handler.books.queued));
  out->set_queue_capacity(handler.capacity);
  out->set_queue_high_water(handler.high_water);
  out->set_queue_bytes(handler.queued_bytes);
  ToProto(handler.queue_age, out->mutable_queue_age());
  *out->mutable_oldest_queued() = weir::ToProto(handler.oldest_queued);
  ToProto(handler.handle, out->mutable_handle());
  out->set_messages_per_second(handler.messages_per_second);
  out->set_cpu_seconds(handler.cpu_seconds);
  out->set_events_emitted(stats.events_emitted);
  Copy(stats.events_rejected, out->mutable_events_rejected());
  out->set_log_lines(stats.log_lines);
  out->set_log_lines_suppressed(stats.log_lines_suppressed);
  out->set_ticks(stats.ticks);
  out->set_tick_errors(stats.tick_errors);
  for (const PluginMetric& metric : stats.metrics) {
    ToProto(metric, out->add_metrics());
  }
  out->set_metrics_refused(stats.metrics_refused);
  out->set_kv_bytes(stats.kv_bytes);
  out->set_kv_gets(stats.kv_gets);
  out->set_kv_changes(stats.kv_changes);
  out->set_kv_refused(stats.kv_refused);
  out->set_kv_errors(stats.kv_errors);
  out->set_kv_last_error(stats.kv_last_error);
  out->set_memory_bytes(stats.memory_bytes);
  out->set_restarts(stats.restarts);
  out->set_crashes(stats.crashes);
  out->set_hangs(stats.hangs);
  out->set_redelivered(handler.redelivered);
  SetTime(stats.reset_time, [&] { return out->mutable_reset_time(); });
  *out->mutable_blocked_time() = weir::ToProto(handler.blocked_time);
}

void ToProto(const BrokerStats& stats, v1::BrokerStats* out) {
  out->set_epoch(stats.epoch);
  out->set_latest_seq(stats.latest_seq);
  out->set_durable_seq(stats.durable_seq);
  out->set_earliest_seq(stats.earliest_seq);
  out->set_ring_earliest_seq(stats.ring_earliest_seq);
  out->set_appended_events(stats.appended_events);
  out->set_appended_bytes(stats.appended_bytes);
  out->set_delivered_events(stats.delivered_events);
  out->set_delivered_bytes(stats.delivered_bytes);
  out->set_filtered_events(stats.filtered_events);
  out->set_gaps_sent(stats.gaps_sent);
  out->set_missed_events(stats.missed_events);
  out->set_subscribers(stats.subscribers);
  out->set_replaying_subscribers(stats.replaying_subscribers);
  out->set_filter_classes(stats.filter_classes);
  out->set_stalled_streams(stats.stalled_streams);
  ToProto(stats.append_to_visible, out->mutable_append_to_visible());
  ToProto(stats.append_to_write, out->mutable_append_to_write());
}

void ToProto(const JournalStats& stats, v1::JournalStats* out) {
  out->set_bytes(stats.bytes);
  out->set_wal_bytes(stats.wal_bytes);
  out->set_commits(stats.commits);
  out->set_commit_errors(stats.commit_errors);
  ToProto(stats.commit, out->mutable_commit());
  out->set_pruned_events(stats.pruned_events);
  out->set_replay_reads(stats.replay_reads);
  out->set_degraded(stats.degraded);
  out->set_replays(stats.replays);
  out->set_replays_most(stats.replays_most);
  out->set_replays_waiting(stats.replays_waiting);
}

void ToProto(const SinkStats& stats, v1::SinkStats* out) {
  out->set_name(stats.name);
  out->set_delivered_events(stats.delivered_events);
  out->set_delivered_bytes(stats.delivered_bytes);
  out->set_failed_attempts(stats.failed_attempts);
  out->set_rejected_events(stats.rejected_events);
  out->set_missed_events(stats.missed_events);
  out->set_lag_events(stats.lag_events);
  out->set_cursor(stats.cursor);
  out->set_last_error(stats.last_error);
  SetTime(stats.last_delivery_time,
          [&] { return out->mutable_last_delivery_time(); });
}

void ToProto(const SubscriberStats& stats, v1::SubscriberStats* out) {
  out->set_stream_id(stats.stream_id);
  out->set_subscription(stats.subscription);
  out->set_client(stats.client);
  out->set_cursor(stats.cursor);
  out->set_lag_events(stats.lag_events);
  out->set_delivered_events(stats.delivered_events);
  out->set_delivered_bytes(stats.delivered_bytes);
  out->set_messages(stats.messages);
  out->set_gaps(stats.gaps);
  out->set_replaying(stats.replaying);
  *out->mutable_write_blocked() = weir::ToProto(stats.write_blocked);
  SetTime(stats.start_time, [&] { return out->mutable_start_time(); });
  out->set_filtered_events(stats.filtered_events);
  out->set_missed_events(stats.missed_events);
  out->set_start_cursor(stats.start_cursor);
}

void ToProto(const ProcessStats& stats, v1::ProcessStats* out) {
  out->set_rss_bytes(stats.rss_bytes);
  out->set_cpu_seconds(stats.cpu_seconds);
  out->set_threads(stats.threads);
  out->set_open_fds(stats.open_fds);
}

void AddChildren(const std::vector<PluginStats>& plugins,
                 v1::ProcessStats* out) {
  uint64_t rss_bytes = out->rss_bytes();
  double cpu_seconds = out->cpu_seconds();
  for (const PluginStats& plugin : plugins) {
    rss_bytes += plugin.memory_bytes;
    cpu_seconds += plugin.child_cpu_seconds;
  }
  out->set_total_rss_bytes(rss_bytes);
  out->set_total_cpu_seconds(cpu_seconds);
}

void ToProto(const RpcCounter& counter, v1::RpcStats* out) {
  out->set_started(counter.started());
  uint64_t failed = 0;
  for (size_t code = 0; code < RpcCounter::kCodes; ++code) {
    const uint64_t ended = counter.ended(code);
    if (ended == 0) continue;
    (*out->mutable_by_code())[kCodeNames[code]] = ended;
    if (code != 0) failed += ended;
  }
  out->set_failed(failed);
}

}  // namespace weir
