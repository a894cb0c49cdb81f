#include "host/broker/replay_quantum.h"

#include <algorithm>
#include <limits>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"

namespace weir {
namespace {

constexpr size_t kChunkBytes = 64 << 10;

using Row = JournalReader::Row;

struct Frame {
  absl::string_view bytes;
  absl::Time time;
  Event event;
};

// Cuts the events of `row` from `seq` on into `frames`, as far as they are what
// the row says. If one is not, returns where it can be gone on behind it: after
// that event, or after the row if there is no telling where events begin.
std::optional<uint64_t> CutRow(const Row& row, const EventCodec& codec,
                               uint64_t seq, bool keys,
                               std::vector<Frame>* frames) {
  const uint64_t end =
      row.first + std::clamp<uint32_t>(row.n, 1, Chunk::kMaxEvents);
  if (!row.sound) return end;
  const size_t before = frames->size();
  absl::string_view left = row.body;
  for (uint32_t i = 0; i < row.n; ++i) {
    const size_t size = codec.FrameSize(left);
    if (size == 0) {
      frames->resize(before);
      return end;
    }
    Frame frame{left.substr(0, size), row.t0, Event()};
    if (keys && row.first + i >= seq) {
      uint64_t said = 0;
      absl::Time time;
      if (!codec.ReadFramed(frame.bytes, &frame.event, &said, &time) ||
          said != row.first + i) {
        return row.first + i + 1;
      }
    }
    left.remove_prefix(size);
    if (row.first + i >= seq) frames->push_back(std::move(frame));
  }
  if (left.empty()) return std::nullopt;
  frames->resize(before);
  return end;
}

void AppendChunks(std::vector<Frame> frames, ReplayQuantum* quantum) {
  size_t begin = 0;
  while (begin < frames.size()) {
    size_t end = begin;
    size_t bytes = 0;
    while (end < frames.size() && end - begin < Chunk::kMaxEvents &&
           (end == begin || bytes + frames[end].bytes.size() <= kChunkBytes)) {
      bytes += frames[end++].bytes.size();
    }
    const auto n = static_cast<uint32_t>(end - begin);
    auto chunk = std::make_shared<Chunk>(quantum->next, n, bytes);
    for (size_t i = begin; i < end; ++i) {
      chunk->Append(frames[i].bytes, std::move(frames[i].event), frames[i].time,
                    0);
    }
    quantum->chunks.push_back({std::move(chunk), n});
    quantum->next += n;
    begin = end;
  }
}

// Where reading can go on after `seq`, at which the file is damaged: the next
// row that SQLite can still find, at worst where the ring begins.
uint64_t FindSoundAfter(JournalReader& reader, uint64_t seq, uint64_t end) {
  for (uint64_t step = Chunk::kMaxEvents; seq + step < end; step *= 2) {
    const auto rows = reader.Read(seq + step, 1);
    if (rows.ok() && !rows->empty() && rows->front().first > seq) {
      return std::min(rows->front().first, end);
    }
  }
  return end;
}

// Says of `quantum->next`, which is not in a row that can be read, why not.
// `after` is where the next row begins.
void ExplainMissing(const LogSource& log, uint64_t after,
                    ReplayQuantum* quantum) {
  const uint64_t seq = quantum->next;
  const LogBounds bounds = log.bounds();
  if (seq < bounds.earliest || seq >= bounds.ring_earliest ||
      log.HoleAt(seq).has_value()) {
    quantum->moved = true;
    return;
  }
  // What there is another reason for is said for itself.
  quantum->bad_last = std::max(
      std::min({after, bounds.ring_earliest, log.NextHole(seq)}) - 1, seq);
}

}  // namespace

ReplayQuantum ReadQuantum(JournalReader& reader, const LogSource& log,
                          const EventCodec& codec, uint64_t seq, bool keys,
                          size_t max_bytes) {
  ReplayQuantum quantum;
  quantum.next = seq;
  while (quantum.bytes < max_bytes) {
    const uint64_t ring = log.bounds().ring_earliest;
    if (quantum.next >= ring) {
      quantum.moved = quantum.chunks.empty();
      return quantum;
    }
    auto rows = reader.Read(quantum.next, max_bytes - quantum.bytes);
    if (rows.ok() && rows->size() == 1 && !rows->front().sound) {
      // To know where what comes after it begins.
      rows = reader.Read(quantum.next, std::numeric_limits<size_t>::max());
    }
    if (!rows.ok()) {
      if (!quantum.chunks.empty()) return quantum;  // First what there is.
      if (absl::IsDataLoss(rows.status())) {
        ExplainMissing(log, FindSoundAfter(reader, seq, ring), &quantum);
      } else {
        quantum.error = rows.status();
      }
      return quantum;
    }
    quantum.rows += rows->size();
    std::vector<Frame> frames;
    std::optional<uint64_t> missing_until;
    uint64_t expected = quantum.next;
    for (size_t i = 0; i < rows->size(); ++i) {
      const Row& row = (*rows)[i];
      if (row.first > expected) {
        missing_until = row.first;
        break;
      }
      missing_until = CutRow(row, codec, expected, keys, &frames);
      if (missing_until.has_value()) {
        // How many events a damaged row has, only the next one can tell.
        if (!row.sound && i + 1 < rows->size()) {
          missing_until = (*rows)[i + 1].first;
        }
        break;
      }
      quantum.bytes += row.body.size();
      expected = row.first + row.n;
    }
    if (rows->empty()) missing_until = ring;
    AppendChunks(std::move(frames), &quantum);
    if (!missing_until.has_value()) continue;
    if (quantum.chunks.empty()) ExplainMissing(log, *missing_until, &quantum);
    return quantum;
  }
  return quantum;
}

ReplayQuantum FindTimeInJournal(JournalReader& reader, const LogSource& log,
                                const EventCodec& codec, absl::Time time) {
  ReplayQuantum found;
  const auto at = reader.ReadAt(time);
  const LogBounds bounds = log.bounds();
  if (!at.ok() && !absl::IsDataLoss(at.status())) {
    found.error = at.status();
    return found;
  }
  found.rows = 1;
  if (!at.ok()) {
    found.next = bounds.earliest;  // What is bad is told on the way.
    return found;
  }
  // So is what is bad, or a hole, before the row that was found: it may have
  // been of that time.
  found.next = std::max(at->before + 1, bounds.earliest);
  if (!at->row.has_value() || at->row->first != found.next ||
      found.next >= bounds.ring_earliest) {
    found.next = std::min(found.next, bounds.ring_earliest);
    return found;
  }
  const Row& row = *at->row;
  std::vector<Frame> frames;
  if (!CutRow(row, codec, 0, false, &frames).has_value()) {
    for (const Frame& frame : frames) {
      Event event;
      uint64_t seq = 0;
      absl::Time append_time;
      if (codec.ReadFramed(frame.bytes, &event, &seq, &append_time) &&
          append_time >= time) {
        break;
      }
      ++found.next;
    }
  }
  return found;
}

}  // namespace weir
