#include "cli/plugin_check_command.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <map>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "cli/escape.h"
#include "cli/interrupt.h"
#include "google/protobuf/struct.pb.h"
#include "google/protobuf/util/json_util.h"
#include "lib/programs/runner_path.h"

namespace weir::cli {
namespace {

using google::protobuf::Struct;

// As a shell reports a program that Ctrl-C ended.
constexpr int kInterrupted = 130;

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
  // Not to be taken for an option.
  words.push_back(arguments.file.rfind('-', 0) == 0
                      ? absl::StrCat("./", arguments.file)
                      : arguments.file);
  return words;
}

std::vector<char*> Pointers(std::vector<std::string>& words) {
  std::vector<char*> pointers;
  for (std::string& word : words) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  return pointers;
}

// The runner, and what it writes.
class Runner {
 public:
  explicit Runner(std::vector<std::string> words) {
    int out[2];
    int err[2];
    if (pipe2(out, O_CLOEXEC) != 0) return;
    if (pipe2(err, O_CLOEXEC) != 0) {
      close(out[0]);
      close(out[1]);
      return;
    }
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null",
                                     O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, out[1], STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions, err[1], STDERR_FILENO);
    posix_spawnattr_init(&attributes);
    sigset_t none;
    sigemptyset(&none);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
    error_ = posix_spawn(&pid_, words[0].c_str(), &actions, &attributes,
                         Pointers(words).data(), environ);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    close(out[1]);
    close(err[1]);
    out_ = out[0];
    err_ = err[0];
  }
  ~Runner() {
    if (out_ >= 0) close(out_);
    if (err_ >= 0) close(err_);
  }

  Runner(const Runner&) = delete;
  Runner& operator=(const Runner&) = delete;

  int error() const { return error_; }  // 0: it runs.
  void Stop() const { kill(pid_, SIGTERM); }

  // The next line; false at the end.
  bool ReadLine(std::string& line) {
    while (true) {
      const size_t end = buffer_.find('\n');
      if (end != std::string::npos) {
        line = buffer_.substr(0, end);
        buffer_.erase(0, end + 1);
        return true;
      }
      if (!ReadSome(out_, buffer_)) return false;
    }
  }

  // What it complained of, after the last line.
  std::string Complaint() const {
    std::string text;
    while (ReadSome(err_, text)) {
    }
    while (!text.empty() && text.back() == '\n') text.pop_back();
    return text;
  }

  // Waits for its end; -1 if a signal ended it.
  int Wait() const {
    int status = 0;
    while (waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }

 private:
  static bool ReadSome(int fd, std::string& into) {
    std::array<char, 4096> bytes;
    ssize_t n = 0;
    do {
      n = read(fd, bytes.data(), bytes.size());
    } while (n < 0 && errno == EINTR);
    if (n > 0) into.append(bytes.data(), static_cast<size_t>(n));
    return n > 0;
  }

  int error_ = EMFILE;
  pid_t pid_ = 0;
  int out_ = -1;
  int err_ = -1;
  std::string buffer_;
};

std::string Text(const Struct& line, const std::string& key) {
  const auto found = line.fields().find(key);
  return found == line.fields().end() ? "" : found->second.string_value();
}

int Number(const Struct& line, const std::string& key) {
  const auto found = line.fields().find(key);
  return found == line.fields().end()
             ? 0
             : static_cast<int>(found->second.number_value());
}

void PrintSummary(const Struct& summary, Session& session) {
  const auto loadable = summary.fields().find("loadable");
  session.out << Escape(Text(summary, "module")) << ": "
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
  const std::string level = Text(line, "level");
  // One cause may have dozens of these.
  if (level == "skip") {
    ++skipped[Text(line, "message")];
    return;
  }
  const bool found = level == "fail" || level == "warn";
  const absl::string_view colour = !session.colour   ? ""
                                   : level == "fail" ? "\033[31m"
                                   : level == "warn" ? "\033[33m"
                                                     : "";
  std::string id = Text(line, "check");
  const std::string message = Text(line, "message");
  if (!message.empty()) id.resize(std::max<size_t>(id.size(), 24), ' ');
  session.out << colour << Escape(level) << (colour.empty() ? "" : "\033[0m")
              << "  " << Escape(id) << (message.empty() ? "" : "  ")
              << Escape(message) << "\n";
  if (found && fix_hints) {
    session.out << "      " << Escape(Text(line, "hint")) << "\n";
  }
  session.out.flush();
}

// Becomes the runner. Returns only if it cannot.
int BecomeRunner(std::vector<std::string> words, Session& session) {
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  execv(words[0].c_str(), Pointers(words).data());
  session.err << "weir: " << Escape(words[0]) << ": " << std::strerror(errno)
              << "; install it beside weir\n";
  return kUsageError;
}

}  // namespace

int RunPluginCheck(const PluginCheckArguments& arguments, Session& session) {
  const std::vector<std::string> words = ToWords(arguments);
  if (!arguments.in_process.empty()) return BecomeRunner(words, session);
  Runner runner(words);
  if (runner.error() != 0) {
    session.err << "weir: " << Escape(words[0]) << ": "
                << std::strerror(runner.error())
                << "; install it beside weir\n";
    return kUsageError;
  }
  int code = 0;
  std::string complaint;
  {
    const Interrupt::Registration stop(session.interrupt,
                                       [&runner] { runner.Stop(); });
    std::string line;
    Skipped skipped;
    while (runner.ReadLine(line)) {
      Struct parsed;
      if (!google::protobuf::util::JsonStringToMessage(line, &parsed).ok()) {
        continue;
      }
      if (session.json) {
        session.out << line << std::endl;
      } else {
        PrintLine(parsed, arguments.fix_hints, skipped, session);
      }
    }
    complaint = runner.Complaint();
  }
  code = runner.Wait();
  if (code == kDone || code == kRefused) return code;
  if (code == kInterrupted) return kInterrupted;
  session.err << "weir: "
              << (complaint.empty() ? "the check ended without a word"
                                    : Escape(complaint))
              << "\n";
  return kUsageError;
}

}  // namespace weir::cli
