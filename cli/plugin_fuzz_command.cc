#include "cli/plugin_fuzz_command.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "cli/escape.h"
#include "cli/human.h"
#include "cli/runner_program.h"
#include "google/protobuf/struct.pb.h"
#include "lib/programs/runner_path.h"

namespace weir::cli {
namespace {

using google::protobuf::Struct;

std::vector<std::string> ToWords(const PluginFuzzArguments& arguments) {
  std::vector<std::string> words = {
      FindPluginRunner(), "--fuzz", absl::StrCat("--out=", arguments.out),
      absl::StrCat("--timeout-ms=",
                   absl::ToInt64Milliseconds(arguments.timeout)),
      absl::StrCat("--runs=", arguments.runs)};
  if (!arguments.config.empty()) {
    words.push_back(absl::StrCat("--config=", arguments.config));
  }
  if (!arguments.from.empty()) {
    words.push_back(absl::StrCat("--from=", arguments.from));
  }
  if (arguments.seed.has_value()) {
    words.push_back(absl::StrCat("--seed=", *arguments.seed));
  }
  if (arguments.seconds > 0) {
    words.push_back(absl::StrCat("--seconds=", arguments.seconds));
  }
  words.push_back(AsOperand(arguments.file));
  return words;
}

uint64_t Count(const Struct& line, const std::string& key) {
  return static_cast<uint64_t>(NumberIn(line, key));
}

void PrintLine(const Struct& line, Session& session) {
  if (const auto found = line.fields().find("found");
      found != line.fields().end()) {
    const Struct& finding = found->second.struct_value();
    const uint64_t messages = Count(finding, "messages");
    session.out << "found  " << Escape(TextIn(finding, "message"))
                << "\n       " << Escape(TextIn(finding, "file")) << ": "
                << messages << (messages == 1 ? " message" : " messages");
    const auto reproduced = finding.fields().find("reproduced");
    if (reproduced != finding.fields().end() &&
        !reproduced->second.bool_value()) {
      session.out << ", which did it no harm a second time";
    }
    session.out << std::endl;
    return;
  }
  const auto summary = line.fields().find("summary");
  if (summary == line.fields().end()) return;
  const Struct& all = summary->second.struct_value();
  session.out << Escape(TextIn(all, "module")) << ": "
              << Thousands(Count(all, "runs")) << " inputs, "
              << Thousands(Count(all, "errors")) << " came to an error, "
              << Count(all, "found") << " to harm; --seed "
              << TextIn(all, "seed") << "\n";
}

}  // namespace

int RunPluginFuzz(const PluginFuzzArguments& arguments, Session& session) {
  return FollowRunner(
      ToWords(arguments),
      [&session](const Struct& line) { PrintLine(line, session); }, session);
}

}  // namespace weir::cli
