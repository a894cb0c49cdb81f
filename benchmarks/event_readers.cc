#include "benchmarks/event_readers.h"

#include <time.h>

#include <algorithm>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <mutex>

#include "absl/strings/string_view.h"
#include "grpcpp/generic/generic_stub.h"
#include "grpcpp/grpcpp.h"
#include "weir/v1/event.pb.h"

namespace weir {
namespace {

int64_t MonotonicNs() {
  timespec now = {};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

// When the event in `frame` was published.
int64_t SentNs(absl::string_view frame) {
  const absl::string_view mark = kSentMark;
  const size_t at = frame.find(mark);
  if (at == absl::string_view::npos) return 0;
  int64_t ns = 0;
  for (int i = 0; i < kSentDigits; ++i) {
    ns = ns * 10 + (frame[at + mark.size() + i] - '0');
  }
  return ns;
}

uint64_t ReadVarint(absl::string_view* bytes) {
  uint64_t value = 0;
  for (int shift = 0; !bytes->empty(); shift += 7) {
    const auto byte = static_cast<uint8_t>(bytes->front());
    bytes->remove_prefix(1);
    value |= uint64_t{byte & 0x7fu} << shift;
    if (byte < 0x80) break;
  }
  return value;
}

// How many of a number of things happened; one waits for all.
class Countdown {
 public:
  explicit Countdown(int count) : left_(count) {}

  void Done() {
    std::lock_guard<std::mutex> lock(mu_);
    if (--left_ == 0) all_.notify_all();
  }
  void Wait() {
    std::unique_lock<std::mutex> lock(mu_);
    all_.wait(lock, [this] { return left_ == 0; });
  }

 private:
  std::mutex mu_;
  std::condition_variable all_;
  int left_;
};

// One subscription. gRPC calls it from one thread at a time.
class Reader final
    : public grpc::ClientBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer> {
 public:
  Reader(const std::string& address, const grpc::ByteBuffer& request,
         uint64_t wanted, Countdown& registered, Countdown& ended)
      : request_(request),
        wanted_(wanted),
        registered_(registered),
        ended_(ended) {
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    arguments.SetMaxReceiveMessageSize(-1);
    stub_ = std::make_unique<grpc::GenericStub>(grpc::CreateCustomChannel(
        address, grpc::InsecureChannelCredentials(), arguments));
    latencies_us_.reserve(wanted);
    stub_->PrepareBidiStreamingCall(
        &context_, "/weir.v1.EventService/Subscribe", {}, this);
    StartWriteLast(&request_, {});
    StartRead(&response_);
    StartCall();
  }

  void OnReadDone(bool ok) override {
    if (!ok) return;
    if (!std::exchange(is_registered_, true)) {
      registered_.Done();  // The first is the hello.
    } else {
      Look();
    }
    if (latencies_us_.size() >= wanted_) {
      context_.TryCancel();
    } else {
      StartRead(&response_);
    }
  }

  void OnDone(const grpc::Status& status) override {
    if (latencies_us_.size() < wanted_) {
      std::fprintf(stderr, "event_readers: ended early: %s\n",
                   status.error_message().c_str());
      std::_Exit(1);
    }
    ended_.Done();
  }

  const std::vector<uint32_t>& latencies_us() const { return latencies_us_; }

 private:
  void Look() {
    const int64_t now_ns = MonotonicNs();
    grpc::Slice slice;
    if (!response_.DumpToSingleSlice(&slice).ok()) return;
    absl::string_view bytes(reinterpret_cast<const char*>(slice.begin()),
                            slice.size());
    while (!bytes.empty()) {
      const uint64_t tag = ReadVarint(&bytes);
      const uint64_t value = ReadVarint(&bytes);
      if ((tag & 7) != 2) continue;
      if (tag >> 3 == v1::SubscribeResponse::kEventsFieldNumber) {
        // What the host itself says has no mark.
        const int64_t sent_ns = SentNs(bytes.substr(0, value));
        if (sent_ns > 0) {
          latencies_us_.push_back(
              static_cast<uint32_t>((now_ns - sent_ns) / 1000));
        }
      }
      bytes.remove_prefix(std::min<size_t>(value, bytes.size()));
    }
  }

  grpc::ByteBuffer request_, response_;
  const uint64_t wanted_;
  Countdown& registered_;
  Countdown& ended_;
  grpc::ClientContext context_;
  std::unique_ptr<grpc::GenericStub> stub_;
  bool is_registered_ = false;
  std::vector<uint32_t> latencies_us_;
};

}  // namespace

EventReadersResult ReadEvents(const std::string& address, int streams,
                              uint64_t events, int64_t max_delay_ns,
                              void (*ready)()) {
  v1::SubscribeRequest request;
  if (max_delay_ns >= 0) {
    request.mutable_batch()->mutable_max_delay()->set_nanos(
        static_cast<int32_t>(max_delay_ns));
  }
  const grpc::Slice bytes(request.SerializeAsString());
  const grpc::ByteBuffer raw(&bytes, 1);
  Countdown registered(streams);
  Countdown ended(streams);
  std::vector<std::unique_ptr<Reader>> readers;
  for (int i = 0; i < streams; ++i) {
    readers.push_back(
        std::make_unique<Reader>(address, raw, events, registered, ended));
  }
  registered.Wait();
  ready();
  ended.Wait();
  EventReadersResult result;
  for (const auto& reader : readers) {
    const auto& latencies = reader->latencies_us();
    result.events += latencies.size();
    result.latencies_us.insert(result.latencies_us.end(), latencies.begin(),
                               latencies.end());
  }
  std::sort(result.latencies_us.begin(), result.latencies_us.end());
  return result;
}

}  // namespace weir
