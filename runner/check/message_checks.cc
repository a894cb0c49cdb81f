#include <algorithm>
#include <cstdint>
#include <random>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "runner/check/check.h"
#include "runner/check/life.h"

namespace weir {
namespace {

constexpr char kNoInstance[] = "there is no instance";
constexpr char kWantsNothing[] = "it wants none of these messages";

// Gives `samples` to one instance. Says of a pass how many it took.
Verdict GiveAll(Subject& subject, const std::vector<Sample>& samples,
                const MessageMemoryOptions& options) {
  if (!subject.Load().ok()) return Skip("it is not loaded");
  CheckHost host;
  MessageMemory memory(options, subject.board());
  Life life(subject, host, memory);
  if (!life.status().ok()) return Skip(kNoInstance);
  if (!life.WantsAny()) return Skip(kWantsNothing);
  life.HandleAll(samples);
  return Pass(absl::StrCat(samples.size(), " messages"));
}

// Each of `samples` once for each type, since a plugin may want any.
std::vector<Sample> OfEachType(const std::vector<Sample>& samples) {
  std::vector<Sample> all;
  for (uint16_t type = 0; type < uint16_t{std::size(kCheckTypes)}; ++type) {
    for (Sample sample : samples) {
      sample.type = type;
      all.push_back(std::move(sample));
    }
  }
  return all;
}

Verdict Plain(Subject& subject) {
  if (!subject.Load().ok()) return Skip("it is not loaded");
  CheckHost host;
  MessageMemory memory({.read_only = false}, subject.board());
  Life life(subject, host, memory);
  if (!life.status().ok()) return Skip(kNoInstance);
  if (!life.WantsAny()) return Skip(kWantsNothing);
  const std::vector<Sample> samples = PlainSamples();
  const std::vector<weir_status> statuses = life.HandleAll(samples);
  for (size_t i = 0; i < samples.size(); ++i) {
    if (statuses[i] == WEIR_OK) continue;
    return Warn(absl::StrCat("returns the error ", statuses[i], " for ",
                             samples[i].what,
                             "; an error means that the message could not be "
                             "handled, and is counted"));
  }
  return Pass(absl::StrCat(samples.size(), " messages"));
}

Verdict ReadOnly(Subject& subject) {
  return GiveAll(subject, PlainSamples(), {});
}

Verdict Lifetime(Subject& subject) {
  std::vector<Sample> samples = PlainSamples();
  const std::vector<Sample> again = PlainSamples();
  samples.insert(samples.end(), again.begin(), again.end());
  return GiveAll(subject, samples, {.retire = true});
}

Verdict Empty(Subject& subject) {
  return GiveAll(subject,
                 OfEachType({{.what = "a message of no bytes"},
                             {.what = "a message of one byte", .body = "{"},
                             {.what = "a message of two bytes", .body = "{}"},
                             {.what = "a space", .body = " "}}),
                 {});
}

Verdict Large(Subject& subject) {
  std::string deep;
  for (int i = 0; i < 50'000; ++i) deep += "[";
  return GiveAll(
      subject,
      OfEachType(
          {{.what = "a message of 64 KiB", .body = std::string(65536, 'a')},
           // The longest line that a source lets through.
           {.what = "a message of 2 MiB", .body = std::string(2 << 20, '9')},
           {.what = "a message of nothing but [", .body = deep}}),
      {});
}

Verdict Bytes(Subject& subject) {
  std::string all;
  for (int i = 0; i < 256; ++i) all += static_cast<char>(i);
  return GiveAll(
      subject,
      OfEachType({{.what = "all bytes there are", .body = all},
                  {.what = "invalid UTF-8", .body = "{\"type\":\"\xc3\x28\"}"},
                  {.what = "half a character", .body = "{\"type\":\"\xf0\x9f"},
                  {.what = "zeros", .body = std::string(64, '\0')}}),
      {});
}

Verdict Truncated(Subject& subject) {
  std::vector<Sample> samples;
  for (const Sample& whole : PlainSamples()) {
    // A prime number of places, so that cuts fall anywhere.
    const size_t step = std::max<size_t>(1, whole.body.size() / 61);
    for (size_t cut = 0; cut < whole.body.size(); cut += step) {
      Sample sample = whole;
      sample.what = absl::StrCat(whole.what, ", cut at ", cut);
      sample.body.resize(cut);
      sample.flags = 4;
      if (cut % 2 == 0) sample.fields.clear();
      samples.push_back(std::move(sample));
    }
  }
  return GiveAll(subject, samples, {});
}

Verdict Fields(Subject& subject) {
  const std::vector<SampleField> each = FieldOfEachKey();
  std::vector<Sample> samples = {{.what = "all fields", .fields = each},
                                 {.what = "no field"}};
  for (const SampleField& field : each) {
    samples.push_back({.what = absl::StrCat("field ", field.key, " alone"),
                       .fields = {field}});
  }
  // Some of all 2^25 combinations, the same ones each time.
  std::mt19937_64 random(1);
  for (int i = 0; i < 100; ++i) {
    Sample sample = {.what = absl::StrCat("combination ", i, " of fields")};
    uint64_t chosen = random();
    for (const SampleField& field : each) {
      if ((chosen & 1) != 0) sample.fields.push_back(field);
      chosen >>= 1;
    }
    samples.push_back(std::move(sample));
  }
  return GiveAll(subject, OfEachType(samples), {});
}

Verdict UnknownFields(Subject& subject) {
  std::vector<Sample> samples = PlainSamples();
  for (Sample& sample : samples) {
    sample.what = absl::StrCat(sample.what, " with fields of a later host");
    sample.fields.insert(
        sample.fields.begin(),
        {{.key = 31, .kind = 200, .count = 3, .bytes = "abc"},
         {.key = 65535, .kind = WEIR_KIND_UINT, .count = 0, .number = 1}});
    sample.fields.push_back(
        {.key = 1000, .kind = WEIR_KIND_STRING, .bytes = "later"});
  }
  return GiveAll(subject, samples, {});
}

Verdict Types(Subject& subject) {
  std::vector<Sample> samples;
  for (const uint16_t type : {uint16_t{77}, uint16_t{65535}}) {
    for (const Sample& plain : PlainSamples()) {
      Sample sample = plain;
      sample.what = absl::StrCat(plain.what, " of the unknown type ", type);
      sample.type = type;
      sample.source = 4'000'000'000;
      samples.push_back(std::move(sample));
    }
  }
  return GiveAll(subject, samples, {});
}

Verdict Growth(Subject& subject) {
  return GiveAll(subject, PlainSamples(), {.extra_bytes = 48});
}

Verdict Redelivered(Subject& subject) {
  std::vector<Sample> samples;
  for (const Sample& plain : PlainSamples()) {
    samples.push_back(plain);
    samples.push_back(plain);
    samples.back().flags = 1;
  }
  return GiveAll(subject, samples, {});
}

Verdict Events(Subject& subject) {
  if (!subject.Load().ok()) return Skip("it is not loaded");
  CheckHost host;
  {
    MessageMemory memory({}, subject.board());
    Life life(subject, host, memory);
    if (!life.status().ok()) return Skip(kNoInstance);
    for (int i = 0; i < 3; ++i) life.HandleAll(PlainSamples());
    const std::vector<SampleField> each = FieldOfEachKey();
    life.HandleAll(OfEachType({{.what = "all fields", .fields = each}}));
  }
  std::vector<std::string> refused = host.refused();
  if (refused.empty()) return Pass(absl::StrCat(host.emits(), " events"));
  if (refused.size() > 5) refused.resize(5);
  return Fail(absl::StrCat("emits events that the host refuses: ",
                           absl::StrJoin(refused, "; ")));
}

// What the instance says about the samples, and the status of each.
struct Heard {
  std::vector<std::string> said;
  std::vector<weir_status> statuses;
};

Heard OneByOne(Subject& subject, const std::vector<Sample>& samples) {
  CheckHost host;
  Heard heard;
  {
    MessageMemory memory({}, subject.board());
    Life life(subject, host, memory);
    for (const Sample& sample : samples) {
      if (life.Wants(sample.type)) {
        heard.statuses.push_back(life.Handle(sample));
      }
    }
  }
  heard.said = host.said();
  return heard;
}

Verdict Batch(Subject& subject) {
  if (!subject.Load().ok()) return Skip("it is not loaded");
  std::vector<Sample> samples;
  for (int i = 0; i < 4; ++i) {
    const std::vector<Sample> more = PlainSamples();
    samples.insert(samples.end(), more.begin(), more.end());
  }
  CheckHost host;
  Heard heard;
  std::string warning;
  {
    MessageMemory memory({}, subject.board());
    Life life(subject, host, memory);
    if (!life.status().ok()) return Skip(kNoInstance);
    if (!life.WantsAny()) return Skip(kWantsNothing);
    const weir_ext_batch* const batch = subject.Batch(life.self());
    if (batch == nullptr) return Skip("it has no " WEIR_EXT_BATCH);
    std::vector<const weir_msg*> views;
    for (const Sample& sample : samples) {
      if (!life.Wants(sample.type)) continue;
      views.push_back(memory.Place(sample, life.next_seq()));
    }
    // As PluginInstance does: a batch ends where a message fails.
    for (size_t at = 0; at < views.size();) {
      const auto n = static_cast<uint32_t>(
          std::min<size_t>({views.size() - at, batch->max_batch, 64}));
      uint32_t done = 0;
      const weir_status status =
          subject.HandleBatch(*batch, life.self(), views.data() + at, n, &done);
      if (done > n) {
        return Fail(absl::StrCat("says that it is done with ", done, " of ", n,
                                 " messages; count up to n, not beyond"));
      }
      if (status == WEIR_OK && done != n) {
        warning = absl::StrCat(
            "returns WEIR_OK for ", n, " messages with `done` at ", done,
            "; store it after each, so that a crash costs one message and not "
            "the batch");
      }
      const uint32_t handled = status == WEIR_OK ? n : std::min(done, n - 1);
      heard.statuses.insert(heard.statuses.end(), handled, WEIR_OK);
      if (status != WEIR_OK) heard.statuses.push_back(status);
      at += handled + (status == WEIR_OK ? 0 : 1);
    }
  }
  heard.said = host.said();
  const Heard single = OneByOne(subject, samples);
  // What it says may depend on more than its messages, such as a file.
  const bool comparable = single.said == OneByOne(subject, samples).said;
  if (comparable ? heard.said != single.said
                 : heard.said.size() != single.said.size()) {
    return Fail(absl::StrCat(
        "emits ", heard.said.size(), " events in batches and ",
        single.said.size(),
        " one by one, or others; handle_messages must do what handle_message "
        "does for each"));
  }
  if (heard.statuses != single.statuses) {
    return Fail(
        "returns other errors in batches than one by one; stop at the message "
        "that failed, with `done` at those before it");
  }
  return warning.empty() ? Pass(absl::StrCat(samples.size(), " messages"))
                         : Warn(warning);
}

}  // namespace

std::vector<Check> MessageChecks() {
  const std::vector<std::string> plain = {"message.plain", "message.read-only"};
  return {
      {.id = "message.plain",
       .hint = "The messages that RIS Live sends every minute.",
       .needs = {"load.create", "load.destroy"},
       .run = &Plain},
      {.id = "message.read-only",
       .hint = "All handlers share one message, in memory that a child cannot "
               "write: copy what you change.",
       .needs = {"message.plain"},
       .run = &ReadOnly},
      {.id = "message.lifetime",
       .hint = "A message is gone when handle_message returns: copy what you "
               "keep. A std::string_view into it is not a copy.",
       .needs = plain,
       .run = &Lifetime},
      {.id = "message.empty",
       .hint = "A payload may be empty, and has no NUL at its end.",
       .needs = plain,
       .run = &Empty},
      {.id = "message.large",
       .hint = "A payload has up to 2 MiB; do not put it on the stack, nor "
               "follow its nesting by recursion.",
       .needs = plain,
       .run = &Large},
      {.id = "message.bytes",
       .hint = "A payload is bytes as they came, not always UTF-8.",
       .needs = plain,
       .run = &Bytes},
      {.id = "message.truncated",
       .hint = "A payload may end anywhere; read up to its length.",
       .needs = plain,
       .run = &Truncated},
      {.id = "message.fields",
       .hint = "Any field may be absent, and an array may be long. Field and "
               "count say what is there.",
       .needs = plain,
       .run = &Fields},
      {.id = "message.unknown-fields",
       .hint = "A later host sends more fields. Pass over keys and kinds that "
               "you do not know.",
       .needs = plain,
       .run = &UnknownFields},
      {.id = "message.types",
       .hint = "There may be more types and sources than were there when the "
               "plugin was made; their names may be empty.",
       .needs = plain,
       .run = &Types},
      {.id = "message.growth",
       .hint = "weir_msg grows at its end. Ignore what is behind the part "
               "that you know.",
       .needs = plain,
       .run = &Growth},
      {.id = "message.redelivered",
       .hint = "With redeliver_once a message may come twice, the second time "
               "with the flag 1.",
       .needs = plain,
       .run = &Redelivered},
      {.id = "message.events",
       .hint = "The host drops an event that breaks a bound and counts it; "
               "docs/plugin_guide.md has the table.",
       .needs = plain,
       .run = &Events},
      {.id = "message.batch",
       .hint = "handle_messages is handle_message in a loop, stopping at the "
               "first error; the SDK has it.",
       .needs = plain,
       .run = &Batch}};
}

}  // namespace weir
