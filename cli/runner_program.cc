#include "cli/runner_program.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "cli/escape.h"
#include "cli/interrupt.h"
#include "google/protobuf/util/json_util.h"

namespace weir::cli {
namespace {

using google::protobuf::Struct;

// As a shell reports a program that Ctrl-C ended.
constexpr int kInterrupted = 130;

std::vector<char*> Pointers(std::vector<std::string>& words) {
  std::vector<char*> pointers;
  for (std::string& word : words) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  return pointers;
}

}  // namespace

RunnerProgram::RunnerProgram(std::vector<std::string> words) {
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

RunnerProgram::~RunnerProgram() {
  if (out_ >= 0) close(out_);
  if (err_ >= 0) close(err_);
}

void RunnerProgram::Stop() const { kill(pid_, SIGTERM); }

bool RunnerProgram::ReadLine(std::string& line) {
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

std::string RunnerProgram::Complaint() const {
  std::string text;
  while (ReadSome(err_, text)) {
  }
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text;
}

int RunnerProgram::Wait() const {
  int status = 0;
  while (waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

bool RunnerProgram::ReadSome(int fd, std::string& into) {
  std::array<char, 4096> bytes;
  ssize_t n = 0;
  do {
    n = read(fd, bytes.data(), bytes.size());
  } while (n < 0 && errno == EINTR);
  if (n > 0) into.append(bytes.data(), static_cast<size_t>(n));
  return n > 0;
}

int FollowRunner(const std::vector<std::string>& words,
                 const std::function<void(const Struct& line)>& print,
                 Session& session) {
  RunnerProgram runner(words);
  if (runner.error() != 0) {
    session.err << "weir: " << Escape(words[0]) << ": "
                << std::strerror(runner.error())
                << "; install it beside weir\n";
    return kUsageError;
  }
  std::string complaint;
  {
    const Interrupt::Registration stop(session.interrupt,
                                       [&runner] { runner.Stop(); });
    std::string line;
    while (runner.ReadLine(line)) {
      Struct parsed;
      if (!google::protobuf::util::JsonStringToMessage(line, &parsed).ok()) {
        continue;
      }
      if (session.json) {
        session.out << line << std::endl;
      } else {
        print(parsed);
      }
    }
    complaint = runner.Complaint();
  }
  const int code = runner.Wait();
  if (code == kDone || code == kRefused) return code;
  if (code == kInterrupted) return kInterrupted;
  session.err << "weir: "
              << (complaint.empty() ? "weir-plugin-runner ended without a word"
                                    : Escape(complaint))
              << "\n";
  return kUsageError;
}

int BecomeRunner(std::vector<std::string> words, Session& session) {
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  execv(words[0].c_str(), Pointers(words).data());
  session.err << "weir: " << Escape(words[0]) << ": " << std::strerror(errno)
              << "; install it beside weir\n";
  return kUsageError;
}

std::string TextIn(const Struct& line, const std::string& key) {
  const auto found = line.fields().find(key);
  return found == line.fields().end() ? "" : found->second.string_value();
}

double NumberIn(const Struct& line, const std::string& key) {
  const auto found = line.fields().find(key);
  return found == line.fields().end() ? 0 : found->second.number_value();
}

std::string AsOperand(const std::string& path) {
  return path.rfind('-', 0) == 0 ? absl::StrCat("./", path) : path;
}

}  // namespace weir::cli
