#include "host/broker/journal_reader.h"

#include <array>
#include <cstring>
#include <utility>

#include "host/broker/chunk.h"
#include "host/broker/crc32c.h"
#include "host/broker/journal_records.h"

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

bool IsSoundJournalRow(const SqliteStatement& row) {
  const int64_t n = row.Number(1);
  return IsJournalNumber(row.Number(0)) && n >= 1 && n <= Chunk::kMaxEvents &&
         row.Number(5) == 0 &&
         row.Number(4) == JournalRowCrc(static_cast<uint64_t>(row.Number(0)),
                                        static_cast<uint32_t>(n), row.Number(2),
                                        row.Number(3), row.Bytes(6));
}

JournalReader::JournalReader(std::unique_ptr<SqliteConnection> connection)
    : connection_(std::move(connection)),
      by_number_(*connection_,
                 "SELECT first, n, t0, t1, crc, codec, body FROM chunk WHERE "
                 "first >= coalesce((SELECT max(first) FROM chunk WHERE first "
                 "<= ?1 AND first > 0), 1) AND first + n > ?1 ORDER BY first "
                 "LIMIT 64"),
      by_time_(*connection_,
               "SELECT first, n, t0, t1, crc, codec, body FROM chunk "
               "WHERE t1 >= ? ORDER BY t1, first"),
      before_(*connection_,
              "SELECT first, n, t0, t1, crc, codec, body FROM chunk "
              "WHERE first < ? AND first > 0 ORDER BY first DESC") {}

absl::StatusOr<std::vector<JournalReader::Row>> JournalReader::Read(
    uint64_t seq, size_t max_bytes) {
  by_number_.Bind(seq);
  return Collect(by_number_, max_bytes);
}

absl::StatusOr<JournalReader::AtTime> JournalReader::ReadAt(absl::Time time) {
  AtTime found;
  by_time_.Bind(absl::ToUnixNanos(time));
  absl::StatusOr<std::optional<Row>> row = FirstSound(by_time_);
  if (!row.ok()) return row.status();
  found.row = *std::move(row);
  before_.Bind(found.row.has_value() ? found.row->first
                                     : uint64_t{kMaxJournalNumber} + 1);
  row = FirstSound(before_);
  if (!row.ok()) return row.status();
  if (row->has_value()) found.before = (*row)->first + (*row)->n - 1;
  return found;
}

absl::StatusOr<std::optional<JournalReader::Row>> JournalReader::FirstSound(
    SqliteStatement& rows) {
  std::optional<Row> found;
  while (!found.has_value() && rows.Step()) {
    Row row = Present(rows);
    if (row.sound) found = std::move(row);
  }
  rows.Reset();
  if (!rows.status().ok()) return rows.status();
  return found;
}

JournalReader::Row JournalReader::Present(const SqliteStatement& rows) {
  Row row;
  row.first = static_cast<uint64_t>(rows.Number(0));
  row.n = static_cast<uint32_t>(rows.Number(1));
  row.t0 = absl::FromUnixNanos(rows.Number(2));
  row.t1 = absl::FromUnixNanos(rows.Number(3));
  const absl::string_view body = rows.Bytes(6);
  row.sound = IsSoundJournalRow(rows);
  if (row.sound) row.body.assign(body.data(), body.size());
  return row;
}

absl::StatusOr<std::vector<JournalReader::Row>> JournalReader::Collect(
    SqliteStatement& rows, size_t max_bytes) {
  std::vector<Row> all;
  size_t bytes = 0;
  while (bytes < max_bytes && rows.Step()) {
    bytes += rows.Bytes(6).size();
    all.push_back(Present(rows));
  }
  rows.Reset();
  if (!rows.status().ok()) return rows.status();
  return all;
}

}  // namespace weir
