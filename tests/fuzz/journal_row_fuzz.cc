// Whatever is in a row of the journal: a reader is told of each position once,
// by the event that was written there or by a gap, comes to the end, and
// nothing crashes. Three rows hold events 1 to 16; the input says what becomes
// of one of them:
//
//   byte 0   which row (modulo 3); 0x04: its checksum is made right again, as
//            by somebody who means it; 0x08: the stream has a filter; 0x10: it
//            begins at a time that the input says; 0x20: headers only
//   byte 1   which columns come next, 8 bytes each, in place of their own:
//            0x01 first, 0x02 n, 0x04 t0, 0x08 t1, 0x10 codec, 0x20 crc;
//            0x40: the rest is the body; else it is pairs of bytes, a place in
//            the body and what is flipped there
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "host/broker/broker.h"
#include "host/broker/journal_reader.h"
#include "host/broker/replay_readers.h"
#include "host/broker/writable_log.h"
#include "host/control/event_stream.h"
#include "host/control/stream_options.h"
#include "host/pipeline/event.h"
#include "host/rpc/proto_event_codec.h"
#include "host/sqlite/sqlite_connection.h"
#include "tests/fakes/fake_clock.h"

namespace weir {
namespace {

constexpr uint64_t kLast = 16;
constexpr char kEpoch[] = "7k2mq9xv";

void Require(bool good) {
  if (!good) std::abort();
}

struct Row {
  std::array<int64_t, 6> columns;  // first, n, t0, t1, codec, crc
  std::string body;

  int64_t RightCrc() const {
    return JournalRowCrc(static_cast<uint64_t>(columns[0]),
                         static_cast<uint32_t>(columns[1]), columns[2],
                         columns[3], body);
  }
};

// Events 1 to kLast as they are framed, by number.
const std::vector<std::string>& Frames() {
  static const auto& frames = *new std::vector<std::string>([] {
    std::vector<std::string> all(1);
    for (uint64_t seq = 1; seq <= kLast; ++seq) {
      Event event;
      event.type = seq % 3 == 0 ? "x.y" : "a.b";
      event.source = "plugins/fuzz";
      event.subject = absl::StrCat("192.0.2.", seq, "/32");
      event.json = R"({"n":1})";
      event.labels = {{"k", "v"}};
      std::string& frame = all.emplace_back();
      ProtoEventCodec().AppendFramed(
          event, absl::StrCat(kEpoch, "-", seq), seq,
          absl::FromUnixNanos(static_cast<int64_t>(seq)), &frame);
    }
    return all;
  }());
  return frames;
}

std::vector<Row> SoundRows() {
  std::vector<Row> rows;
  for (const auto& [first, last] :
       {std::pair<int64_t, int64_t>(1, 4), std::pair<int64_t, int64_t>(5, 12),
        std::pair<int64_t, int64_t>(13, kLast)}) {
    Row& row = rows.emplace_back();
    for (int64_t seq = first; seq <= last; ++seq) {
      row.body += Frames()[static_cast<size_t>(seq)];
    }
    row.columns = {first, last - first + 1, first, last, 0, 0};
    row.columns[5] = row.RightCrc();
  }
  return rows;
}

// What the input asks for.
struct Input {
  bool right_crc = false, filtered = false, by_time = false, headers = false;
  int64_t time = 0;
  std::vector<Row> rows = SoundRows();

  explicit Input(absl::string_view bytes) {
    const uint8_t how = Byte(&bytes);
    const uint8_t what = Byte(&bytes);
    Row& row = rows[how % 3];
    right_crc = (how & 0x04) != 0;
    filtered = (how & 0x08) != 0;
    by_time = (how & 0x10) != 0;
    headers = (how & 0x20) != 0;
    if (by_time) time = Number(&bytes);
    for (size_t i = 0; i < row.columns.size(); ++i) {
      if ((what & (1 << i)) != 0) row.columns[i] = Number(&bytes);
    }
    if ((what & 0x40) != 0) {
      row.body = std::string(bytes);
    } else {
      while (bytes.size() >= 2) {
        char& flipped = row.body[Byte(&bytes) % row.body.size()];
        flipped = static_cast<char>(flipped ^ Byte(&bytes));
      }
    }
    if (right_crc) row.columns[5] = row.RightCrc();
  }

