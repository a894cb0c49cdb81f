#include "host/source/frame_tcp_source.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <span>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "host/source/source_error.h"
#include "lib/frames/channel.h"
#include "lib/frames/peer.h"
#include "lib/frames/peer_options.h"

namespace weir {
namespace {

using frames::PeerSet;
using frames::PeerStats;

// So many connections are described one by one; the others are only counted.
constexpr size_t kDescribed = 20;

Source::Description Describe(const FrameTcpOptions& options) {
  Source::Description description;
  description.kind = "frame_tcp";
  description.endpoint = options.connect.empty()
                             ? absl::StrJoin(options.listen, ",")
                             : options.connect;
  description.flow_control = true;
  return description;
}

// Often enough for the shortest time-out to be kept.
absl::Duration SweepInterval(const FrameTcpOptions& options) {
  absl::Duration shortest = absl::Seconds(4);
  for (const absl::Duration timeout :
       {options.idle_timeout, options.frame_timeout}) {
    if (timeout > absl::ZeroDuration()) shortest = std::min(shortest, timeout);
  }
  return std::max(shortest / 4, absl::Milliseconds(20));
}

absl::Status ToSourceError(const absl::Status& status) {
  // Unavailable is tried again, all else is an operator's to change.
  return MakeSourceError(status.code(), SourceError::kConnect,
                         status.message());
}

absl::Status Interrupted() { return absl::CancelledError("interrupted"); }

}  // namespace

FrameTcpSource::FrameTcpSource(FrameTcpOptions options, const Clock& clock)
    : options_(std::move(options)),
      clock_(clock),
      frames_clock_(clock),
      description_(Describe(options_)),
      sweep_interval_(SweepInterval(options_)),
      tls_(options_.tls.has_value() && !listens()
               ? std::make_unique<frames::TlsContext>(
                     *options_.tls, frames::TlsContext::Side::kDials,
                     options_.log)
               : nullptr),
      wake_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)),
      space_(kBatchBytes + kTurnBytes),
      swept_(frames_clock_.Elapsed()) {}

FrameTcpSource::~FrameTcpSource() = default;

absl::Status FrameTcpSource::Connect() {
  bool open = false;
  {
    MutexLock lock(&mu_);
    if (interrupted_) return Interrupted();
    open = peers_ != nullptr;
  }
  if (!open) {
    if (absl::Status status = Open(); !status.ok()) return status;
  }
  return listens() ? absl::OkStatus() : DialPeer();
}

absl::Status FrameTcpSource::Open() {
  frames::PeerOptions options;
  options.addresses = options_.listen;
  options.parser.max_message_size = options_.max_message_size;
  options.parser.deliver_empty = options_.deliver_empty;
  options.max_connections = options_.max_connections;
  options.idle_timeout = options_.idle_timeout;
  options.frame_timeout = options_.frame_timeout;
  if (listens()) options.tls = options_.tls;
  options.tls_log = options_.log;
  absl::StatusOr<std::unique_ptr<PeerSet>> peers =
      PeerSet::Open(options, frames_clock_);
  if (!peers.ok()) return ToSourceError(peers.status());
  MutexLock lock(&mu_);
  peers_ = std::move(*peers);
  if (interrupted_) peers_->Wake();
  return absl::OkStatus();
}

absl::Status FrameTcpSource::DialPeer() {
  std::shared_ptr<PeerSet> peers;
  {
    MutexLock lock(&mu_);
    peers = peers_;
  }
  // One that still stands goes on.
  if (peers->open() > 0) return absl::OkStatus();
  absl::StatusOr<frames::Channel> channel = frames::DialChannel(
      options_.connect, tls_.get(), options_.connect_timeout, wake_.fd());
  if (absl::IsCancelled(channel.status())) return Interrupted();
  if (!channel.ok()) return ToSourceError(channel.status());
  const absl::StatusOr<frames::PeerId> peer = peers->Adopt(std::move(*channel));
  return peer.ok() ? absl::OkStatus() : ToSourceError(peer.status());
}

