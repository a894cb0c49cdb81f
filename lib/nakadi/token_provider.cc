#include "lib/nakadi/token_provider.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

namespace weir::nakadi {
namespace {

// More is no token.
constexpr size_t kTokenBytes = 64 << 10;
constexpr std::chrono::seconds kCommandTime(10);

// Returns `text` as a token, or what is wrong with what `where` gave.
absl::StatusOr<std::string> AsToken(std::string text,
                                    const std::string& where) {
  absl::StripAsciiWhitespace(&text);
  if (text.empty()) {
    return absl::UnavailableError(absl::StrCat(
        where, " gave no token; let it give the token and nothing else"));
  }
  for (const char c : text) {
    if (!absl::ascii_isgraph(static_cast<unsigned char>(c))) {
      return absl::UnavailableError(absl::StrCat(
          where, " gave more than one word; let it give the token alone"));
    }
  }
  return text;
}

// Reads all of `fd` until `deadline`. Returns false if that passed.
bool ReadAll(int fd, std::chrono::steady_clock::time_point deadline,
             std::string* text) {
  char buffer[4096];
  while (text->size() < kTokenBytes) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        deadline - std::chrono::steady_clock::now());
    pollfd wanted = {.fd = fd, .events = POLLIN, .revents = 0};
    if (left.count() <= 0 ||
        poll(&wanted, 1, static_cast<int>(left.count())) == 0) {
      return false;
    }
    const ssize_t got = read(fd, buffer, sizeof(buffer));
    if (got <= 0) return true;
    text->append(buffer, static_cast<size_t>(got));
  }
  return true;
}

absl::StatusOr<std::string> Run(const std::vector<std::string>& argv) {
  int pipe_fds[2];
  if (pipe2(pipe_fds, O_CLOEXEC) != 0) {
    return absl::UnavailableError(
        absl::StrCat("no pipe for ", argv[0], ": ", std::strerror(errno)));
  }
  std::vector<char*> words;
  for (const std::string& word : argv) {
    words.push_back(const_cast<char*>(word.c_str()));
  }
  words.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, pipe_fds[1], STDOUT_FILENO);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null",
                                   O_RDONLY, 0);
  pid_t pid = 0;
  const int failed =
      posix_spawnp(&pid, words[0], &actions, nullptr, words.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  close(pipe_fds[1]);
  std::string text;
  bool in_time = true;
  if (failed == 0) {
    in_time = ReadAll(pipe_fds[0],
                      std::chrono::steady_clock::now() + kCommandTime, &text);
    if (!in_time) kill(pid, SIGKILL);
  }
  close(pipe_fds[0]);
  if (failed != 0) {
    return absl::UnavailableError(absl::StrCat(
        "token command ", argv[0], " cannot run: ", std::strerror(failed)));
  }
  int status = 0;
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  if (!in_time || !WIFEXITED(status) || WEXITSTATUS(status) != 0) {
    return absl::UnavailableError(absl::StrCat(
        "token command ", argv[0],
        in_time ? " did not end with 0" : " took longer than 10 s"));
  }
  return AsToken(std::move(text), absl::StrCat("token command ", argv[0]));
}

}  // namespace

TokenProvider TokenFromFile(std::string path) {
  return [path = std::move(path)]() -> absl::StatusOr<std::string> {
    std::ifstream file(path);
    if (!file) {
      return absl::UnavailableError(absl::StrCat(
          "token file ", path, " cannot be read: ", std::strerror(errno)));
    }
    std::string text((std::istreambuf_iterator<char>(file)),
                     std::istreambuf_iterator<char>());
    return AsToken(std::move(text), absl::StrCat("token file ", path));
  };
}

TokenProvider TokenFromEnvironment(std::string name) {
  return [name = std::move(name)]() -> absl::StatusOr<std::string> {
    const char* value = std::getenv(name.c_str());
    return AsToken(value == nullptr ? "" : value,
                   absl::StrCat("environment variable ", name));
  };
}

TokenProvider TokenFromCommand(std::vector<std::string> argv) {
  return [argv = std::move(argv)] { return Run(argv); };
}

}  // namespace weir::nakadi
