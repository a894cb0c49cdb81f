#include "tests/component/client_reader.h"

#include <grpcpp/grpcpp.h>

#include <utility>

#include "absl/random/bit_gen_ref.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "host/rpc/proto_time.h"
#include "host/status/error_info.h"
#include "tests/fakes/fake_event_codec.h"

namespace weir {
namespace {

// What does not come by then never does.
constexpr absl::Duration kPatience = absl::Seconds(60);
// How often it is looked at whether the stream wants to be read for.
constexpr absl::Duration kLook = absl::Milliseconds(20);
// Items that a client hands over before it waits: less than a burst of events.
constexpr size_t kMaxItems = 50;
// So small that a server soon notices that nobody reads.
constexpr int kWindowBytes = 4096;

v1::SubscribeRequest ToRequest(const StreamOptions& options) {
  using Kind = StartPosition::Kind;
  v1::SubscribeRequest request;
  v1::StartPosition& start = *request.mutable_start();
  switch (options.start.kind) {
    case Kind::kLatest:
      start.mutable_latest();
      break;
    case Kind::kEarliest:
      start.mutable_earliest();
      break;
    case Kind::kAfterId:
      start.set_after_id(options.start.after_id);
      break;
    case Kind::kAtTime:
      *start.mutable_at_time() = ToProto(options.start.at_time);
      break;
    case Kind::kTail:
      start.set_tail(options.start.tail);
      break;
  }
  for (const EventFilter& filter : options.filters) {
    v1::EventFilter& each = *request.add_filters();
    for (const std::string& type : filter.types) each.add_types(type);
  }
  // The numbers of the API begin with the one that is unspecified.
  request.set_gap_policy(
      static_cast<v1::GapPolicy>(static_cast<int>(options.gap_policy) + 1));
  request.set_lag_policy(
      static_cast<v1::LagPolicy>(static_cast<int>(options.lag_policy) + 1));
  request.set_max_lag_events(options.max_lag_events);
  request.mutable_batch()->set_max_events(options.batch.max_events);
  *request.mutable_batch()->mutable_max_delay() =
      ToProto(*options.batch.max_delay);
  request.set_headers_only(options.headers_only);
  request.set_stop_at_latest(options.stop_at_latest);
  request.set_client_name(options.client_name);
  return request;
}

absl::Status ToAbsl(const client::CallStatus& status) {
  const auto code = static_cast<absl::StatusCode>(status.code);
  if (status.reason.empty()) return absl::Status(code, status.message);
  return MakeError(code, status.message, {.reason = status.reason});
}

}  // namespace

ClientReader::ClientReader(std::shared_ptr<ModelSocket> socket,
                           const StreamOptions& options)
    : socket_(std::move(socket)),
      name_(options.client_name),
      client_(
          {.request = ToRequest(options)},
          [this] {
            grpc::ChannelArguments arguments;
            arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
            arguments.SetInt(GRPC_ARG_HTTP2_BDP_PROBE, 0);
            arguments.SetInt(GRPC_ARG_HTTP2_STREAM_LOOKAHEAD_BYTES,
                             kWindowBytes);
            return grpc::CreateCustomChannel(socket_->address(),
                                             grpc::InsecureChannelCredentials(),
                                             arguments);
          },
          *this, clock_, sleeper_, absl::BitGenRef(random_)) {
  thread_ = std::thread([this] {
    StreamItem item;
    item.end = ToAbsl(client_.Run());
    {
      MutexLock lock(mu());
      over_ = true;
    }
    Hand(std::move(item), 0);
  });
}

ClientReader::~ClientReader() {
  {
    MutexLock lock(mu());
    closed_ = true;
    taken_.NotifyAll();
  }
  client_.Stop();
  thread_.join();
}

absl::StatusOr<std::unique_ptr<EventStream>> ClientReader::Open(
    std::shared_ptr<ModelSocket> socket, const StreamOptions& options) {
  std::unique_ptr<ClientReader> reader(
      new ClientReader(std::move(socket), options));
  reader->AwaitItem(true);
  {
    MutexLock lock(reader->mu());
    const StreamItem& first = reader->items_.front();
    if (first.kind == StreamItem::Kind::kEnd) return first.end;
  }
  return reader;
}

bool ClientReader::Next(StreamItem* item) {
  if (!AwaitItem(false)) return false;
  {
    MutexLock lock(mu());
    *item = std::move(items_.front());
    items_.pop_front();
    comes_back_ = !over_;
    if (items_.empty()) taken_.NotifyAll();
  }
  if (item->kind == StreamItem::Kind::kEnd && comes_back_) AwaitItem(true);
  return true;
}

bool ClientReader::HasItem() const {
  MutexLock lock(mu());
  return !items_.empty();
}

bool ClientReader::AwaitItem(bool greeted) {
  const absl::Time end = absl::Now() + kPatience;
  while (!HasItem()) {
    socket_->log_->Poke(name_);
    if (socket_->read_ && socket_->read_()) continue;
    // In this order: nothing comes after what a stream has said that waits.
    const std::optional<uint64_t> said = socket_->log_->SaidAll(name_);
    MutexLock lock(mu());
    if (!items_.empty()) break;
    if (!greeted && said.has_value() && *said == received_) return false;
    if (absl::Now() > end) {
      items_.emplace_back().end = absl::DataLossError(absl::StrCat(
          "nothing came for ", absl::FormatDuration(kPatience), " after ",
          received_, " messages of ",
          said.has_value() ? absl::StrCat(*said) : "a stream that has more"));
      break;
    }
    socket_->changed_.WaitFor(mu(), kLook);
  }
  return true;
}

void ClientReader::Hand(StreamItem item, uint64_t messages) {
  if (item.kind != StreamItem::Kind::kEnd) item.batch_index = ++index_;
  const bool ends = item.kind == StreamItem::Kind::kEnd;
  MutexLock lock(mu());
  received_ += messages;
  items_.push_back(std::move(item));
  if (items_.size() == 1) socket_->changed_.NotifyAll();
  if (!ends && items_.size() < kMaxItems) return;
  while (!items_.empty() && !closed_) taken_.Wait(mu());
}

void ClientReader::OnHello(const Response::Hello& hello) {
  index_ = 0;
  next_ = StreamItem();
  next_.kind = StreamItem::Kind::kHeartbeat;
  StreamItem item;
  item.kind = StreamItem::Kind::kHello;
  item.cursor = hello.start_cursor();
  {
    MutexLock lock(mu());
    received_ = 0;
  }
  Hand(std::move(item), 1);
}

void ClientReader::OnEvent(const v1::Event& event) {
  auto line = std::make_shared<std::string>();
  Event text;
  text.type = event.type();
  FakeEventCodec().AppendFramed(text, event.id(), event.seq(),
                                FromProto(event.append_time()), line.get());
  StreamItem item;
  item.kind = StreamItem::Kind::kEvents;
  item.cursor = event.id();
  item.n_events = 1;
  const absl::string_view bytes = *line;
  item.pieces.push_back({std::move(line), bytes});
  Hand(std::move(item), 0);
}

void ClientReader::OnGap(const Response::Gap& gap) {
  next_.kind = StreamItem::Kind::kGap;
  next_.gap.reason = static_cast<StreamItem::GapReason>(gap.reason());
  next_.gap.after_id = gap.after_id();
  next_.gap.before_id = gap.before_id();
  next_.gap.missing = gap.missing();
}

void ClientReader::OnCaughtUp(const Response::CaughtUp&) {
  next_.kind = StreamItem::Kind::kCaughtUp;
}

void ClientReader::OnNotice(const Response::Notice&) {
  next_.kind = StreamItem::Kind::kNotice;
}

void ClientReader::OnCursor(const std::string& cursor) {
  StreamItem item = std::exchange(next_, StreamItem());
  next_.kind = StreamItem::Kind::kHeartbeat;
  item.cursor = cursor;
  if (client_.duplicates() > 0) {
    item = StreamItem();
    item.end = absl::DataLossError("the server repeated an event");
  }
  Hand(std::move(item), 1);
}

void ClientReader::OnReconnect(const client::CallStatus& why, absl::Duration) {
  StreamItem item;
  item.end = ToAbsl(why);
  Hand(std::move(item), 0);
}

}  // namespace weir
