#include "host/rpc/page_reader.h"

#include <utility>

#include "absl/time/time.h"
#include "host/rpc/page_token.h"
#include "host/rpc/paging.h"
#include "host/rpc/stream_convert.h"
#include "host/rpc/to_grpc.h"

namespace weir {
namespace {

// A stream that finds nothing for so long says where it is (heartbeat), and
// there the page ends.
constexpr absl::Duration kPatience = absl::Seconds(1);

}  // namespace

PageReader* PageReader::Start(const v1::ReadEventsRequest& request,
                              StreamOptions options, const Open& open,
                              grpc::ByteBuffer* response) {
  auto* const reader = new PageReader(request, response);
  const absl::Status begun = reader->Begin(request, std::move(options), open);
  if (begun.ok()) {
    reader->Pump();
  } else {
    reader->Finish(ToGrpc(begun));
  }
  return reader;
}

absl::Status PageReader::Begin(const v1::ReadEventsRequest& request,
                               StreamOptions options, const Open& open) {
  const absl::StatusOr<size_t> limit =
      PageLimit(request.page_size(), kStandardEvents, kMostEvents);
  if (!limit.ok()) return limit.status();
  if (!request.page_token().empty()) {
    absl::StatusOr<std::string> cursor =
        CursorOfPageToken(request.page_token(), request.filters());
    if (!cursor.ok()) return cursor.status();
    options.start = StartPosition();
    options.start.kind = StartPosition::Kind::kAfterId;
    options.start.after_id = *std::move(cursor);
  }
  options.stop_at_latest = true;
  options.stop_after_events = *limit;
  options.batch.max_events = static_cast<uint32_t>(*limit);
  options.heartbeat_interval = kPatience;
  auto stream = open(std::move(options), [this] { Pump(); });
  if (!stream.ok()) return stream.status();
  MutexLock lock(&mu_);
  stream_ = *std::move(stream);
  return absl::OkStatus();
}

void PageReader::Pump() {
  std::unique_ptr<EventStream> stream;
  absl::Status end;
  {
    MutexLock lock(&mu_);
    StreamItem item;
    while (stream_ != nullptr && stream_->Next(&item)) {
      const size_t before = bytes_;
      const bool done = TakeLocked(std::move(item));
      stream_->OnWritten(bytes_ - before);
      if (!done) continue;
      if (end_.ok()) WriteLocked();
      end = end_;
      stream = std::move(stream_);
    }
  }
  if (stream == nullptr) return;
  // Outside of the lock: its destructor waits for a `ready` that is running.
  stream.reset();
  Finish(ToGrpc(end));
}

bool PageReader::TakeLocked(StreamItem item) {
  switch (item.kind) {
    case StreamItem::Kind::kEnd:
      end_ = item.end;
      return true;
    case StreamItem::Kind::kGap:
      // The next page begins with it.
      if (!pieces_.empty() || rest_.has_gap()) return true;
      GapToProto(item, rest_.mutable_gap());
      break;
    case StreamItem::Kind::kEvents:
      for (SharedBytes& piece : item.pieces) {
        bytes_ += piece.bytes.size();
        pieces_.push_back(std::move(piece));
      }
      break;
    case StreamItem::Kind::kCaughtUp:
      at_newest_ = true;
      break;
    case StreamItem::Kind::kHello:
    case StreamItem::Kind::kHeartbeat:
    case StreamItem::Kind::kNotice:
      break;
  }
  rest_.set_cursor(item.cursor);
  return at_newest_ || bytes_ >= kPageBytes ||
         item.kind == StreamItem::Kind::kHeartbeat;
}

void PageReader::WriteLocked() {
  if (!at_newest_) {
    rest_.set_next_page_token(MakePageToken(rest_.cursor(), filters_));
  }
  *response_ = WithEvents(pieces_, rest_.SerializeAsString());
}

void PageReader::OnCancel() {
  std::unique_ptr<EventStream> stream;
  {
    MutexLock lock(&mu_);
    stream = std::move(stream_);
  }
  if (stream == nullptr) return;
  stream.reset();
  Finish(ToGrpc(absl::CancelledError("cancelled by the client")));
}

void PageReader::OnDone() { delete this; }

}  // namespace weir
