// Runs programs that other nodes of a steward or ctrl network ask for, if the
// operator allows it, and answers with what they write. README.md is for those
// who run it.
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "plugins/steward_command/program.h"
#include "plugins/support/settings.h"
#include "plugins/support/steward_answers.h"
#include "weir/sdk.h"
#include "weir/services.h"
#include "weir/steward.h"

namespace {

using weir::StewardAnswers;
using weir::steward::View;

// What the kernel takes as one argument or one variable, 128 KiB, with room for
// the name.
constexpr size_t kMaxDataBytes = 127 << 10;
constexpr size_t kMaxArguments = 256;

struct Options {
  bool enabled = false;
  std::vector<std::string> programs;
  std::string directory;
  int64_t max_seconds = 0;
  size_t max_output_bytes = 0;
};

bool IsProgram(const std::string& path) {
  struct stat info = {};
  return stat(path.c_str(), &info) == 0 && S_ISREG(info.st_mode) &&
         access(path.c_str(), X_OK) == 0;
}

std::string_view BaseName(std::string_view path) {
  return path.substr(path.rfind('/') + 1);
}

Options ReadOptions(std::string_view config, const weir::Host& host) {
  weir::Faults faults;
  weir::SettingsFile file(config, faults);
  weir::Settings& settings = file.root();
  Options options;
  options.enabled = settings.Bool("enabled", false);
  options.programs = settings.Texts("programs", 1000, 4000);
  for (const std::string& program : options.programs) {
    if (program.empty() || program.front() != '/') {
      settings.Refuse("programs", '"' + program +
                                      "\"; must be an absolute path, which "
                                      "begins with /");
    } else if (options.enabled && !IsProgram(program)) {
      settings.Refuse("programs", '"' + program +
                                      "\"; is no program that the host's user "
                                      "may run; install it, or leave it out");
    }
  }
  if (options.enabled && options.programs.empty()) {
    settings.Refuse("programs",
                    "none; name those that other nodes may have run");
  }
  options.directory =
      settings.Text("directory", weir::DataDirectory(host), 4000);
  options.max_seconds = settings.Integer("max_seconds", 60, 1, 86'400);
  options.max_output_bytes = static_cast<size_t>(
      settings.Integer("max_output_bytes", 512 << 10, 1, 960 << 10));
  settings.RefuseOthers();
  faults.ThrowIfAny();
  return options;
}

// Puts the variable of that name where `argument` has it in double braces.
bool PutVariable(std::string& argument, std::string_view name) {
  const std::string braces = "{{" + std::string(name) + "}}";
  const std::string variable = "$" + std::string(name);
  bool found = false;
  for (size_t at = argument.find(braces); at != std::string::npos;
       at = argument.find(braces, at + variable.size())) {
    argument.replace(at, braces.size(), variable);
    found = true;
  }
  return found;
}

class StewardCommand {
 public:
  static std::string_view ConfigSchema() {
    return R"json({
  "$schema": "http://json-schema.org/draft-07/schema#",
  "title": "steward-command",
  "type": "object",
  "properties": {
    "enabled": {
      "description": "Without it, nothing is ever run.",
      "type": "boolean", "default": false
    },
    "programs": {
      "description": "What may be run: absolute paths.",
      "type": "array", "maxItems": 1000,
      "items": {"type": "string", "pattern": "^/", "maxLength": 4000}
    },
    "directory": {
      "description": "Where programs run. Default: the plugin's data directory.",
      "type": "string", "pattern": "^/", "maxLength": 4000
    },
    "max_seconds": {
      "description": "A program is killed after so long, whatever was asked for.",
      "type": "integer", "minimum": 1, "maximum": 86400, "default": 60
    },
    "max_output_bytes": {
      "description": "What an answer carries at most; the rest is left out.",
      "type": "integer", "minimum": 1, "maximum": 983040, "default": 524288
    }
  },
  "additionalProperties": false
})json";
  }

  StewardCommand(weir::Host host, std::string_view config)
      : host_(host),
        options_(ReadOptions(config, host)),
        answers_(host, options_.max_output_bytes),
        run_(host, "runs_total", "Programs run."),
        refused_(host, "refused_total", "Requests for what may not be run."),
        failed_(host, "failed_total",
                "Programs that were killed, ended with an error or were not "
                "started.") {}

  bool WantsMessage(std::string_view type) const {
    return options_.enabled &&
           (type == "cliCommand" || type == "REQCliCommand" ||
            type == "cliCommandCont" || type == "REQCliCommandCont");
  }
  int QueueCapacity() const { return 256; }

  weir_status HandleMessage(weir::Message message) {
    const View view(message);
    const std::string method(host_.type_name(message.type_id()));
    weir::ProgramCall call;
    if (std::string fault = Prepare(view, &call); !fault.empty()) {
      refused_.Add();
      host_.log(WEIR_SEVERITY_WARNING, method + " of node " +
                                           std::string(view.from_node()) +
                                           " is refused: " + fault);
      answers_.SendError(message, view, method, fault);
      return WEIR_ERR;
    }
    host_.log(WEIR_SEVERITY_NOTICE,
              method + " of node " + std::string(view.from_node()) + " runs " +
                  StewardAnswers::Listed(view));
    run_.Add();
    return method.ends_with("Cont") ? RunOn(message, view, method, call)
                                    : RunOnce(message, view, method, call);
  }

