#include "tests/end_to_end/crowd_publisher.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "tests/end_to_end/crowd_reader.h"

namespace weir {
namespace {

constexpr uint64_t kMostAtOnce = 1000;  // The server's limit.
constexpr size_t kMostFaults = 10;
constexpr absl::Duration kBetweenBursts = absl::Milliseconds(10);

void Fill(const std::string& type, uint64_t number, v1::Event* event) {
  event->set_type(type);
  event->set_subject(absl::StrCat(number));
  event->set_json(absl::StrCat("{", kCrowdMark,
                               absl::Dec(CrowdNowNs(), absl::kZeroPad18),
                               R"(,"text":")", std::string(150, 'x'), "\"}"));
}

}  // namespace

CrowdPublisher::CrowdPublisher(std::shared_ptr<grpc::Channel> channel,
                               int types)
    : stub_(v1::EventService::NewStub(std::move(channel))), published_(types) {}

CrowdPublisher::~CrowdPublisher() { SetRate(0); }

void CrowdPublisher::Publish(uint64_t n) {
  MutexLock lock(&mu_);
  for (; n > 0; n -= std::min(n, kMostAtOnce)) {
    PublishLocked(std::min(n, kMostAtOnce), n <= kMostAtOnce);
  }
}

void CrowdPublisher::PublishLocked(uint64_t n, bool journaled) {
  v1::PublishRequest request;
  request.set_durability(journaled ? v1::PublishRequest::DURABILITY_JOURNALED
                                   : v1::PublishRequest::DURABILITY_ACCEPTED);
  for (; n > 0; --n) {
    Fill(absl::StrCat("crowd.", next_), ++published_[next_],
         request.add_events());
    next_ = (next_ + 1) % published_.size();
  }
  CallLocked(request);
}

void CrowdPublisher::PublishOne(const std::string& type) {
  v1::PublishRequest request;
  Fill(type, 1, request.add_events());
  MutexLock lock(&mu_);
  CallLocked(request);
}

void CrowdPublisher::CallLocked(const v1::PublishRequest& request) {
  grpc::ClientContext context;
  context.set_wait_for_ready(true);
  v1::PublishResponse response;
  const grpc::Status status = stub_->Publish(&context, request, &response);
  if (!status.ok() && faults_.size() < kMostFaults) {
    faults_.push_back(absl::StrCat("publish: ", status.error_message()));
  }
}

void CrowdPublisher::SetRate(uint64_t per_second) {
  {
    MutexLock lock(&mu_);
    stopped_ = true;
    stop_.NotifyAll();
  }
  if (thread_.joinable()) thread_.join();
  if (per_second == 0) return;
  {
    MutexLock lock(&mu_);
    stopped_ = false;
  }
  thread_ = std::thread([this, per_second] { Run(per_second); });
}

void CrowdPublisher::Run(uint64_t per_second) {
  const absl::Time begin = absl::Now();
  uint64_t done = 0;
  MutexLock lock(&mu_);
  while (!stopped_) {
    // What was due and did not come, because the machine was busy, comes now.
    const auto due =
        static_cast<uint64_t>(absl::ToDoubleSeconds(absl::Now() - begin) *
                              static_cast<double>(per_second));
    const uint64_t n = std::min(due - std::min(due, done), kMostAtOnce);
    if (n > 0) PublishLocked(n, false);
    done += n;
    stop_.WaitFor(&mu_, kBetweenBursts);
  }
}

std::vector<uint64_t> CrowdPublisher::published() const {
  MutexLock lock(&mu_);
  return published_;
}

std::vector<std::string> CrowdPublisher::faults() const {
  MutexLock lock(&mu_);
  return faults_;
}

}  // namespace weir
