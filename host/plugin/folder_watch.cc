#include "host/plugin/folder_watch.h"

#include <algorithm>
#include <cstdint>
#include <utility>

namespace weir {

using Result = FolderEvents::Result;

FolderWatch::FolderWatch(FolderWatchOptions options,
                         std::unique_ptr<FolderEvents> events,
                         const Clock& clock, Receiver receiver)
    : options_(std::move(options)),
      events_(std::move(events)),
      clock_(clock),
      receiver_(std::move(receiver)) {}

FolderWatch::~FolderWatch() { Stop(); }

void FolderWatch::Start(PluginFolderContents known) {
  told_ = std::move(known);
  thread_ = std::thread([this] { Run(); });
}

void FolderWatch::Stop() {
  events_->Wake();
  if (thread_.joinable()) thread_.join();
}

PluginFolderContents FolderWatch::Read() const {
  return ReadPluginFolders(options_.folders, options_.owners);
}

void FolderWatch::Run() {
  bool happened = false;
  bool taken = true;
  int64_t told_ns = 0;
  while (true) {
    std::optional<PluginFolderContents> contents = Settle(happened);
    if (!contents.has_value()) return;
    const absl::Duration since_told =
        absl::Nanoseconds(clock_.MonotonicNs() - told_ns);
    if (*contents != told_ ||
        (!taken && since_told >= options_.scan_interval)) {
      told_ = *std::move(contents);
      taken = receiver_(told_);
      told_ns = clock_.MonotonicNs();
    }
    const Result result = events_->Wait(options_.scan_interval);
    if (result == Result::kWoken) return;
    happened = result == Result::kHappened;
  }
}

std::optional<PluginFolderContents> FolderWatch::Settle(bool happened) {
  const int64_t end_ns =
      clock_.MonotonicNs() + absl::ToInt64Nanoseconds(options_.patience);
  PluginFolderContents seen = Read();
  if (!happened && seen == told_) return seen;
  // Whatever happens is only waited out here: in a storm the folders are read
  // when it ends, not each time.
  while (true) {
    const absl::Duration left =
        absl::Nanoseconds(end_ns - clock_.MonotonicNs());
    if (left <= absl::ZeroDuration()) return Read();
    const Result result = events_->Wait(std::min(options_.quiet, left));
    if (result == Result::kWoken) return std::nullopt;
    if (result == Result::kHappened) continue;
    PluginFolderContents again = Read();
    if (again == seen) return again;
    seen = std::move(again);
  }
}

}  // namespace weir
