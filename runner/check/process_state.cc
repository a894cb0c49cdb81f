#include "runner/check/process_state.h"

#include <dirent.h>
#include <fcntl.h>
#include <fenv.h>
#include <malloc.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <climits>
#include <clocale>
#include <cstdint>
#include <memory>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace weir {
namespace {

std::string Signals() {
  std::string text;
  for (int signal = 1; signal < NSIG; ++signal) {
    struct sigaction action = {};
    if (sigaction(signal, nullptr, &action) != 0) continue;
    absl::StrAppend(&text, signal, ":",
                    absl::Hex(reinterpret_cast<uintptr_t>(action.sa_sigaction)),
                    " ");
  }
  return text;
}

std::string WorkingDirectory() {
  std::array<char, PATH_MAX> path;
  return getcwd(path.data(), path.size()) == nullptr ? "" : path.data();
}

std::string Environment() {
  std::string text;
  for (char** word = environ; word != nullptr && *word != nullptr; ++word) {
    absl::StrAppend(&text, *word, "\n");
  }
  return text;
}

// There is no way to ask without setting it.
std::string Umask() {
  const mode_t mask = umask(0);
  umask(mask);
  return absl::StrCat(mask);
}

std::vector<int> Numbers(const char* folder) {
  std::vector<int> numbers;
  const std::unique_ptr<DIR, void (*)(DIR*)> dir(
      opendir(folder), [](DIR* open) { closedir(open); });
  if (dir == nullptr) return numbers;
  // NOLINTNEXTLINE(concurrency-mt-unsafe): a DIR of our own.
  while (const dirent* entry = readdir(dir.get())) {
    int number = 0;
    if (absl::SimpleAtoi(entry->d_name, &number) &&
        number != dirfd(dir.get())) {
      numbers.push_back(number);
    }
  }
  return numbers;
}

}  // namespace

std::map<std::string, std::string> ProcessState() {
  // NOLINTNEXTLINE(concurrency-mt-unsafe): no other thread of ours does.
  const char* const locale = setlocale(LC_ALL, nullptr);
  return {
      {"signals", Signals()},      {"locale", locale == nullptr ? "" : locale},
      {"cwd", WorkingDirectory()}, {"environment", Environment()},
      {"umask", Umask()},          {"rounding", absl::StrCat(fegetround())}};
}

// Without a descriptor: there may be none left.
std::vector<int> OpenFiles() {
  std::vector<int> files;
  rlimit limit = {};
  getrlimit(RLIMIT_NOFILE, &limit);
  const int end = static_cast<int>(std::min<rlim_t>(limit.rlim_cur, 65'536));
  for (int fd = 0; fd < end; ++fd) {
    if (fcntl(fd, F_GETFD) >= 0) files.push_back(fd);
  }
  return files;
}

size_t ThreadCount() { return Numbers("/proc/self/task").size(); }

size_t AwaitThreadCount(size_t most) {
  size_t count = ThreadCount();
  for (int i = 0; count > most && i < 100; ++i) {
    const timespec pause = {0, 10'000'000};
    nanosleep(&pause, nullptr);
    count = ThreadCount();
  }
  return count;
}

size_t HeapBytes() {
  const struct mallinfo2 info = mallinfo2();
  return info.uordblks + info.hblkhd;
}

}  // namespace weir
