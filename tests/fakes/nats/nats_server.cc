#include "tests/fakes/nats/nats_server.h"

#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <regex>
#include <sstream>

#include "absl/strings/str_cat.h"

namespace weir {
namespace {

constexpr char kProgram[] = "/usr/sbin/nats-server";
// Far beyond what it takes on a busy machine; a start that failed says so.
constexpr int kStartTimeoutMs = 60'000;

std::string MakeDir() {
  const char* base = getenv("TEST_TMPDIR");
  std::string pattern =
      absl::StrCat(base == nullptr ? "/tmp" : base, "/nats.XXXXXX");
  if (mkdtemp(pattern.data()) == nullptr) abort();
  return pattern;
}

}  // namespace

NatsServer::NatsServer(const std::string& config) : dir_(MakeDir()) {
  if (!config.empty()) {
    config_file_ = absl::StrCat(dir_, "/nats.conf");
    std::ofstream(config_file_) << config;
  }
  Start();
}

NatsServer::~NatsServer() {
  Kill();
  std::filesystem::remove_all(dir_);
}

std::string NatsServer::url() const {
  return absl::StrCat("nats://127.0.0.1:", port_);
}

void NatsServer::Start() {
  // It writes where it listens into a file there, when it does.
  const std::string ports = absl::StrCat(dir_, "/ports");
  std::filesystem::remove_all(ports);
  std::filesystem::create_directory(ports);
  const int watch = inotify_init1(IN_CLOEXEC);
  inotify_add_watch(watch, ports.c_str(), IN_CLOSE_WRITE | IN_MOVED_TO);
  const std::string port = absl::StrCat(port_);
  const std::string log = absl::StrCat(dir_, "/log");
  const std::string store = absl::StrCat(dir_, "/store");  // Of JetStream.
  std::vector<std::string> arguments = {
      kProgram, "-a", "127.0.0.1", "-p",  port, "--ports_file_dir",
      ports,    "-l", log,         "-sd", store};
  if (!config_file_.empty()) {
    arguments.insert(arguments.end(), {"-c", config_file_});
  }
  std::vector<char*> argv;
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  if (posix_spawn(&pid_, kProgram, nullptr, nullptr, argv.data(), environ) !=
      0) {
    fprintf(stderr, "%s does not start; install nats-server\n", kProgram);
    abort();
  }
  pollfd written = {.fd = watch, .events = POLLIN, .revents = 0};
  const int ready = poll(&written, 1, kStartTimeoutMs);
  close(watch);
  std::smatch match;
  for (const auto& entry : std::filesystem::directory_iterator(ports)) {
    std::stringstream text;
    text << std::ifstream(entry.path()).rdbuf();
    const std::string json = text.str();
    if (std::regex_search(json, match,
                          std::regex(R"(://127\.0\.0\.1:(\d+))"))) {
      port_ = std::stoi(match[1]);
      return;
    }
  }
  std::stringstream text;
  text << std::ifstream(log).rdbuf();
  fprintf(stderr, "nats-server did not listen (%d):\n%s\n", ready,
          text.str().c_str());
  abort();
}

void NatsServer::Reload(const std::string& config) {
  if (config_file_.empty()) abort();
  const auto reloads = [this] {
    std::stringstream text;
    text << std::ifstream(absl::StrCat(dir_, "/log")).rdbuf();
    const std::string log = text.str();
    constexpr char kWords[] = "Reloaded server configuration";
    size_t count = 0;
    for (size_t at = log.find(kWords); at != std::string::npos;
         at = log.find(kWords, at + 1)) {
      ++count;
    }
    return count;
  };
  const size_t before = reloads();
  std::ofstream(config_file_) << config;
  kill(pid_, SIGHUP);
  // The test's own time limit ends it.
  while (reloads() == before) sched_yield();
}

void NatsServer::Freeze() { kill(pid_, SIGSTOP); }

void NatsServer::Kill() {
  if (pid_ < 0) return;
  kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
  pid_ = -1;
}

}  // namespace weir