absl::Status FrameTcpSource::Read(FrameBatch* batch) {
  std::shared_ptr<PeerSet> peers;
  {
    MutexLock lock(&mu_);
    peers = peers_;
  }
  while (batch->frames.empty()) {
    list_.Clear();
    const PeerSet::Event event = Gather(*peers);
    uint64_t too_long = 0;
    for (const absl::string_view frame : list_.frames) {
      if (frame.size() > options_.max_payload_bytes) {
        ++too_long;
      } else {
        batch->frames.push_back(frame);
      }
    }
    if (too_long > 0) {
      MutexLock lock(&mu_);
      too_long_ += too_long;
    }
    // What came before is delivered first; this comes again.
    if (!batch->frames.empty()) break;
    if (event == PeerSet::Event::kWoken) return Interrupted();
    if (!listens() && peers->open() == 0) {
      return MakeSourceError(
          absl::StatusCode::kUnavailable, SourceError::kEndOfStream,
          absl::StrCat(options_.connect, ": the connection ended"));
    }
  }
  batch->received_at = clock_.Now();
  return absl::OkStatus();
}

PeerSet::Event FrameTcpSource::Gather(PeerSet& peers) {
  size_t used = 0, bytes = 0, counted = 0;
  while (true) {
    SweepIfDue(peers);
    const std::span<char> space(space_.data() + used, kTurnBytes);
    PeerSet::Turn turn;
    const PeerSet::Event event = peers.Take(
        list_.frames.empty() ? sweep_interval_ : absl::ZeroDuration(), space,
        &list_, &turn);
    if (event == PeerSet::Event::kFrames) {
      used += turn.used;
      peers.Release(turn);
    }
    for (; counted < list_.frames.size(); ++counted) {
      bytes += list_.frames[counted].size();
    }
    if (event == PeerSet::Event::kWoken || event == PeerSet::Event::kTimeout ||
        used >= kBatchBytes || bytes >= kBatchBytes ||
        (!listens() && peers.open() == 0)) {
      return event;
    }
  }
}

void FrameTcpSource::SweepIfDue(PeerSet& peers) {
  const absl::Duration now = frames_clock_.Elapsed();
  if (now - swept_ < sweep_interval_) return;
  swept_ = now;
  peers.Sweep();
}

void FrameTcpSource::Interrupt() {
  MutexLock lock(&mu_);
  interrupted_ = true;
  const uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = write(wake_.fd(), &one, sizeof(one));
  if (peers_ != nullptr) peers_->Wake();
}

void FrameTcpSource::Rearm() {
  MutexLock lock(&mu_);
  interrupted_ = false;
  uint64_t count = 0;
  [[maybe_unused]] const ssize_t got = read(wake_.fd(), &count, sizeof(count));
  if (peers_ != nullptr) peers_->Rearm();
}

Source::Progress FrameTcpSource::GetProgress() const {
  Progress progress;
  std::shared_ptr<PeerSet> peers;
  {
    MutexLock lock(&mu_);
    peers = peers_;
    progress.skipped_by_reason["too_long"] = too_long_;
  }
  progress.connections = 0;
  if (peers == nullptr) return progress;
  const PeerSet::Totals totals = peers->GetTotals();
  progress.connections = static_cast<uint32_t>(totals.open);
  progress.skipped_by_reason["empty"] = totals.empty_skipped;
  progress.counters["accepted"] = totals.accepted;
  progress.counters["accept_errors"] = totals.accept_errors;
  progress.counters["odd_padding"] = totals.odd_padding;
  progress.counters["wire_bytes"] = totals.wire_bytes;
  for (const auto& [reason, count] : totals.ClosedByReason()) {
    progress.counters[absl::StrCat("closed.", reason)] = count;
  }
  if (listens()) {
    progress.details["listening"] = absl::StrJoin(peers->Addresses(), ",");
  }
  if (std::string failure = peers->LastTlsFailure(); !failure.empty()) {
    progress.details["last_tls_failure"] = std::move(failure);
  }
  std::vector<PeerStats> all = peers->Peers();
  const size_t shown = std::min(all.size(), kDescribed);
  std::partial_sort(all.begin(),
                    all.begin() + static_cast<std::ptrdiff_t>(shown), all.end(),
                    [](const PeerStats& a, const PeerStats& b) {
                      return a.wire_bytes > b.wire_bytes;
                    });
  for (size_t i = 0; i < shown; ++i) {
    const PeerStats& one = all[i];
    progress.details[absl::StrCat("peer.", one.peer.id)] = absl::StrCat(
        one.peer.address, " to ", one.local_address, ": ", one.frames,
        " frames, ", one.payload_bytes, " bytes, connected for ",
        absl::FormatDuration(absl::Trunc(one.age, absl::Seconds(1))),
        ", silent for ",
        absl::FormatDuration(absl::Trunc(one.silent, absl::Seconds(1))));
  }
  return progress;
}

}  // namespace weir
