#ifndef WEIR_HOST_DECODE_BGP_JSON_H_
#define WEIR_HOST_DECODE_BGP_JSON_H_

#include <simdjson.h>

#include <cstddef>
#include <cstdint>
#include <vector>

#include "host/decode/field_writer.h"
#include "weir/message_fields.h"

namespace weir {

// Reads the values of a RIS Live message that have structure into fields: one
// function for each, from JSON as RIS Live writes and wrote it.
//
// Each returns what is wrong with the value, in static storage, or null if
// nothing is; then its fields are written. Not thread-safe: it keeps memory for
// the next message.
class BgpJson {
 public:
  using Value = simdjson::ondemand::value;

  // `path`: numbers to 4294967295, and for each AS_SET an array of them, at any
  // place, with any number of members, none included.
  const char* ReadPath(Value& value, FieldWriter& fields);

  // `community`: [asn, value] pairs of 0-65535.
  const char* ReadCommunities(Value& value, FieldWriter& fields);

  // `announcements`: groups of prefixes with a next hop. A next hop is an
  // address or a comma-joined pair of a global and a link-local one, in either
  // order. Until 2022 such a pair came as two groups that repeat the same
  // prefixes: they become one, so that a prefix is counted once. A prefix that
  // stands twice in one group stays twice.
  const char* ReadAnnouncements(Value& value, FieldWriter& fields);

  // The same, of text as today's service writes it: see text_scan.h.
  const char* ScanAnnouncements(const char* at, FieldWriter& fields);

  // `withdrawals`: prefixes.
  const char* ReadWithdrawals(Value& value, FieldWriter& fields);

  // `aggregator`: "<asn>:<ipv4>".
  static const char* ReadAggregator(Value& value, FieldWriter& fields);

  // `notification`: {code, subcode, data}. Since 2026, or before, `data` is the
  // octets as text, one character of U+0000-U+00FF each; characters above that
  // stay as UTF-8. In 2019 it was hex, with code and subcode in front, which
  // tells it apart.
  static const char* ReadNotification(Value& value, FieldWriter& fields);

 private:
  const char* ReadGroup(Value& value, weir_prefix* prefixes, size_t* count);
  // Ends the group of the prefixes from `first` to `count`, whose next hop is
  // number `index` if it has one.
  void EndGroup(size_t index, weir_prefix* prefixes, size_t first,
                size_t* count);
  void EndAnnouncements(size_t count, FieldWriter& fields);
  // Whether the `count` prefixes of `group` are those of the group before it.
  bool RepeatsLastGroup(const weir_prefix* group, size_t count) const;

  std::vector<weir_range> sets_;
  std::vector<weir_next_hop> next_hops_;
  size_t last_group_ = 0;  // How many prefixes with a next hop it had.
};

// Reads a whole number of 0 to `max`. Returns whether there is one.
bool ReadUint(simdjson::ondemand::value& value, uint64_t max, uint64_t* number);

}  // namespace weir

#endif  // WEIR_HOST_DECODE_BGP_JSON_H_