 private:
  static uint8_t Byte(absl::string_view* bytes) {
    if (bytes->empty()) return 0;
    const auto byte = static_cast<uint8_t>(bytes->front());
    bytes->remove_prefix(1);
    return byte;
  }
  static int64_t Number(absl::string_view* bytes) {
    int64_t number = 0;
    const size_t n = std::min(bytes->size(), sizeof(number));
    std::memcpy(&number, bytes->data(), n);
    bytes->remove_prefix(n);
    return number;
  }
};

// A database in memory with these rows; nullptr if two have one number.
std::unique_ptr<JournalReader> OpenReader(const std::vector<Row>& rows) {
  auto connection = SqliteConnection::Open({.path = ":memory:"},
                                           SqliteConnection::Access::kCreate);
  Require(connection.ok());
  Require((*connection)
              ->Run("CREATE TABLE chunk(first INTEGER PRIMARY KEY, n INTEGER "
                    "NOT NULL, t0 INTEGER NOT NULL, t1 INTEGER NOT NULL, codec "
                    "INTEGER NOT NULL DEFAULT 0, crc INTEGER NOT NULL, body "
                    "BLOB NOT NULL); CREATE INDEX chunk_t ON chunk(t1)")
              .ok());
  {
    SqliteStatement insert(
        **connection,
        "INSERT OR IGNORE INTO chunk(first, n, t0, t1, codec, crc, body) "
        "VALUES(?, ?, ?, ?, ?, ?, ?)");
    for (const Row& row : rows) {
      for (const int64_t column : row.columns) insert.Bind(column);
      Require(insert.BindBytes(row.body).Finish().ok());
    }
  }
  return std::make_unique<JournalReader>(*std::move(connection));
}

// A log whose ring is empty: everything is in the journal.
class JournalOnly final : public WritableLog {
 public:
  JournalOnly(const std::vector<Row>& rows, const Clock& clock)
      : readers_(
            {.threads = 0},
            [&rows]() -> absl::StatusOr<std::unique_ptr<JournalReader>> {
              return OpenReader(rows);
            },
            *this, codec_, clock) {}

  void SetListener(OnVisible /*on_visible*/) override {}
  absl::StatusOr<uint64_t> Append(Event /*event*/) override {
    return absl::UnavailableError("only to be read");
  }
  absl::StatusOr<uint64_t> AppendAll(std::vector<Event> /*events*/) override {
    return absl::UnavailableError("only to be read");
  }
  void EvictOld() override {}
  Retention retention() const override { return {}; }
  uint64_t appended_events() const override { return 0; }
  uint64_t appended_bytes() const override { return 0; }
  const std::string& epoch() const override { return epoch_; }
  LogBounds bounds() const override {
    LogBounds bounds;
    bounds.latest = kLast;
    bounds.ring_earliest = kLast + 1;
    return bounds;
  }
  View Find(uint64_t /*seq*/) const override { return {}; }
  std::optional<uint64_t> FirstAtOrAfter(absl::Time /*time*/) const override {
    return std::nullopt;
  }
  std::unique_ptr<ReplayFeed> OpenFeed(std::function<void()> ready,
                                       bool keys) override {
    return readers_.Open(std::move(ready), keys);
  }
  bool ReadOne() { return readers_.RunOne(); }

 private:
  const std::string epoch_ = kEpoch;
  const ProtoEventCodec codec_;
  ReplayReaders readers_;
};

// Follows the cursor: what was said of each position.
struct Account {
  uint64_t delivered = 0, missing = 0;
  std::set<std::string> texts;  // Events as they came.
};

void Take(const StreamItem& item, const ProtoEventCodec& codec,
          Account* account) {
  if (item.kind == StreamItem::Kind::kGap) {
    Require(item.gap.reason == StreamItem::GapReason::kCorruption);
    account->missing += item.gap.missing;
  }
  account->delivered += item.n_events;
  for (const SharedBytes& piece : item.pieces) {
    absl::string_view left = piece.bytes;
    while (!left.empty()) {
      const size_t size = codec.FrameSize(left);
      Require(size > 0);
      account->texts.emplace(left.substr(0, size));
      left.remove_prefix(size);
    }
  }
}

void Replay(const Input& input) {
  FakeClock clock;
  clock.Advance(absl::Hours(1));
  const ProtoEventCodec codec;
  auto owned = std::make_unique<JournalOnly>(input.rows, clock);
  JournalOnly& log = *owned;
  Broker broker({}, std::move(owned), codec, clock);
  StreamOptions options;
  options.headers_only = input.headers;
  options.start.kind = StartPosition::Kind::kEarliest;
  if (input.by_time) {
    options.start.kind = StartPosition::Kind::kAtTime;
    options.start.at_time = absl::FromUnixNanos(input.time);
  }
  if (input.filtered) options.filters.emplace_back().types = {"a.*"};
  const auto stream = broker.Open(std::move(options), [] {});
  Require(stream.ok());
  Account account;
  StreamItem item;
  bool caught_up = false;
  for (int turns = 0; !caught_up; ++turns) {
    Require(turns < 1000);
    if (!(*stream)->Next(&item)) {
      // It reads, or goes on with the next turn.
      log.ReadOne();
      continue;
    }
    Require(item.kind != StreamItem::Kind::kEnd);
    Take(item, codec, &account);
    caught_up = item.kind == StreamItem::Kind::kCaughtUp;
    (*stream)->OnWritten(1);
  }
  Require(item.cursor == absl::StrCat(kEpoch, "-", kLast));
  const SubscriberStats stats = broker.Subscribers().at(0);
  Require(stats.delivered_events == account.delivered);
  Require(stats.missed_events == account.missing);
  const uint64_t all =
      stats.delivered_events + stats.filtered_events + stats.missed_events;
  Require(input.by_time ? all <= kLast : all == kLast);
  if (input.right_crc || input.headers) return;
  // Nothing is said that was not written, and nothing twice.
  Require(account.texts.size() == account.delivered);
  for (const std::string& text : account.texts) {
    bool written = false;
    for (const std::string& frame : Frames()) written |= frame == text;
    Require(written);
  }
}

}  // namespace
}  // namespace weir

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  weir::Replay(weir::Input(
      absl::string_view(reinterpret_cast<const char*>(data), size)));
  return 0;
}
