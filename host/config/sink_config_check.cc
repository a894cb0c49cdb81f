#include "host/config/sink_config_check.h"

#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"
#include "host/config/check_parts.h"

namespace weir {
namespace {

// That whatever stands in braces in `text` is something that is replaced.
void CheckPlaceholders(absl::string_view text,
                       const std::vector<absl::string_view>& known,
                       const std::string& path, FaultList* faults) {
  for (size_t at = text.find('{'); at != text.npos;
       at = text.find('{', at + 1)) {
    const absl::string_view found =
        text.substr(at, text.find('}', at) - at + 1);
    if (std::count(known.begin(), known.end(), found) > 0) continue;
    faults->Add(
        path, absl::StrCat("\"", text, "\": nothing is put in place of ", found,
                           "; what is: ", absl::StrJoin(known, ", ")));
  }
}

void CheckNatsSink(const v1::NatsSink& sink, const std::string& path,
                   FaultList* faults) {
  CheckNatsUser(sink, path, faults);
  CheckPlaceholders(sink.subject(), {"{type}", "{source}", "{node_id}"},
                    Join(path, "subject"), faults);
  if (sink.subject().find_first_of(" \t*>") != std::string::npos) {
    faults->Add(Join(path, "subject"),
                absl::StrCat("\"", sink.subject(),
                             "\": nothing can be published to that; take out "
                             "blanks and wildcards"));
  }
}

void CheckStewardSinkTexts(const v1::StewardSink& sink, const std::string& path,
                           FaultList* faults) {
  const std::vector<absl::string_view> known = {
      "{type}", "{subject}", "{severity}", "{source}", "{id}"};
  CheckPlaceholders(sink.to_node(), known, Join(path, "to_node"), faults);
  CheckPlaceholders(sink.directory(), known, Join(path, "directory"), faults);
  CheckPlaceholders(sink.file_name(), known, Join(path, "file_name"), faults);
}

// That the source which is to send is there, and sends.
void CheckStewardSink(const v1::StewardSink& sink, const v1::HostConfig& config,
                      const std::string& path, FaultList* faults) {
  if (sink.source().empty()) return;  // Said already.
  for (const v1::SourceConfig& source : config.sources()) {
    if (sink.source() == absl::StrCat("sources/", source.id()) &&
        source.nats().steward().has_sending()) {
      return;
    }
  }
  faults->Add(Join(path, "source"),
              absl::StrCat("\"", sink.source(),
                           "\" is no source with nats.steward.sending; it is "
                           "\"sources/ID\" of one"));
}

}  // namespace

void CheckSinks(const v1::HostConfig& config, FaultList* faults) {
  CheckUnique(config.sinks(), "sinks", faults);
  for (int i = 0; i < config.sinks_size(); ++i) {
    const v1::SinkConfig& sink = config.sinks(i);
    const std::string path = absl::StrCat("sinks[", i, "]");
    CheckHasKind(sink, path, "kind", faults);
    if (sink.has_nats()) CheckNatsSink(sink.nats(), Join(path, "nats"), faults);
    if (sink.has_steward()) {
      CheckStewardSink(sink.steward(), config, Join(path, "steward"), faults);
      CheckStewardSinkTexts(sink.steward(), Join(path, "steward"), faults);
    }
    if (sink.retry().has_max()) {
      CheckNotLonger(sink.retry().initial(), sink.retry().max(),
                     Join(path, "retry.initial"), "max", faults);
    }
    if (sink.retry().max_attempts() > 0) {
      faults->Add(Join(path, "retry.max_attempts"),
                  "a sink waits for ever for its other side; to give single "
                  "events up, set max_attempts beside retry");
    }
  }
}

}  // namespace weir
