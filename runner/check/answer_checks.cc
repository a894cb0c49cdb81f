#include <cstdint>

#include "absl/strings/str_cat.h"
#include "runner/check/check.h"
#include "runner/check/life.h"

namespace weir {
namespace {

// What the host grants at most, unless plugins.max_capacity says less.
constexpr int64_t kMaxCapacity = 1 << 20;

Verdict Range(Subject& subject) {
  if (!subject.Load().ok()) return Skip("it is not loaded");
  CheckHost host;
  void* self = nullptr;
  if (!subject.Create(host.table(), subject.config(), &self).ok()) {
    return Skip("there is no instance");
  }
  const int64_t capacity = subject.QueueCapacity(self);
  subject.Destroy(self);
  if (capacity <= 0) {
    return Fail(absl::StrCat("queue_capacity is ", capacity,
                             "; return how many messages may wait, 1 to ",
                             kMaxCapacity));
  }
  if (capacity > kMaxCapacity) {
    return Warn(absl::StrCat("queue_capacity is ", capacity,
                             ", and the host grants at most ", kMaxCapacity));
  }
  Verdict verdict = Pass(absl::StrCat(capacity, " messages"));
  verdict.figures = {{"capacity", static_cast<double>(capacity)}};
  return verdict;
}

Verdict Stable(Subject& subject) {
  if (!subject.Load().ok()) return Skip("it is not loaded");
  CheckHost host;
  MessageMemory memory({}, subject.board());
  Life life(subject, host, memory);
  if (!life.status().ok()) return Skip("there is no instance");
  const int64_t first = subject.QueueCapacity(life.self());
  for (int i = 0; i < 3; ++i) {
    const int64_t again = subject.QueueCapacity(life.self());
    if (again == first) continue;
    return Warn(absl::StrCat("queue_capacity is ", first, ", and then ", again,
                             "; the host takes the first answer"));
  }
  return Pass();
}

Verdict Answers(Subject& subject) {
  if (!subject.Load().ok()) return Skip("it is not loaded");
  CheckHost host;
  MessageMemory memory({}, subject.board());
  Life life(subject, host, memory);
  if (!life.status().ok()) return Skip("there is no instance");
  for (const absl::string_view type : kCheckTypes) {
    const int32_t answer = subject.WantsMessage(life.self(), type);
    if (answer == 0 || answer == 1) continue;
    return Fail(absl::StrCat("wants_message of ", type, " is ", answer,
                             ", which counts as ", answer > 0 ? "1" : "0",
                             "; return 1 or 0"));
  }
  return Pass();
}

Verdict Any(Subject& subject) {
  if (!subject.Load().ok()) return Skip("it is not loaded");
  CheckHost host;
  MessageMemory memory({}, subject.board());
  Life life(subject, host, memory);
  if (!life.status().ok()) return Skip("there is no instance");
  std::string wanted;
  for (uint16_t type = 0; type < uint16_t{std::size(kCheckTypes)}; ++type) {
    if (!life.Wants(type)) continue;
    absl::StrAppend(&wanted, wanted.empty() ? "" : ", ", kCheckTypes[type]);
  }
  if (!wanted.empty()) return Pass(wanted);
  return Warn(
      "wants none of the types that RIS Live has, nor RAW; no message will "
      "reach it from there");
}

Verdict Pure(Subject& subject) {
  if (!subject.Load().ok()) return Skip("it is not loaded");
  CheckHost host;
  MessageMemory memory({}, subject.board());
  Life one(subject, host, memory);
  if (!one.status().ok()) return Skip("there is no instance");
  const auto ask = [&](absl::string_view type) {
    return subject.WantsMessage(one.self(), type);
  };
  std::vector<int32_t> first;
  for (const absl::string_view type : kCheckTypes) first.push_back(ask(type));
  for (int round = 0; round < 8; ++round) {
    for (size_t i = std::size(kCheckTypes); i-- > 0;) {
      const int32_t again = ask(kCheckTypes[i]);
      if (again == first[i]) continue;
      return Warn(absl::StrCat(
          "wants_message of ", kCheckTypes[i], " is ", first[i], ", and then ",
          again, "; it must depend on the type alone: the host asks once"));
    }
  }
  return Pass();
}

Verdict OddNames(Subject& subject) {
  if (!subject.Load().ok()) return Skip("it is not loaded");
  CheckHost host;
  MessageMemory memory({}, subject.board());
  const Life life(subject, host, memory);
  if (!life.status().ok()) return Skip("there is no instance");
  const std::string huge(1 << 20, 'T');
  const std::string bytes("\xff\x00\xc3", 3);
  for (const absl::string_view type :
       {absl::string_view(), absl::string_view("X-UNKNOWN"),
        absl::string_view("UPDATE "), absl::string_view("update"),
        absl::string_view(bytes), absl::string_view(huge)}) {
    subject.WantsMessage(life.self(), type);
  }
  return Pass();
}

}  // namespace

std::vector<Check> AnswerChecks() {
  const std::vector<std::string> lives = {"load.create", "load.destroy"};
  return {
      {.id = "capacity.range",
       .hint = "How many messages may wait for the plugin. A second of the "
               "busiest source, 24,000, is plenty for most.",
       .needs = lives,
       .refuses = true,
       .run = &Range},
      {.id = "capacity.stable",
       .hint = "The host asks once, after create, and makes the queue.",
       .needs = lives,
       .run = &Stable},
      {.id = "wants.answers",
       .hint = "1 for a type that it wants, 0 for any other. An error counts "
               "as 0, and nobody hears of it.",
       .needs = lives,
       .run = &Answers},
      {.id = "wants.any",
       .hint = "A plugin for another source may want none of these types. One "
               "for RIS Live that wants none is never called.",
       .needs = lives,
       .crash_level = CheckLevel::kWarn,
       .run = &Any},
      {.id = "wants.pure",
       .hint = "The host remembers the answer for each type. What depends on "
               "time or chance belongs into handle_message.",
       .needs = lives,
       .run = &Pure},
      {.id = "wants.odd-names",
       .hint = "The name of a type comes from the source and may be anything; "
               "it has a length and no NUL at its end.",
       .needs = lives,
       .run = &OddNames}};
}

}  // namespace weir
