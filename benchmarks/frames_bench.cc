// What does a length-prefixed message over TCP cost, to a listener that finds
// many of them in one read and to a loop that reads header and body one after
// the other, as the original does; how long is it on its way; and what does a
// connection hold that says nothing? Readers and writers are processes of their
// own, on loopback; CPU is counted apart for each.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "benchmarks/figures.h"
#include "lib/frames/frame_header.h"
#include "lib/frames/listener.h"
#include "lib/frames/socket.h"
#include "lib/frames/writer.h"

namespace weir::frames {
namespace {

constexpr uint32_t kMax = 65536;  // Headers of 4 bytes.

template <typename T>
void Put(int fd, const T& value) {
  if (write(fd, &value, sizeof(value)) != sizeof(value)) abort();
}
template <typename T>
T Get(int fd) {
  T value;
  if (read(fd, &value, sizeof(value)) != sizeof(value)) abort();
  return value;
}

int Connect(uint16_t port) {
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in name = {};
  name.sin_family = AF_INET;
  name.sin_port = htons(port);
  name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (connect(fd, reinterpret_cast<sockaddr*>(&name), sizeof(name)) != 0) {
    abort();
  }
  const int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  return fd;
}

void WriteAll(int fd, const char* data, size_t size) {
  while (size > 0) {
    const ssize_t sent = write(fd, data, size);
    if (sent <= 0) abort();
    data += sent;
    size -= static_cast<size_t>(sent);
  }
}

std::string FrameOf(size_t bytes) {
  std::string frame(HeaderSize(kMax), '\0');
  WriteHeader(bytes, frame.size(), frame.data());
  return frame.append(bytes, 'x');
}

struct Load {
  size_t bytes;
  int writers;
  uint64_t messages;  // Of all writers together; a multiple of them.
};

// ------------------------------------------------------------------ readers

// Tells its port, then returns once all messages came, and sets when the first
// did.
using Reader = std::function<void(
    const Load&, const std::function<void(uint16_t)>&, absl::Time* first)>;

uint16_t PortOf(const std::string& address) {
  int port = 0;
  if (!absl::SimpleAtoi(address.substr(address.rfind(':') + 1), &port)) abort();
  return static_cast<uint16_t>(port);
}

void ReadByListener(const Load& load,
                    const std::function<void(uint16_t)>& listening,
                    absl::Time* first) {
  std::atomic<uint64_t> left{load.messages};
  std::atomic<bool> begun{false};
  ListenerOptions options;
  options.peers.addresses = {"127.0.0.1:0"};
  options.peers.parser.max_message_size = kMax;
  auto listener =
      Listener::Open(options, [&](const Peer&, absl::string_view message) {
        if (!begun.load(std::memory_order_relaxed) && !begun.exchange(true)) {
          *first = absl::Now();
        }
        if (message.size() != load.bytes) abort();
        left.fetch_sub(1, std::memory_order_relaxed);
        return absl::OkStatus();
      });
  if (!listener.ok() || !(*listener)->Start().ok()) abort();
  listening(PortOf((*listener)->Addresses()[0]));
  while (left.load() > 0) absl::SleepFor(absl::Milliseconds(1));
}

// A thread for each connection, and two calls of the kernel for each message.
void ReadHeaderThenBody(const Load& load,
                        const std::function<void(uint16_t)>& listening,
                        absl::Time* first) {
  auto socket = ListenOn("127.0.0.1:0");
  if (!socket.ok()) abort();
  listening(PortOf(LocalAddress(socket->fd())));
  std::vector<std::thread> threads;
  for (int i = 0; i < load.writers; ++i) {
    int fd = -1;
    while ((fd = accept(socket->fd(), nullptr, nullptr)) < 0) {
      absl::SleepFor(absl::Microseconds(100));
    }
    if (i == 0) *first = absl::Now();
    threads.emplace_back([fd, &load] {
      const size_t header_size = HeaderSize(kMax);
      std::vector<char> buffer(kMax);
      const auto exactly = [&](size_t bytes) {
        for (size_t have = 0; have < bytes;) {
          const ssize_t got = read(fd, buffer.data() + have, bytes - have);
          if (got <= 0) abort();
          have += static_cast<size_t>(got);
        }
      };
      const uint64_t mine = load.messages / static_cast<uint64_t>(load.writers);
      for (uint64_t n = 0; n < mine; ++n) {
        exactly(header_size);
        const Header header = ReadHeader(buffer.data(), header_size);
        if (header.length != static_cast<int64_t>(load.bytes)) abort();
        exactly(load.bytes);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

// ------------------------------------------------------------------ writers

using Write = void (*)(const Load&, uint16_t port, uint64_t messages);

// As fast as can be: a buffer full of frames, again and again.
void Blast(const Load& load, uint16_t port, uint64_t messages) {
  const int fd = Connect(port);
  const std::string frame = FrameOf(load.bytes);
  const uint64_t in_buffer = std::max<uint64_t>(1, (256 << 10) / frame.size());
  std::string buffer;
  for (uint64_t i = 0; i < in_buffer; ++i) buffer += frame;
  while (messages > 0) {
    const uint64_t now = std::min(messages, in_buffer);
    WriteAll(fd, buffer.data(), now * frame.size());
    messages -= now;
  }
  close(fd);
}

// A call of the kernel for each message.
void WriteOneByOne(const Load& load, uint16_t port, uint64_t messages) {
  const int fd = Connect(port);
  const std::string frame = FrameOf(load.bytes);
  for (; messages > 0; --messages) WriteAll(fd, frame.data(), frame.size());
  close(fd);
}

void WriteByWriter(const Load& load, uint16_t port, uint64_t messages,
                   bool post) {
  WriterOptions options;
  options.address = absl::StrCat("127.0.0.1:", port);
  options.max_message_size = kMax;
  options.wait_for_room = true;
  options.max_unsent_bytes = 4 << 20;
  auto writer = Writer::Dial(options);
  if (!writer.ok()) abort();
  const std::string message(load.bytes, 'x');
  for (; messages > 0; --messages) {
    if (!(post ? (*writer)->Post(message) : (*writer)->Write(message)).ok()) {
      abort();
    }
  }
  if (!(*writer)->Flush(absl::Minutes(5)).ok()) abort();
}
void Posts(const Load& load, uint16_t port, uint64_t messages) {
  WriteByWriter(load, port, messages, /*post=*/true);
}
void Writes(const Load& load, uint16_t port, uint64_t messages) {
  WriteByWriter(load, port, messages, /*post=*/false);
}

// ------------------------------------------------------------------ measuring

struct Result {
  double reader_cpu, wall;
};

void Measure(const std::string& name, const Load& load, const Reader& reader,
             Write writer) {
  int port_pipe[2], result_pipe[2], cpu_pipe[2];
  if (pipe(port_pipe) != 0 || pipe(result_pipe) != 0 || pipe(cpu_pipe) != 0) {
    abort();
  }
  const pid_t reads = fork();
  if (reads == 0) {
    absl::Time first;
    const double before = CpuSeconds();
    reader(
        load, [&](uint16_t port) { Put(port_pipe[1], port); }, &first);
    const double wall = absl::ToDoubleSeconds(absl::Now() - first);
    Put(result_pipe[1], Result{CpuSeconds() - before, wall});
    _exit(0);
  }
  const auto port = Get<uint16_t>(port_pipe[0]);
  const pid_t writes = fork();
  if (writes == 0) {
    const double before = CpuSeconds();
    std::vector<std::thread> threads;
    for (int i = 0; i < load.writers; ++i) {
      threads.emplace_back([&] {
        writer(load, port, load.messages / static_cast<uint64_t>(load.writers));
      });
    }
    for (std::thread& thread : threads) thread.join();
    Put(cpu_pipe[1], CpuSeconds() - before);
    _exit(0);
  }
  const auto result = Get<Result>(result_pipe[0]);
  const auto writer_cpu = Get<double>(cpu_pipe[0]);
  int status = 0;
  waitpid(reads, &status, 0);
  waitpid(writes, &status, 0);
  for (const auto& ends : {port_pipe, result_pipe, cpu_pipe}) {
    close(ends[0]);
    close(ends[1]);
  }
  const auto n = static_cast<double>(load.messages);
  printf(
      "frames/%s/%zux%d: cpu_ns=%.0f wall_ns=%.0f writer_cpu_ns=%.0f "
      "messages_per_s=%.0f MB_per_s=%.0f\n",
      name.c_str(), load.bytes, load.writers, result.reader_cpu * 1e9 / n,
      result.wall * 1e9 / n, writer_cpu * 1e9 / n, n / result.wall,
      n * static_cast<double>(load.bytes) / result.wall / 1e6);
  fflush(stdout);
}

// From Post to the callback, at a rate that both have time for.
void MeasureLatency() {
  constexpr uint64_t kRate = 100'000, kSeconds = 3;
  int port_pipe[2];
  if (pipe(port_pipe) != 0) abort();
  const pid_t reads = fork();
  if (reads == 0) {
    std::vector<int64_t> late(kRate * kSeconds);
    std::atomic<uint64_t> count{0};
    ListenerOptions options;
    options.peers.addresses = {"127.0.0.1:0"};
    auto listener =
        Listener::Open(options, [&](const Peer&, absl::string_view message) {
          int64_t sent = 0;
          std::memcpy(&sent, message.data(), sizeof(sent));
          late[count.load(std::memory_order_relaxed)] =
              absl::ToUnixNanos(absl::Now()) - sent;
          count.fetch_add(1);
          return absl::OkStatus();
        });
    if (!listener.ok() || !(*listener)->Start().ok()) abort();
    const double before = CpuSeconds();
    Put(port_pipe[1], PortOf((*listener)->Addresses()[0]));
    while (count.load() < late.size()) absl::SleepFor(absl::Milliseconds(1));
    const double cpu = CpuSeconds() - before;
    std::sort(late.begin(), late.end());
    const auto at = [&](double part) {
      return static_cast<double>(late[static_cast<size_t>(
                 part * static_cast<double>(late.size() - 1))]) /
             1e3;
    };
    printf(
        "frames/latency/110x1: cpu_ns=%.0f p50_us=%.0f p90_us=%.0f "
        "p99_us=%.0f p99.9_us=%.0f\n",
        cpu * 1e9 / static_cast<double>(late.size()), at(0.5), at(0.9),
        at(0.99), at(0.999));
    fflush(stdout);
    _exit(0);
  }
  const auto port = Get<uint16_t>(port_pipe[0]);
  WriterOptions options;
  options.address = absl::StrCat("127.0.0.1:", port);
  auto writer = Writer::Dial(options);
  if (!writer.ok()) abort();
  std::string message(110, 'x');
  const int64_t begin = absl::ToUnixNanos(absl::Now());
  for (uint64_t n = 0; n < kRate * kSeconds; ++n) {
    const int64_t due = begin + static_cast<int64_t>(n * 1'000'000'000 / kRate);
    int64_t now = absl::ToUnixNanos(absl::Now());
    // In bursts of what became due while it slept.
    if (now < due) {
      absl::SleepFor(absl::Nanoseconds(std::max<int64_t>(due - now, 50'000)));
      now = absl::ToUnixNanos(absl::Now());
    }
    std::memcpy(message.data(), &now, sizeof(now));
    if (!(*writer)->Post(message).ok()) abort();
  }
  if (!(*writer)->Flush(absl::Minutes(1)).ok()) abort();
  waitpid(reads, nullptr, 0);
  close(port_pipe[0]);
  close(port_pipe[1]);
}

double ResidentMiB() {
  std::ifstream file("/proc/self/statm");
  double all = 0, resident = 0;
  file >> all >> resident;
  return resident * static_cast<double>(sysconf(_SC_PAGESIZE)) / (1 << 20);
}

void MeasureIdle() {
  constexpr int kConnections = 8000;
  rlimit limit;
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  if (limit.rlim_max < kConnections + 100) {
    printf("frames/idle/%d: needs as many open files\n", kConnections);
    return;
  }
  int port_pipe[2], done_pipe[2];
  if (pipe(port_pipe) != 0 || pipe(done_pipe) != 0) abort();
  const pid_t reads = fork();
  if (reads == 0) {
    ListenerOptions options;
    options.peers.addresses = {"127.0.0.1:0"};
    options.peers.parser.max_message_size = kMax;
    options.peers.idle_timeout = absl::Hours(1);
    std::atomic<int> spoke{0};
    auto listener =
        Listener::Open(options, [&](const Peer&, absl::string_view) {
          ++spoke;
          return absl::OkStatus();
        });
    if (!listener.ok() || !(*listener)->Start().ok()) abort();
    const double before = ResidentMiB();
    Put(port_pipe[1], PortOf((*listener)->Addresses()[0]));
    while (spoke.load() < kConnections) {
      absl::SleepFor(absl::Milliseconds(10));
    }
    const double cpu = CpuSeconds();
    absl::SleepFor(absl::Seconds(5));
    printf(
        "frames/idle/%d: resident_MiB=%.1f more_than_none_MiB=%.1f "
        "percent_of_a_core=%.2f\n",
        kConnections, ResidentMiB(), ResidentMiB() - before,
        (CpuSeconds() - cpu) / 5 * 100);
    fflush(stdout);
    Put(done_pipe[1], 1);
    _exit(0);
  }
  const auto port = Get<uint16_t>(port_pipe[0]);
  const pid_t writes = fork();
  if (writes == 0) {
    // Each has said something, so nothing is saved by not having been used.
    const std::string frame = FrameOf(110);
    std::vector<int> peers;
    for (int i = 0; i < kConnections; ++i) {
      peers.push_back(Connect(port));
      WriteAll(peers.back(), frame.data(), frame.size());
    }
    Get<int>(done_pipe[0]);
    _exit(0);
  }
  waitpid(reads, nullptr, 0);
  waitpid(writes, nullptr, 0);
}

}  // namespace
}  // namespace weir::frames

int main() {
  using weir::frames::Load;
  // Interleaved, so that what else the machine does is the same for all.
  for (const int writers : {1, 16}) {
    for (const auto& [bytes, messages] :
         {std::pair<size_t, uint64_t>{110, 4'000'000},
          {1024, 1'600'000},
          {65536, 64'000}}) {
      const Load load{bytes, writers, messages};
      // What makes a call or two for each needs no more to be measured.
      const Load less{bytes, writers, std::min<uint64_t>(messages, 800'000)};
      weir::frames::Measure("listener", load, weir::frames::ReadByListener,
                            weir::frames::Blast);
      weir::frames::Measure("reference", less, weir::frames::ReadHeaderThenBody,
                            weir::frames::Blast);
      weir::frames::Measure("writer_post", load, weir::frames::ReadByListener,
                            weir::frames::Posts);
      weir::frames::Measure("writer_write", less, weir::frames::ReadByListener,
                            weir::frames::Writes);
      weir::frames::Measure("reference_both", less,
                            weir::frames::ReadHeaderThenBody,
                            weir::frames::WriteOneByOne);
    }
  }
  weir::frames::MeasureLatency();
  weir::frames::MeasureIdle();
}