 private:
  // What `view` asks for, or why that is not done.
  std::string Prepare(const View& view, weir::ProgramCall* call) const {
    const weir::steward::Strings args = view.args();
    if (args.empty()) return "it names no program";
    if (args.size() > kMaxArguments) {
      return std::to_string(args.size()) + " arguments are too many";
    }
    const std::optional<std::string> path = Allowed(args[0]);
    if (!path) {
      return '"' + std::string(args[0]) + "\" is none of the allowed programs";
    }
    call->path = *path;
    call->environment = {"PATH=/usr/local/bin:/usr/bin:/bin", "LANG=C.UTF-8"};
    for (size_t i = 0; i < args.size(); ++i) {
      call->arguments.emplace_back(args[i]);
    }
    for (const std::string_view name : {"CTRL_DATA", "STEWARD_DATA"}) {
      bool used = false;
      for (size_t i = 1; i < call->arguments.size(); ++i) {
        used = PutVariable(call->arguments[i], name) || used;
      }
      if (!used) continue;
      if (view.data().size() > kMaxDataBytes) {
        return "the data have " + std::to_string(view.data().size()) +
               " bytes, a variable of the environment takes " +
               std::to_string(kMaxDataBytes);
      }
      call->environment.push_back(std::string(name) + '=' +
                                  std::string(view.data()));
    }
    call->directory = options_.directory;
    call->end = answers_.EndOf(view, options_.max_seconds);
    return "";
  }

  // The path that `name` stands for: the same, or its last part, if that is one
  // program's alone.
  std::optional<std::string> Allowed(std::string_view name) const {
    const auto& programs = options_.programs;
    if (std::find(programs.begin(), programs.end(), name) != programs.end()) {
      return std::string(name);
    }
    if (name.find('/') != std::string_view::npos) return std::nullopt;
    std::optional<std::string> found;
    for (const std::string& program : programs) {
      if (BaseName(program) != name) continue;
      if (found) return std::nullopt;
      found = program;
    }
    return found;
  }

  weir_status RunOnce(weir::Message message, const View& view,
                      const std::string& method,
                      const weir::ProgramCall& call) {
    std::string output;
    bool cut = false;
    const size_t most = answers_.max_bytes();
    const weir::ProgramResult result =
        weir::RunProgram(call, [&](std::string_view text) {
          const size_t room = most - std::min(most, output.size());
          cut = cut || text.size() > room;
          output += text.substr(0, room);
          return true;
        });
    if (const std::string fault = FaultOf(result, cut, most); !fault.empty()) {
      failed_.Add();
      answers_.SendError(message, view, method, fault, result.errors);
    }
    if (!result.not_started.empty() || result.timed_out) return WEIR_OK;
    return answers_.Send(message, output);
  }

  // Each line as soon as it is there; a longer one than an answer holds in
  // pieces.
  weir_status RunOn(weir::Message message, const View& view,
                    const std::string& method, const weir::ProgramCall& call) {
    std::string line;
    weir_status sent = WEIR_OK;
    const size_t most = answers_.max_bytes();
    const auto flush = [&] {
      if (!line.empty()) sent = answers_.Send(message, line);
      line.clear();
      return sent == WEIR_OK;
    };
    const weir::ProgramResult result =
        weir::RunProgram(call, [&](std::string_view text) {
          while (!text.empty()) {
            const size_t end = text.find('\n');
            const size_t size =
                std::min(end == std::string_view::npos ? text.size() : end + 1,
                         most - line.size());
            line += text.substr(0, size);
            text.remove_prefix(size);
            if ((line.back() == '\n' || line.size() == most) && !flush()) {
              return false;
            }
          }
          return true;
        });
    if (sent != WEIR_OK) return sent;
    flush();
    if (!result.timed_out) {  // Which is how most of these end.
      if (const std::string fault = FaultOf(result, false, most);
          !fault.empty()) {
        failed_.Add();
        answers_.SendError(message, view, method, fault, result.errors);
      }
    }
    return sent;
  }

  static std::string FaultOf(const weir::ProgramResult& result, bool cut,
                             size_t most) {
    if (!result.not_started.empty()) {
      return "it could not be started: " + result.not_started;
    }
    if (result.timed_out) return "its time is over; it was killed";
    if (result.signal != 0) {
      return "signal " + std::to_string(result.signal) + " ended it";
    }
    if (result.exit_status != 0) {
      return "exit status " + std::to_string(result.exit_status);
    }
    if (cut) {
      return "its output has more than " + std::to_string(most) +
             " bytes; the rest is left out";
    }
    return "";
  }

  const weir::Host host_;
  const Options options_;
  const StewardAnswers answers_;
  const weir::Counter run_;
  const weir::Counter refused_;
  const weir::Counter failed_;
};

}  // namespace

WEIR_PLUGIN(StewardCommand, "steward-command", "1.0.0");
