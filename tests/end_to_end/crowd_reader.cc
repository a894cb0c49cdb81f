#include "tests/end_to_end/crowd_reader.h"

#include <time.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "grpcpp/generic/generic_stub.h"

namespace weir {
namespace {

using v1::SubscribeResponse;

constexpr size_t kMostFaults = 10;

// Looks at a serialized message, field by field.
class Fields {
 public:
  explicit Fields(absl::string_view bytes) : rest_(bytes) {}

  // Goes to the next field. Returns false at the end, and for what nobody here
  // sends.
  bool Next() {
    if (rest_.empty()) return false;
    const uint64_t tag = Varint();
    number_ = static_cast<int>(tag >> 3);
    value_ = Varint();
    bytes_ = {};
    if ((tag & 7) == 2) {
      bytes_ = rest_.substr(0, value_);
      rest_.remove_prefix(bytes_.size());
    }
    return (tag & 7) == 0 || (tag & 7) == 2;
  }
  int number() const { return number_; }
  uint64_t value() const { return value_; }
  absl::string_view bytes() const { return bytes_; }

 private:
  uint64_t Varint() {
    uint64_t value = 0;
    for (int shift = 0; !rest_.empty() && shift < 64; shift += 7) {
      const auto byte = static_cast<uint8_t>(rest_.front());
      rest_.remove_prefix(1);
      value |= uint64_t{byte & 0x7fu} << shift;
      if (byte < 0x80) break;
    }
    return value;
  }

