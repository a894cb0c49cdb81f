// What an instance hands to the one that takes its place.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "runner/check/check.h"
#include "runner/check/life.h"

namespace weir {
namespace {

// So many states that are damaged in one way are tried.
constexpr size_t kTries = 64;

// One instance, with what a check of its state needs.
class Keeper {
 public:
  explicit Keeper(Subject& subject)
      : subject_(subject),
        memory_({}, subject.board()),
        life_(subject, host_, memory_) {
    if (life_.status().ok()) state_ = subject.State(life_.self());
  }

  bool made() const { return life_.status().ok(); }
  // Null if it has no state.
  const weir_ext_state* state() const { return state_; }
  CheckHost& host() { return host_; }
  Life& life() { return life_; }

  absl::StatusOr<std::string> Save(uint64_t refuse_at = UINT64_MAX) {
    return subject_.SaveState(*state_, life_.self(), refuse_at);
  }
  absl::Status Load(absl::string_view state) {
    return subject_.LoadState(*state_, life_.self(), state);
  }

 private:
  Subject& subject_;
  CheckHost host_;
  MessageMemory memory_;
  Life life_;
  const weir_ext_state* state_ = nullptr;
};

// Leads a check through what each of them needs: `run` is given an instance
// that has had messages, and what it saved.
template <typename Run>
Verdict WithState(Subject& subject, Run run) {
  if (!subject.Load().ok()) return Skip("it is not loaded");
  Keeper old(subject);
  if (!old.made()) return Skip("there is no instance");
  if (old.state() == nullptr) return Skip("it has no weir.state/1");
  old.life().HandleAll(PlainSamples());
  const absl::StatusOr<std::string> saved = old.Save();
  if (!saved.ok()) {
    return Skip(absl::StrCat("it saves nothing: ", saved.status().message()));
  }
  Verdict verdict = run(old, *saved);
  if (verdict.level == CheckLevel::kPass && !subject.crossed().empty()) {
    return Fail(absl::StrCat(subject.crossed(),
                             "; catch it, and return WEIR_EXCEPTION"));
  }
  return verdict;
}

// Whether load of `state` by a fresh instance is OK; nothing if there is none.
absl::Status LoadAfresh(Subject& subject, absl::string_view state) {
  Keeper next(subject);
  if (next.state() == nullptr) return absl::UnavailableError("no instance");
  absl::Status status = next.Load(state);
  // It is destroyed after an error, so nothing is asked of it but that.
  if (status.ok()) next.life().HandleAll(PlainSamples());
  return status;
}

Verdict RoundTrip(Subject& subject) {
  if (!subject.Load().ok()) return Skip("it is not loaded");
  Keeper old(subject);
  if (!old.made()) return Skip("there is no instance");
  if (subject.GetExt(old.life().self(), WEIR_EXT_STATE) == nullptr) {
    return Skip("it has no weir.state/1");
  }
  if (old.state() == nullptr) {
    return Fail(
        "its weir.state/1 is too short, or its save or load is null; the host "
        "hands nothing over");
  }
  // That of an instance which has seen nothing, and of one that has.
  for (const char* const when : {"before its first message", "of messages"}) {
    const absl::StatusOr<std::string> saved = old.Save();
    if (!saved.ok()) {
      return Fail(absl::StrCat("save ", when, ": ", saved.status().message()));
    }
    Keeper next(subject);
    if (next.state() == nullptr) return Skip("there is no second instance");
    const absl::Status loaded = next.Load(*saved);
    if (!loaded.ok()) {
      return Fail(absl::StrCat("load refuses what save gave ", when, ", ",
                               saved->size(), " bytes: ", loaded.message()));
    }
    next.life().HandleAll(PlainSamples());
    const absl::StatusOr<std::string> again = next.Save();
    if (!again.ok()) {
      return Fail(
          absl::StrCat("save after a load: ", again.status().message()));
    }
    old.life().HandleAll(PlainSamples());
  }
  return Pass();
}

// The successor says of the next messages what the one before would have said.
Verdict Same(Subject& subject) {
  return WithState(subject, [&](Keeper& old, const std::string& saved) {
    const size_t before = old.host().said().size();
    const uint64_t seq = old.life().last_seq();
    old.life().HandleAll(PlainSamples());
    std::vector<std::string> wanted = old.host().said();
    wanted.erase(wanted.begin(),
                 wanted.begin() + static_cast<ptrdiff_t>(before));
    Keeper next(subject);
    if (next.state() == nullptr || !next.Load(saved).ok()) {
      return Skip("what it saves is not taken");
    }
    next.life().ContinueAfter(seq);
    const size_t begin = next.host().said().size();
    next.life().HandleAll(PlainSamples());
    std::vector<std::string> said = next.host().said();
    said.erase(said.begin(), said.begin() + static_cast<ptrdiff_t>(begin));
    if (said == wanted) return Pass(absl::StrCat(said.size(), " events"));
    const auto differs =
        std::mismatch(said.begin(), said.end(), wanted.begin(), wanted.end());
    return Warn(absl::StrCat(
        "after a hand-over it says other things of the same messages, from "
        "event ",
        differs.first - said.begin() + 1, " of ", wanted.size(),
        " on; save all that it depends on"));
  });
}

std::string Noise(size_t size, uint64_t seed) {
  std::mt19937_64 random(seed);
  std::string bytes(size, '\0');
  for (char& byte : bytes) byte = static_cast<char>(random() & 0xff);
  return bytes;
}

Verdict Foreign(Subject& subject) {
  return WithState(subject, [&](Keeper&, const std::string& saved) {
    const std::pair<const char*, std::string> states[] = {
        {"no bytes at all", ""},
        {"one byte", std::string(1, '\xff')},
        {"64 bytes of noise", Noise(64, 1)},
        {"64 KiB of noise", Noise(64 << 10, 2)},
        {"as many bytes of noise as it saves", Noise(saved.size(), 3)},
        {"a state of another version",
         absl::StrCat("\x7fweir-state/900 ", Noise(saved.size(), 4))}};
    for (const auto& [what, state] : states) {
      if (state == saved) continue;
      if (!LoadAfresh(subject, state).ok()) continue;
      return Fail(
          absl::StrCat("load takes ", what,
                       " for a state of its own; begin what you save "
                       "with a name and a version, and refuse all else"));
    }
    return Pass();
  });
}

// That it survives is the proof: a state that is damaged may look whole.
Verdict Damaged(Subject& subject) {
  return WithState(subject, [&](Keeper&, const std::string& saved) {
    uint64_t taken = 0;
    uint64_t tried = 0;
    const size_t step = std::max<size_t>(1, saved.size() / kTries);
    for (size_t at = 0; at < saved.size(); at += step) {
      std::string flipped = saved;
      flipped[at] = static_cast<char>(static_cast<uint8_t>(flipped[at]) ^ 0x80);
      std::string grown = saved;
      grown.insert(at, 1, '\xff');
      for (const std::string& state :
           {saved.substr(0, at), std::move(flipped), std::move(grown)}) {
        taken += LoadAfresh(subject, state).ok() ? 1 : 0;
        ++tried;
      }
    }
    return Pass(absl::StrCat(taken, " of ", tried, " were taken"));
  });
}

Verdict Write(Subject& subject) {
  return WithState(subject, [&](Keeper& old, const std::string& saved) {
    if (saved.empty()) return Pass("it saves no bytes");
    // The last byte has no room, and then none has.
    for (const uint64_t room : {saved.size() - 1, size_t{0}}) {
      if (old.Save(room).ok()) {
        return Fail(absl::StrCat("save is OK though write took only ", room,
                                 " of its ", saved.size(),
                                 " bytes; return what write returns"));
      }
    }
    // It goes on, as the host then has it do.
    old.life().HandleAll(PlainSamples());
    return Pass();
  });
}

}  // namespace

std::vector<Check> StateChecks() {
  const std::vector<std::string> trip = {"state.round-trip"};
  return {
      {.id = "state.round-trip",
       .hint = "What save gives, a fresh instance takes with load at a reload, "
               "an upgrade or a rollback; else the exchange is given up.",
       .needs = {"message.plain", "message.read-only", "message.lifetime",
                 "abi.exceptions"},
       .run = &RoundTrip},
      {.id = "state.same",
       .hint = "After a hand-over nobody should see that there was one: what "
               "the plugin says of a message depends on what it saved.",
       .needs = trip,
       .crash_level = CheckLevel::kWarn,
       .run = &Same},
      {.id = "state.foreign",
       .hint = "What another version saved, or another plugin under this "
               "name, is refused by load with an error. Begin a state with a "
               "name and a version.",
       .needs = trip,
       .run = &Foreign},
      {.id = "state.damaged",
       .hint = "load reads no further than its `len`, and trusts no number in "
               "a state: it may be of another version that looks alike.",
       .needs = trip,
       .run = &Damaged},
      {.id = "state.write",
       .hint = "write returns an error once 64 MiB are full. save stops there "
               "and returns it; half a state must not pass for one.",
       .needs = trip,
       .run = &Write}};
}

}  // namespace weir
