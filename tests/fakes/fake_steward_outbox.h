#ifndef WEIR_TESTS_FAKES_FAKE_STEWARD_OUTBOX_H_
#define WEIR_TESTS_FAKES_FAKE_STEWARD_OUTBOX_H_

#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "host/control/steward_outbox.h"
#include "lib/steward/message.h"
#include "lib/steward/profile.h"

namespace weir {

// An outbox that keeps what is posted for the test to see. Nothing may wait for
// it: Send is an error. For one thread.
class FakeStewardOutbox final : public StewardOutbox {
 public:
  explicit FakeStewardOutbox(std::string node) : node_(std::move(node)) {}

  const std::string& node() const override { return node_; }
  steward::Profile profile() const override { return profile_; }
  const std::string& public_key() const override { return key_; }
  void Post(std::vector<steward::Message> messages, Done done) override {
    if (!refuse.ok()) return done(refuse);
    for (steward::Message& message : messages) {
      posted.push_back(std::move(message));
    }
    if (at_once) return done(absl::OkStatus());
    later = std::move(done);
  }
  absl::Status Send(std::vector<steward::Message>) override {
    return absl::InternalError("this must not wait");
  }
  void SendNow(steward::Message) override {}
  void ReportError(absl::string_view) override {}

  void set_profile(steward::Profile profile) { profile_ = profile; }

  absl::Status refuse;   // What Post says.
  bool at_once = false;  // Post says itself that it is kept.
  Done later;            // Else of the last Post.
  std::vector<steward::Message> posted;

 private:
  const std::string node_;
  const std::string key_;
  steward::Profile profile_ = steward::Profile::kC4;
};

}  // namespace weir

#endif  // WEIR_TESTS_FAKES_FAKE_STEWARD_OUTBOX_H_