  absl::string_view rest_;
  int number_ = 0;
  uint64_t value_ = 0;
  absl::string_view bytes_;
};

std::optional<int64_t> SentNs(absl::string_view json) {
  const size_t at = json.find(kCrowdMark);
  int64_t ns = 0;
  if (at == absl::string_view::npos ||
      !absl::SimpleAtoi(json.substr(at + sizeof(kCrowdMark) - 1, kCrowdDigits),
                        &ns)) {
    return std::nullopt;
  }
  return ns;
}

}  // namespace

int64_t CrowdNowNs() {
  timespec now = {};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

// One subscription. gRPC calls it from one thread at a time.
class CrowdReader::Stream final
    : public grpc::ClientBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer> {
 public:
  Stream(CrowdReader& reader, const std::shared_ptr<grpc::Channel>& channel,
         const v1::SubscribeRequest& request)
      : reader_(reader), stub_(channel) {
    const grpc::Slice bytes(request.SerializeAsString());
    request_ = grpc::ByteBuffer(&bytes, 1);
    context_.set_wait_for_ready(true);
  }

  void Start() {
    stub_.PrepareBidiStreamingCall(&context_, "/weir.v1.EventService/Subscribe",
                                   {}, this);
    StartWriteLast(&request_, {});
    StartRead(&response_);
    StartCall();
  }
  void Cancel() { context_.TryCancel(); }

  void OnReadDone(bool ok) override {
    if (!ok) return;
    grpc::Slice slice;
    if (response_.DumpToSingleSlice(&slice).ok()) {
      reader_.OnMessage(
          {reinterpret_cast<const char*>(slice.begin()), slice.size()});
    }
    StartRead(&response_);
  }
  void OnDone(const grpc::Status& status) override { reader_.OnEnd(status); }

 private:
  CrowdReader& reader_;
  grpc::GenericStub stub_;
  grpc::ClientContext context_;
  grpc::ByteBuffer request_, response_;
};

CrowdReader::CrowdReader(std::string type, std::string name)
    : type_(std::move(type)), name_(std::move(name)) {}

CrowdReader::~CrowdReader() {
  Detach();
  MutexLock lock(&mu_);
  while (state_.attached) ended_.Wait(&mu_);
}

void CrowdReader::Attach(const std::shared_ptr<grpc::Channel>& channel,
                         bool latest) {
  v1::SubscribeRequest request;
  request.add_filters()->add_types(type_);
  request.mutable_heartbeat_interval()->set_seconds(1);
  request.set_client_name(name_);
  {
    MutexLock lock(&mu_);
    if (state_.attached) return;
    FillStartLocked(latest, &request);
    state_.attached = true;
    state_.caught_up = false;
    state_.delivered = 0;
    state_.stream_id.clear();
    ++state_.streams;
    detaching_ = false;
    batch_index_ = 0;
  }
  stream_ = std::make_unique<Stream>(*this, channel, request);
  // Outside of the lock: gRPC may call back from here.
  stream_->Start();
}

void CrowdReader::FillStartLocked(bool latest,
                                  v1::SubscribeRequest* request) const {
  if (!state_.cursor.empty()) {
    request->mutable_start()->set_after_id(state_.cursor);
  } else if (latest) {
    request->mutable_start()->mutable_latest();
  } else {
    request->mutable_start()->mutable_earliest();
  }
}

void CrowdReader::Detach() {
  {
    MutexLock lock(&mu_);
    if (!state_.attached) return;
    detaching_ = true;
  }
  stream_->Cancel();
}

CrowdReader::State CrowdReader::state() const {
  MutexLock lock(&mu_);
  return state_;
}

std::vector<std::string> CrowdReader::faults() const {
  MutexLock lock(&mu_);
  return faults_;
}

std::vector<uint32_t> CrowdReader::TakeLatencies() {
  MutexLock lock(&mu_);
  return std::exchange(latencies_us_, {});
}

void CrowdReader::OnMessage(absl::string_view bytes) {
  const int64_t now_ns = CrowdNowNs();
  MutexLock lock(&mu_);
  // What was under way when it left counts for the next stream: as with a
  // client that dies, it is not seen.
  if (detaching_) return;
  bool is_hello = false;
  absl::string_view cursor;
  for (Fields field(bytes); field.Next();) {
    switch (field.number()) {
      case SubscribeResponse::kEventsFieldNumber:
        OnEvent(field.bytes(), now_ns);
        break;
      case SubscribeResponse::kCursorFieldNumber:
        cursor = field.bytes();
        break;
      case SubscribeResponse::kBatchIndexFieldNumber:
        if (field.value() != ++batch_index_) {
          FaultLocked(absl::StrCat("batch ", field.value(), " instead of ",
                                   batch_index_));
        }
        break;
      case SubscribeResponse::kHelloFieldNumber: {
        SubscribeResponse::Hello hello;
        is_hello = true;
        if (!hello.ParseFromArray(field.bytes().data(),
                                  static_cast<int>(field.bytes().size()))) {
          FaultLocked("a hello that cannot be read");
        }
        state_.stream_id = hello.stream_id();
        state_.start_cursor = hello.start_cursor();
        break;
      }
      case SubscribeResponse::kCaughtUpFieldNumber:
        state_.caught_up = true;
        break;
      case SubscribeResponse::kGapFieldNumber:
        FaultLocked(absl::StrCat("a gap after ", state_.cursor));
        break;
      default:  // Heartbeats and notices.
        break;
    }
  }
  // A hello says where the stream begins, which this reader knows.
  if (!is_hello || state_.cursor.empty()) state_.cursor = std::string(cursor);
}

void CrowdReader::OnEvent(absl::string_view bytes, int64_t now_ns) {
  uint64_t number = 0;
  std::optional<int64_t> sent_ns;
  for (Fields field(bytes); field.Next();) {
    if (field.number() == v1::Event::kSubjectFieldNumber) {
      if (!absl::SimpleAtoi(field.bytes(), &number)) number = 0;
    } else if (field.number() == v1::Event::kJsonFieldNumber) {
      sent_ns = SentNs(field.bytes());
    }
  }
  ++state_.delivered;
  if (number != state_.last + 1) {
    FaultLocked(absl::StrCat("number ", number, " came after ", state_.last));
  }
  state_.last = std::max(state_.last, number);
  if (sent_ns.has_value()) {
    latencies_us_.push_back(static_cast<uint32_t>((now_ns - *sent_ns) / 1000));
  }
}

void CrowdReader::OnEnd(const grpc::Status& status) {
  MutexLock lock(&mu_);
  if (!detaching_) {
    ++state_.broken;
    if (status.error_code() != grpc::StatusCode::UNAVAILABLE) {
      FaultLocked(absl::StrCat("ended: ", status.error_code(), " ",
                               status.error_message()));
    }
  }
  state_.attached = false;
  ended_.NotifyAll();
}

void CrowdReader::FaultLocked(const std::string& text) {
  if (faults_.size() < kMostFaults) {
    faults_.push_back(absl::StrCat(name_, ", ", type_, ": ", text));
  }
}

}  // namespace weir
