#ifndef WEIR_TESTS_FAKES_FAKE_SOURCE_CONTROL_H_
#define WEIR_TESTS_FAKES_FAKE_SOURCE_CONTROL_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "host/control/source_control.h"

namespace weir {

// Sources that only remember what they were told. Not thread-safe.
class FakeSourceControl final : public SourceControl {
 public:
  explicit FakeSourceControl(const std::vector<std::string>& names) {
    for (const std::string& name : names) {
      SourceStatus& source = sources_.emplace_back();
      source.name = name;
      source.state = SourceStatus::State::kConnected;
      source.state_time = absl::UnixEpoch();
    }
  }

  std::vector<SourceStatus> List() const override { return sources_; }
  std::vector<SourceStats> Stats() const override { return {}; }

  absl::StatusOr<SourceStatus> Pause(absl::string_view name,
                                     absl::string_view) override {
    return Set(name, SourceStatus::State::kPaused);
  }
  absl::StatusOr<SourceStatus> Resume(absl::string_view name,
                                      absl::string_view) override {
    return Set(name, SourceStatus::State::kConnected);
  }
  absl::StatusOr<SourceStatus> Reconnect(absl::string_view name, bool,
                                         absl::string_view) override {
    ++reconnects_;
    return Set(name, SourceStatus::State::kConnecting);
  }

  int reconnects() const { return reconnects_; }

 private:
  absl::StatusOr<SourceStatus> Set(absl::string_view name,
                                   SourceStatus::State state) {
    for (SourceStatus& source : sources_) {
      if (source.name != name) continue;
      source.state = state;
      return source;
    }
    return absl::NotFoundError("no such source");
  }

  std::vector<SourceStatus> sources_;
  int reconnects_ = 0;
};

}  // namespace weir

#endif  // WEIR_TESTS_FAKES_FAKE_SOURCE_CONTROL_H_
