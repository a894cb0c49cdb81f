#include "host/broker/journal_reader.h"

#include <array>
#include <cstring>
#include <utility>

#include "host/broker/chunk.h"
#include "host/broker/crc32c.h"

namespace weir {

uint32_t JournalRowCrc(uint64_t first, uint32_t n, int64_t t0_ns, int64_t t1_ns,
                       absl::string_view body) {
  std::array<uint64_t, 4> head = {first, n, static_cast<uint64_t>(t0_ns),
                                  static_cast<uint64_t>(t1_ns)};
  std::array<char, sizeof(head)> bytes;
  for (size_t i = 0; i < bytes.size(); ++i) {  // Little-endian, everywhere.
    bytes[i] = static_cast<char>(head[i / 8] >> (8 * (i % 8)));
  }
  return ExtendCrc32c(
      ExtendCrc32c(0, absl::string_view(bytes.data(), bytes.size())), body);
}

JournalReader::JournalReader(std::unique_ptr<SqliteConnection> connection)
    : connection_(std::move(connection)),
      by_number_(*connection_,
                 "SELECT first, n, t0, t1, crc, codec, body FROM chunk WHERE "
                 "first >= coalesce((SELECT max(first) FROM chunk WHERE first "
                 "<= ?1), 0) AND first + n > ?1 ORDER BY first LIMIT 64"),
      by_time_(*connection_,
               "SELECT first, n, t0, t1, crc, codec, body FROM chunk "
               "WHERE t1 >= ? ORDER BY t1, first LIMIT 1") {}

absl::StatusOr<std::vector<JournalReader::Row>> JournalReader::Read(
    uint64_t seq, size_t max_bytes) {
  by_number_.Bind(seq);
  return Collect(by_number_, max_bytes);
}

absl::StatusOr<std::vector<JournalReader::Row>> JournalReader::ReadAt(
    absl::Time time) {
  by_time_.Bind(absl::ToUnixNanos(time));
  return Collect(by_time_, 1);
}

absl::StatusOr<std::vector<JournalReader::Row>> JournalReader::Collect(
    SqliteStatement& rows, size_t max_bytes) {
  std::vector<Row> all;
  size_t bytes = 0;
  while (bytes < max_bytes && rows.Step()) {
    Row& row = all.emplace_back();
    row.first = static_cast<uint64_t>(rows.Number(0));
    row.n = static_cast<uint32_t>(rows.Number(1));
    row.t0 = absl::FromUnixNanos(rows.Number(2));
    row.t1 = absl::FromUnixNanos(rows.Number(3));
    const absl::string_view body = rows.Bytes(6);
    row.sound =
        rows.Number(1) >= 1 && rows.Number(1) <= Chunk::kMaxEvents &&
        rows.Number(5) == 0 &&
        rows.Number(4) == JournalRowCrc(row.first, row.n, rows.Number(2),
                                        rows.Number(3), body);
    if (row.sound) row.body.assign(body.data(), body.size());
    bytes += body.size();
  }
  rows.Reset();
  if (!rows.status().ok()) return rows.status();
  return all;
}

}  // namespace weir
