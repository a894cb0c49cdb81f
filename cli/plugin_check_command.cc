#include "cli/plugin_check_command.h"

#include <algorithm>
#include <map>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "cli/escape.h"
#include "cli/runner_program.h"
#include "google/protobuf/struct.pb.h"
#include "lib/programs/runner_path.h"

namespace weir::cli {
namespace {

using google::protobuf::Struct;

std::vector<std::string> ToWords(const PluginCheckArguments& arguments) {
  std::vector<std::string> words = {
      FindPluginRunner(), "--check",
      absl::StrCat("--timeout-ms=",
                   absl::ToInt64Milliseconds(arguments.timeout))};
  if (!arguments.config.empty()) {
    words.push_back(absl::StrCat("--config=", arguments.config));
  }
  if (!arguments.replay.empty()) {
    words.push_back(absl::StrCat("--replay=", arguments.replay));
  }
  for (const std::string& regex : arguments.include) {
    words.push_back(absl::StrCat("--include=", regex));
  }
  for (const std::string& regex : arguments.exclude) {
    words.push_back(absl::StrCat("--exclude=", regex));
  }
  if (!arguments.in_process.empty()) {
    words.push_back(absl::StrCat("--in-process=", arguments.in_process));
  }
  words.push_back(AsOperand(arguments.file));
  return words;
}

int Number(const Struct& line, const std::string& key) {
  return static_cast<int>(NumberIn(line, key));
}

void PrintSummary(const Struct& summary, Session& session) {
  const auto loadable = summary.fields().find("loadable");
  session.out << Escape(TextIn(summary, "module")) << ": "
              << Number(summary, "pass") << " passed, "
              << Number(summary, "warn") << " warnings, "
              << Number(summary, "fail") << " failed, "
              << Number(summary, "skip") << " skipped"
              << (loadable != summary.fields().end() &&
                          !loadable->second.bool_value()
                      ? "; the host would refuse it"
                      : "")
              << "\n";
}

// What was passed over, by the reason.
using Skipped = std::map<std::string, int>;

void PrintLine(const Struct& line, bool fix_hints, Skipped& skipped,
               Session& session) {
  const auto summary = line.fields().find("summary");
  if (summary != line.fields().end()) {
    for (const auto& [why, count] : skipped) {
      session.out << "skip  " << count << " checks, " << Escape(why) << "\n";
    }
    PrintSummary(summary->second.struct_value(), session);
    return;
  }
  const std::string level = TextIn(line, "level");
  // One cause may have dozens of these.
  if (level == "skip") {
    ++skipped[TextIn(line, "message")];
    return;
  }
  const bool found = level == "fail" || level == "warn";
  const absl::string_view colour = !session.colour   ? ""
                                   : level == "fail" ? "\033[31m"
                                   : level == "warn" ? "\033[33m"
                                                     : "";
  std::string id = TextIn(line, "check");
  const std::string message = TextIn(line, "message");
  if (!message.empty()) id.resize(std::max<size_t>(id.size(), 24), ' ');
  session.out << colour << Escape(level) << (colour.empty() ? "" : "\033[0m")
              << "  " << Escape(id) << (message.empty() ? "" : "  ")
              << Escape(message) << "\n";
  if (found && fix_hints) {
    session.out << "      " << Escape(TextIn(line, "hint")) << "\n";
  }
  session.out.flush();
}

}  // namespace

int RunPluginCheck(const PluginCheckArguments& arguments, Session& session) {
  const std::vector<std::string> words = ToWords(arguments);
  if (!arguments.in_process.empty()) return BecomeRunner(words, session);
  Skipped skipped;
  return FollowRunner(
      words,
      [&](const Struct& line) {
        PrintLine(line, arguments.fix_hints, skipped, session);
      },
      session);
}

}  // namespace weir::cli
