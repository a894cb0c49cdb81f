// How a PluginMachine passes the turn from one instance to the next.

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "host/plugin/plugin_machine.h"

namespace weir {
namespace {

// For saving and for loading. A child that takes longer is killed by its
// handler just before; another one is left alone in its call.
constexpr absl::Duration kStateDeadline = absl::Seconds(6);

}  // namespace

// Nobody has the turn afterwards, and what `from` has running beside its
// messages has ended, or is told so as soon as it comes back: one that does not
// do that in time is ended with its loops, before long, by whoever takes its
// turn.
absl::Status PluginMachine::TakeTurn(const Running& from,
                                     absl::Duration patience) {
  absl::Status taken = slot_->Switch(0, patience);
  if (!taken.ok() || !from.made.handler->HasCompanions()) return taken;
  const absl::Status rested = slot_->Call(
      from.instance, [](Handler& handler) { handler.Rest(); }, kStateDeadline);
  if (!rested.ok()) {
    around_.write_log(Severity::kWarning, status().name,
                      absl::StrCat("what it has running beside its messages "
                                   "was not ended: ",
                                   rested.message()));
  }
  return absl::OkStatus();
}

// Nobody has the turn while the state is on its way, and messages wait in the
// slot: so `to` is ready before that begins, and a failure anywhere gives the
// turn back. One that can not be given the turn back, since it died of that or
// is still in that call, is a crash like any other.
absl::Status PluginMachine::HandOver(const Running& from, const Running& to,
                                     absl::Duration patience, bool with_state) {
  const bool has_state = with_state && from.made.handler->HasState() &&
                         to.made.handler->HasState();
  if (!has_state && !from.made.handler->HasCompanions()) {
    return slot_->Switch(to.instance, patience);
  }
  absl::Status done = TakeTurn(from, patience);
  if (!done.ok()) return done;
  if (!has_state) return slot_->Switch(to.instance, absl::ZeroDuration());
  // What a call that is given up may still write to.
  struct Passed {
    absl::StatusOr<std::string> state = absl::UnknownError("not saved");
    absl::Status loaded = absl::UnknownError("not loaded");
  };
  const auto passed = std::make_shared<Passed>();
  done = slot_->Call(
      from.instance,
      [passed](Handler& handler) { passed->state = handler.SaveState(); },
      kStateDeadline);
  const bool save_hangs = absl::IsDeadlineExceeded(done);
  if (done.ok()) done = passed->state.status();
  if (done.ok()) {
    done = slot_->Call(
        to.instance,
        [passed](Handler& handler) {
          passed->loaded = handler.LoadState(*passed->state);
        },
        kStateDeadline);
    if (done.ok()) done = passed->loaded;
  }
  if (done.ok()) {
    done = slot_->Switch(to.instance, absl::ZeroDuration());
    around_.write_log(
        Severity::kInfo, status().name,
        absl::StrCat("handed over ", passed->state->size(), " bytes of state"));
    return done;
  }
  if (save_hangs) {
    Hang(kStateDeadline);
  } else {
    slot_->Switch(from.instance, absl::ZeroDuration()).IgnoreError();
  }
  return absl::FailedPreconditionError(
      absl::StrCat("its state was not handed over: ", done.message(),
                   "; what ran goes on; reload it cold to do without"));
}

}  // namespace weir
