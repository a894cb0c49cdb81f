#ifndef WEIR_HOST_BROKER_JOURNAL_READER_H_
#define WEIR_HOST_BROKER_JOURNAL_READER_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "host/sqlite/sqlite_connection.h"
#include "host/sqlite/sqlite_statement.h"

namespace weir {

// The checksum of a row of the journal: CRC-32C over all its columns but codec.
uint32_t JournalRowCrc(uint64_t first, uint32_t n, int64_t t0_ns, int64_t t1_ns,
                       absl::string_view body);

// Whether a row - first, n, t0, t1, crc, codec, body - is as it was written.
// Numbers must be such as a journal gives, and the codec 0, the only one of
// this format, as well as the checksum right.
bool IsSoundJournalRow(const SqliteStatement& row);

// Reads rows of the journal, each time in a short transaction: one that stays
// open would keep checkpoints from resetting the write-ahead log. Used by one
// thread.
class JournalReader {
 public:
  static constexpr int kRowsPerRead = 64;

  struct Row {
    uint64_t first = 0;
    uint32_t n = 0;
    bool sound = false;  // IsSoundJournalRow. If not, `body` is empty.
    absl::Time t0, t1;
    std::string body;
  };

  explicit JournalReader(std::unique_ptr<SqliteConnection> connection);

  // Reads the row that `seq` is in, and those after it: at most kRowsPerRead,
  // and no more once they hold `max_bytes`. If `seq` is in none, the first one
  // is the next there is. The errors are those of SqliteConnection::Fault;
  // DataLoss is damage to the file's own structure.
  absl::StatusOr<std::vector<Row>> Read(uint64_t seq, size_t max_bytes);

  // Reads the first sound row that ends at `time` or later, and of the sound
  // row before it only which it is. There may be only one of them, or none; a
  // row whose number or time may be what is damaged is neither.
  struct AtTime {
    uint64_t before = 0;  // The last position of the row before; 0 = none.
    std::optional<Row> row;
  };
  absl::StatusOr<AtTime> ReadAt(absl::Time time);

 private:
  absl::StatusOr<std::vector<Row>> Collect(SqliteStatement& rows,
                                           size_t max_bytes);
  // The first sound row of `rows`, if there is one.
  static absl::StatusOr<std::optional<Row>> FirstSound(SqliteStatement& rows);
  static Row Present(const SqliteStatement& rows);

  const std::unique_ptr<SqliteConnection> connection_;
  SqliteStatement by_number_;
  SqliteStatement by_time_;
  SqliteStatement before_;
};

}  // namespace weir

#endif  // WEIR_HOST_BROKER_JOURNAL_READER_H_
