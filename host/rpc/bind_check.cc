#include "host/rpc/bind_check.h"

#include <grp.h>
#include <netdb.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace weir {
namespace {

absl::Status BindError(absl::string_view address, int error) {
  if (error == EADDRINUSE) {
    return absl::AlreadyExistsError(
        absl::StrCat("address in use: ", address,
                     "; another program listens there: end it, or set "
                     "`listeners` to another address"));
  }
  return absl::FailedPreconditionError(
      absl::StrCat("listening on ", address, ": ", std::strerror(error)));
}

absl::Status TryBind(const addrinfo& address, absl::string_view name) {
  const int fd = socket(address.ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return BindError(name, errno);
  const absl::Cleanup close_fd = [fd] { close(fd); };
  const int on = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  if (bind(fd, address.ai_addr, address.ai_addrlen) != 0 ||
      listen(fd, 1) != 0) {
    return BindError(name, errno);
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckTcpAddress(absl::string_view host_port) {
  const size_t colon = host_port.rfind(':');
  if (colon == host_port.npos) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", host_port, "\" is no address; write host:port"));
  }
  absl::string_view host = host_port.substr(0, colon);
  absl::ConsumePrefix(&host, "[");
  absl::ConsumeSuffix(&host, "]");
  addrinfo hints = {};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE;
  addrinfo* found = nullptr;
  const int error = getaddrinfo(
      std::string(host).c_str(),
      std::string(host_port.substr(colon + 1)).c_str(), &hints, &found);
  if (error != 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", host_port, "\": ", gai_strerror(error)));
  }
  const absl::Cleanup free_found = [found] { freeaddrinfo(found); };
  return TryBind(*found, host_port);
}

absl::Status PrepareUnixSocket(const std::string& path) {
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof(address.sun_path)) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": a socket's path has at most ",
                     sizeof(address.sun_path) - 1, " bytes"));
  }
  struct stat info = {};
  if (lstat(path.c_str(), &info) != 0) {
    if (errno == ENOENT) return absl::OkStatus();
    return BindError(path, errno);
  }
  if (!S_ISSOCK(info.st_mode)) {
    return absl::FailedPreconditionError(absl::StrCat(
        path,
        " exists and is no socket; move it away, or set `listeners` to "
        "another path"));
  }
  std::memcpy(address.sun_path, path.c_str(), path.size());
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return BindError(path, errno);
  const absl::Cleanup close_fd = [fd] { close(fd); };
  if (connect(fd, reinterpret_cast<const sockaddr*>(&address),
              sizeof(address)) == 0) {
    return BindError(path, EADDRINUSE);
  }
  if (unlink(path.c_str()) != 0) return BindError(path, errno);
  return absl::OkStatus();
}

absl::Status SetSocketAccess(const std::string& path, uint32_t mode,
                             const std::string& group) {
  if (!group.empty()) {
    const struct group* const entry = getgrnam(group.c_str());
    if (entry == nullptr) {
      return absl::FailedPreconditionError(
          absl::StrCat("no group is called \"", group,
                       "\"; create it, or leave listeners[].group out"));
    }
    if (chown(path.c_str(), static_cast<uid_t>(-1), entry->gr_gid) != 0) {
      return absl::FailedPreconditionError(
          absl::StrCat("giving ", path, " to the group ", group, ": ",
                       std::strerror(errno)));
    }
  }
  if (chmod(path.c_str(), mode) != 0) {
    return absl::FailedPreconditionError(
        absl::StrCat("setting the mode of ", path, ": ", std::strerror(errno)));
  }
  return absl::OkStatus();
}

}  // namespace weir
