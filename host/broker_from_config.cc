#include "host/broker_from_config.h"

#include <fstream>

#include "host/broker/filter.h"
#include "host/broker/start_position.h"
#include "host/broker/stream_limits.h"
#include "host/rpc/proto_time.h"

namespace weir {
namespace {

// Differs with each start of the machine.
std::string ReadBootId() {
  std::ifstream file("/proc/sys/kernel/random/boot_id");
  std::string id;
  std::getline(file, id);
  return id;
}

}  // namespace

BrokerOptions MakeBrokerOptions(const v1::HostConfig& config) {
  BrokerOptions options;
  options.log.ring_bytes = config.broker().ring_bytes();
  options.log.ring_age = FromProto(config.broker().ring_age());
  options.log.ring_events = config.broker().ring_events();
  options.max_streams = config.limits().max_subscribers();
  options.regex_budget_bytes =
      static_cast<int64_t>(config.limits().filter_memory_bytes());
  options.write_stall = FromProto(config.limits().write_stall_timeout());
  return options;
}

v1::ServerInfo::StreamLimits MakeStreamLimits(const v1::HostConfig& config) {
  v1::ServerInfo::StreamLimits limits;
  limits.set_max_batch_events(kMaxBatchEvents);
  *limits.mutable_max_batch_delay() = ToProto(kMaxDelay);
  *limits.mutable_min_heartbeat_interval() = ToProto(kMinHeartbeat);
  *limits.mutable_max_heartbeat_interval() = ToProto(kMaxHeartbeat);
  limits.set_max_tail(kMaxTail);
  *limits.mutable_write_stall_timeout() = config.limits().write_stall_timeout();
  if (config.broker().mode() != v1::BrokerConfig::MODE_MEMORY) {
    limits.set_max_concurrent_replays(config.broker().max_concurrent_replays());
  }
  return limits;
}

v1::ServerInfo::FilterLimits MakeFilterLimits(const v1::HostConfig& config) {
  v1::ServerInfo::FilterLimits limits;
  limits.set_max_filters(FilterClass::kMaxFilters);
  limits.set_max_types(FilterClass::kMaxTypes);
  limits.set_max_sources(FilterClass::kMaxSources);
  limits.set_max_subject_regexes(FilterClass::kMaxSubjectRegexes);
  limits.set_max_json_regexes(FilterClass::kMaxJsonRegexes);
  limits.set_max_regex_bytes(FilterClass::kMaxRegexBytes);
  limits.set_max_prefixes(FilterClass::kMaxPrefixes);
  limits.set_max_as_numbers(FilterClass::kMaxAsNumbers);
  limits.set_memory_bytes(config.limits().filter_memory_bytes());
  return limits;
}

absl::StatusOr<std::unique_ptr<JournaledLog>> OpenJournal(
    const v1::HostConfig& config, const std::string& new_epoch,
    const EventCodec& codec, const Clock& clock) {
  const v1::BrokerConfig& broker = config.broker();
  if (broker.mode() == v1::BrokerConfig::MODE_MEMORY) return nullptr;
  JournaledLogOptions options;
  options.journal.path = broker.journal_path();
  options.journal.full_sync = broker.sync() == v1::BrokerConfig::SYNC_FULL;
  options.journal.shown_ahead = broker.mode() == v1::BrokerConfig::MODE_FAST;
  options.journal.boot_id = ReadBootId();
  options.journal.new_epoch = new_epoch;
  options.ring = MakeBrokerOptions(config).log;
  options.commit_interval = FromProto(broker.commit_interval());
  options.retention.age = FromProto(broker.retention_age());
  options.retention.bytes = broker.retention_bytes();
  options.replay.max_concurrent = broker.max_concurrent_replays();
  return JournaledLog::Open(options, codec, clock);
}

}  // namespace weir
