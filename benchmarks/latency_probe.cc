// Sends lines of RIS Live to a host, and reads the events that the plugin
// `stamps` makes of them, each with the time at which its line was written.
//
//   latency_probe LINES_PER_SECOND SECONDS
//
// Prints the URL for the host's source, reads the host's address from standard
// input, and prints percentiles of the time from a line's write to its event.
// In each millisecond it writes what is due at once.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <string>
#include <thread>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "benchmarks/event_readers.h"

namespace weir {
namespace {

constexpr int kBurstsPerSecond = 1000;

// ReadEvents says by a plain function that it reads.
std::atomic<bool> g_reads{false};

void Check(bool good, const char* what) {
  if (good) return;
  std::perror(what);
  std::exit(1);
}

int Listen(uint16_t* port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  auto* const any = reinterpret_cast<sockaddr*>(&address);
  Check(bind(fd, any, size) == 0 && listen(fd, 1) == 0 &&
            getsockname(fd, any, &size) == 0,
        "listen");
  *port = ntohs(address.sin_port);
  return fd;
}

void Send(int fd, const std::string& text) {
  size_t at = 0;
  while (at < text.size()) {
    const ssize_t n =
        send(fd, text.data() + at, text.size() - at, MSG_NOSIGNAL);
    Check(n > 0, "send");
    at += static_cast<size_t>(n);
  }
}

// As many bytes as a typical update of the recordings has.
std::string Line() {
  timespec now = {};
  clock_gettime(CLOCK_MONOTONIC, &now);
  const int64_t ns = int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
  return absl::StrCat(
      R"({"type":"ris_message","data":{"timestamp":1700000000.000,)",
      R"("peer":"192.0.2.1","peer_asn":"64496","id":"1)",
      absl::Dec(ns, absl::kZeroPad18),
      R"(","host":"rrc00.example.net","type":"UPDATE",)",
      R"("path":[64496,64497,64498,64499],)",
      R"("community":[[64497,1],[64497,2]],"origin":"IGP",)",
      R"("announcements":[{"next_hop":"192.0.2.1",)",
      R"("prefixes":["198.51.100.0/24","203.0.113.0/24"]}],)",
      R"("withdrawals":[],"raw":")", std::string(180, 'F'), "\"}}\n");
}

void SendSteadily(int fd, int per_second, int seconds) {
  while (!g_reads) absl::SleepFor(absl::Milliseconds(1));
  absl::Time next = absl::Now();
  for (int i = 0; i < seconds * kBurstsPerSecond; ++i) {
    std::string burst;
    for (int k = 0; k < per_second / kBurstsPerSecond; ++k) burst += Line();
    Send(fd, burst);
    next += absl::Seconds(1) / kBurstsPerSecond;
    absl::SleepFor(next - absl::Now());
  }
}

int Main(const char* rate, const char* for_seconds) {
  int per_second = 0, seconds = 0;
  if (!absl::SimpleAtoi(rate, &per_second) ||
      !absl::SimpleAtoi(for_seconds, &seconds)) {
    return 2;
  }
  uint16_t port = 0;
  const int listener = Listen(&port);
  std::cout << "listening on http://127.0.0.1:" << port << "/" << std::endl;
  const int fd = accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
  Check(fd >= 0, "accept");
  // Or a burst would wait until the one before is acknowledged.
  const int one = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
  // With a first line, by whose event one sees that all of the host runs.
  Send(fd,
       "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n" + Line());
  std::string address;
  if (!std::getline(std::cin, address)) return 1;
  std::thread sender([&] { SendSteadily(fd, per_second, seconds); });
  const EventReadersResult result =
      ReadEvents(address, 1, static_cast<uint64_t>(per_second) * seconds, 0,
                 [] { g_reads = true; });
  sender.join();
  const auto at = [&](double share) {
    const auto& all = result.latencies_us;
    return all[static_cast<size_t>(share *
                                   static_cast<double>(all.size() - 1))];
  };
  std::cout << "p50_us=" << at(0.5) << " p99_us=" << at(0.99)
            << " max_us=" << at(1) << std::endl;
  close(fd);
  close(listener);
  return 0;
}

}  // namespace
}  // namespace weir

int main(int argc, char** argv) {
  return argc == 3 ? weir::Main(argv[1], argv[2]) : 2;
}
