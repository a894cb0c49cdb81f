#include <dlfcn.h>

#include <cstring>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "runner/check/check.h"
#include "runner/check/life.h"

namespace weir {
namespace {

using Entry = decltype(&weir_plugin_entry_v1);

Entry EntryOf(Subject& subject) {
  return reinterpret_cast<Entry>(
      dlsym(subject.library(), "weir_plugin_entry_v1"));
}

Verdict FromEntry(Subject& subject, absl::string_view id) {
  const absl::Status status = subject.Load();
  if (status.ok()) return Pass();
  absl::string_view text = status.message();
  const bool mine = absl::StartsWith(text, absl::StrCat(id, ": "));
  // That there is no entry at all is for abi.table to say.
  if (!mine && id != "abi.table") return Pass();
  if (!mine && absl::StartsWith(text, "abi.version: ")) return Pass();
  return Fail(std::string(text.substr(text.find(": ") + 2)));
}

Verdict Table(Subject& subject) { return FromEntry(subject, "abi.table"); }
Verdict Version(Subject& subject) { return FromEntry(subject, "abi.version"); }

Verdict Major(Subject& subject) {
  if (!subject.Load().ok()) return Skip("it has no table");
  const Entry entry = EntryOf(subject);
  for (const uint32_t major : {WEIR_ABI_MAJOR + 1, 0u, UINT32_MAX}) {
    subject.Doing(absl::StrCat("weir_plugin_entry_v1(", major, ", 0)"));
    try {
      if (entry(major, 0) == nullptr) continue;
    } catch (...) {
      return Fail("its entry throws an exception; return null instead");
    }
    return Fail(
        absl::StrCat("its entry returns a table to a host of ABI ", major,
                     "; return null unless host_major is WEIR_ABI_MAJOR"));
  }
  return Pass();
}

Verdict Minor(Subject& subject) {
  if (!subject.Load().ok()) return Skip("it has no table");
  const Entry entry = EntryOf(subject);
  const weir_plugin* const now = entry(WEIR_ABI_MAJOR, WEIR_ABI_MINOR);
  subject.Doing("weir_plugin_entry_v1(1, 1000)");
  const weir_plugin* const later = entry(WEIR_ABI_MAJOR, 1000);
  if (later == nullptr) {
    return Fail(
        "its entry returns null to a host of a later minor version; look at "
        "host_major alone");
  }
  if (now != entry(WEIR_ABI_MAJOR, WEIR_ABI_MINOR)) {
    return Warn(
        "its entry returns another table each time; return one in static "
        "storage");
  }
  return Pass();
}

// Its configuration is asked for before there is an instance.
Verdict EarlyExtension(Subject& subject) {
  if (!subject.Load().ok()) return Skip("it has no table");
  const auto* const config = static_cast<const weir_ext_config*>(
      subject.GetExt(nullptr, WEIR_EXT_CONFIG));
  if (!subject.crossed().empty()) return Fail(subject.crossed());
  if (config == nullptr) return Pass("no configuration schema");
  if (config->struct_size < sizeof(weir_ext_config)) {
    return Fail(absl::StrCat("its " WEIR_EXT_CONFIG " has ",
                             config->struct_size, " bytes, of ABI 1.0 it has ",
                             sizeof(weir_ext_config)));
  }
  return Pass(absl::StrCat("a schema of ", config->schema.len, " bytes"));
}

Verdict UnknownExtension(Subject& subject) {
  if (!subject.Load().ok()) return Skip("it has no table");
  CheckHost host;
  MessageMemory memory({}, subject.board());
  const Life life(subject, host, memory);
  if (!life.status().ok()) return Skip("there is no instance");
  for (const char* id :
       {"", "weir.nonsense/1", "weir.batch/1x", "weir.batch/", "weir.batch/2",
        "weir.describe/10", "weir.config/1 ", "WEIR.BATCH/1"}) {
    if (subject.GetExt(life.self(), id) == nullptr) continue;
    return Fail(absl::StrCat("get_ext returns something for \"", id,
                             "\"; compare the whole id, and return null for "
                             "what it does not know"));
  }
  return Pass();
}

Verdict Extensions(Subject& subject) {
  if (!subject.Load().ok()) return Skip("it has no table");
  CheckHost host;
  MessageMemory memory({}, subject.board());
  const Life life(subject, host, memory);
  if (!life.status().ok()) return Skip("there is no instance");
  std::vector<std::string> has;
  if (const auto* const batch = static_cast<const weir_ext_batch*>(
          subject.GetExt(life.self(), WEIR_EXT_BATCH));
      batch != nullptr) {
    if (subject.Batch(life.self()) == nullptr) {
      return Fail("its " WEIR_EXT_BATCH
                  " cannot be used; set struct_size, a max_batch of 1 or more "
                  "and handle_messages");
    }
    has.emplace_back(WEIR_EXT_BATCH);
  }
  if (const auto* const describe = static_cast<const weir_ext_describe*>(
          subject.GetExt(life.self(), WEIR_EXT_DESCRIBE));
      describe != nullptr) {
    if (describe->struct_size < sizeof(weir_ext_describe) ||
        describe->n_event_types > 1024 ||
        (describe->n_event_types > 0 && describe->event_types == nullptr)) {
      return Fail("its " WEIR_EXT_DESCRIBE
                  " cannot be used; set struct_size and at most 1024 "
                  "event_types");
    }
    has.emplace_back(WEIR_EXT_DESCRIBE);
  }
  if (subject.GetExt(life.self(), WEIR_EXT_CONFIG) != nullptr) {
    has.emplace_back(WEIR_EXT_CONFIG);
  }
  return Pass(has.empty() ? "has none" : absl::StrJoin(has, ", "));
}

Verdict LargerHost(Subject& subject) {
  if (!subject.Load().ok()) return Skip("it has no table");
  CheckHost host({.extra_bytes = 64});
  MessageMemory memory({}, subject.board());
  Life life(subject, host, memory);
  if (!life.status().ok()) {
    return Fail(
        "create refuses a host with a longer table; ask WEIR_HAS for what it "
        "needs, never for a size");
  }
  life.HandleAll(PlainSamples());
  return Pass();
}

Verdict Exceptions(Subject& subject) {
  if (!subject.Load().ok()) return Skip("it has no table");
  CheckHost host;
  {
    MessageMemory memory({}, subject.board());
    Life life(subject, host, memory);
    if (life.status().ok()) life.HandleAll(PlainSamples());
  }
  if (subject.crossed().empty()) return Pass();
  return Fail(
      absl::StrCat(subject.crossed(), "; catch it, and return WEIR_EXCEPTION"));
}

}  // namespace

std::vector<Check> AbiChecks() {
  return {
      {.id = "abi.table",
       .hint = "weir_plugin_entry_v1 returns a weir_plugin in static storage, "
               "with struct_size = sizeof(weir_plugin) and every function set.",
       .needs = {"load.dlopen"},
       .refuses = true,
       .run = &Table},
      {.id = "abi.version",
       .hint = "abi_major in the table is WEIR_ABI_MAJOR of the SDK that it "
               "was built with.",
       .needs = {"load.dlopen"},
       .refuses = true,
       .run = &Version},
      {.id = "abi.major",
       .hint = "A host of another major version asks, too; it must get null "
               "and not a table that it would misread.",
       .needs = {"abi.table", "abi.version"},
       .run = &Major},
      {.id = "abi.minor",
       .hint = "A plugin runs on every later minor version. What a host has "
               "is asked by WEIR_HAS and get_ext, not by its version.",
       .needs = {"abi.table", "abi.version"},
       .run = &Minor},
      {.id = "abi.early-extension",
       .hint = "The host asks for " WEIR_EXT_CONFIG " before create, with a "
               "null `self`: get_ext must not look into the instance for it.",
       .needs = {"abi.table", "abi.version"},
       .run = &EarlyExtension},
      {.id = "abi.unknown-extension",
       .hint = "The id of an extension ends in its version; another one is "
               "another extension. Compare the whole text with strcmp.",
       .needs = {"load.create", "load.destroy"},
       .run = &UnknownExtension},
      {.id = "abi.extensions",
       .hint = "The table of an extension is in static storage, and its "
               "struct_size says how long it is.",
       .needs = {"load.create", "load.destroy"},
       .run = &Extensions},
      {.id = "abi.larger-host",
       .hint = "A later host's table is longer. Ignore what is behind the "
               "part that you know.",
       .needs = {"message.plain", "message.read-only"},
       .run = &LargerHost},
      {.id = "abi.exceptions",
       .hint = "An exception that crosses the C boundary ends the process "
               "unless both sides happen to share one libstdc++. The SDK "
               "catches all; without it, do so in each function.",
       .needs = {"message.plain", "message.read-only"},
       .run = &Exceptions}};
}

}  // namespace weir
