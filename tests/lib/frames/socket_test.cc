#include "lib/frames/socket.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/raw_tcp.h"
#include "tests/support/status_matchers.h"

namespace weir::frames {
namespace {

using testing::HasSubstr;

// Makes this process one on a machine that does not speak IPv6.
void ForgetIpv6() {
  sock_filter filter[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_socket, 0, 3),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, args[0])),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AF_INET6, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EAFNOSUPPORT),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const sock_fprog program = {sizeof(filter) / sizeof(filter[0]), filter};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
      prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) {
    std::exit(2);
  }
}

TEST(SocketDeathTest, AllAddressesAreThoseOfIpv4WhereThereIsNoIpv6) {
  EXPECT_EXIT(
      {
        ForgetIpv6();
        const absl::StatusOr<Socket> socket = ListenOn(":0");
        const bool listens =
            socket.ok() &&
            absl::StartsWith(LocalAddress(socket->fd()), "0.0.0.0:");
        std::exit(listens ? 0 : 1);
      },
      testing::ExitedWithCode(0), "");
}

// An address of IPv4, as getaddrinfo returns it.
class Address {
 public:
  Address(int fd, addrinfo* next) {
    socklen_t size = sizeof(name_);
    getsockname(fd, reinterpret_cast<sockaddr*>(&name_), &size);
    info_.ai_family = AF_INET;
    info_.ai_addr = reinterpret_cast<sockaddr*>(&name_);
    info_.ai_addrlen = size;
    info_.ai_next = next;
  }
  Address(const Address&) = delete;
  Address& operator=(const Address&) = delete;
  addrinfo* info() { return &info_; }

 private:
  sockaddr_in name_ = {};
  addrinfo info_ = {};
};

Socket ListeningSocket(int backlog) {
  Socket socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in name = {};
  name.sin_family = AF_INET;
  inet_pton(AF_INET, LoopbackHost().c_str(), &name.sin_addr);
  EXPECT_EQ(bind(socket.fd(), reinterpret_cast<sockaddr*>(&name), sizeof(name)),
            0);
  EXPECT_EQ(listen(socket.fd(), backlog), 0);
  return socket;
}

TEST(SocketTest, AnAddressThatDoesNotAnswerLeavesTimeForTheNext) {
  // The kernel answers nobody more once two wait for a program that accepts
  // none.
  const Socket silent = ListeningSocket(0);
  const Socket answers = ListeningSocket(16);
  Address second(answers.fd(), nullptr);
  Address first(silent.fd(), second.info());
  const std::string full = LocalAddress(silent.fd());
  addrinfo alone = *first.info();
  alone.ai_next = nullptr;
  std::vector<Socket> fill;
  while (true) {
    absl::StatusOr<Socket> one =
        DialOneOf(full, &alone, absl::Milliseconds(100), -1);
    if (!one.ok()) break;
    fill.push_back(std::move(*one));
    ASSERT_LT(fill.size(), 100);
  }
  const absl::StatusOr<Socket> dialled =
      DialOneOf("name:1", first.info(), absl::Milliseconds(500), -1);
  ASSERT_THAT(dialled, IsOk());
  EXPECT_EQ(PeerAddress(dialled->fd()), LocalAddress(answers.fd()));
}

TEST(SocketTest, WithoutAnAddressNobodyAnswers) {
  EXPECT_THAT(DialOneOf("name:1", nullptr, absl::Seconds(1), -1),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("name:1")));
}

}  // namespace
}  // namespace weir::frames
