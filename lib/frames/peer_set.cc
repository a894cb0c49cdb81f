#include "lib/frames/peer_set.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"

namespace weir::frames {
namespace {

using client::MutexLock;

// So many are accepted before it is the turn of those that are.
constexpr int kMostAccepts = 64;
// As many as can wait to be.
constexpr int kAllAccepts = 4096;

// What an event of epoll is about: the two lowest bits of its number say it,
// the others which one.
enum class Kind : uint64_t { kWake = 0, kListening = 1, kPeer = 2 };

uint64_t EpollId(Kind kind, uint64_t which) {
  return which << 2 | static_cast<uint64_t>(kind);
}

// Over all sets of the process, so that no identity means two peers.
PeerId NextId() {
  static std::atomic<PeerId> last{0};
  return ++last;
}

void Add(const PeerStats& stats, PeerSet::Totals* totals) {
  totals->frames += stats.frames;
  totals->payload_bytes += stats.payload_bytes;
  totals->wire_bytes += stats.wire_bytes;
  totals->empty_skipped += stats.empty_skipped;
  totals->odd_padding += stats.odd_padding;
  totals->frames_sent += stats.frames_sent;
  totals->bytes_sent += stats.bytes_sent;
}

}  // namespace

std::map<std::string, uint64_t> PeerSet::Totals::ClosedByReason() const {
  std::map<std::string, uint64_t> by_reason;
  for (size_t i = 0; i < closed.size(); ++i) {
    if (closed[i] > 0) by_reason[Name(static_cast<CloseReason>(i))] = closed[i];
  }
  return by_reason;
}

absl::StatusOr<std::unique_ptr<PeerSet>> PeerSet::Open(
    const PeerOptions& options, const Clock& clock, Closed closed) {
  std::unique_ptr<PeerSet> set(new PeerSet(options, clock, std::move(closed)));
  if (absl::Status status = set->Start(); !status.ok()) return status;
  return set;
}

PeerSet::PeerSet(const PeerOptions& options, const Clock& clock, Closed closed)
    : options_(options),
      clock_(clock),
      closed_(std::move(closed)),
      tls_(options.tls.has_value()
               ? std::make_unique<TlsContext>(
                     *options.tls, TlsContext::Side::kAccepts, options.tls_log)
               : nullptr) {}

PeerSet::~PeerSet() = default;

absl::Status PeerSet::Start() {
  if (tls_ != nullptr) {
    if (absl::Status status = tls_->Check(); !status.ok()) return status;
  }
  epoll_ = Socket(epoll_create1(EPOLL_CLOEXEC));
  wake_ = Socket(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
  if (!epoll_.open() || !wake_.open()) {
    return absl::UnavailableError(
        absl::StrCat("epoll or eventfd: ", ErrorText(errno)));
  }
  epoll_event event = {};
  event.events = EPOLLIN;
  event.data.u64 = EpollId(Kind::kWake, 0);
  epoll_ctl(epoll_.fd(), EPOLL_CTL_ADD, wake_.fd(), &event);

  MutexLock lock(&mu_);
  for (const std::string& address : options_.addresses) {
    absl::StatusOr<Socket> socket = ListenOn(address);
    if (!socket.ok()) return socket.status();
    std::string actual = LocalAddress(socket->fd());
    listening_.push_back(std::make_shared<ListeningSocket>(
        ListeningSocket{std::move(*socket), std::move(actual)}));
    Arm(listening_.size() - 1, EPOLL_CTL_ADD);
  }
  return absl::OkStatus();
}

PeerSet::Event PeerSet::Take(absl::Duration timeout, std::span<char> space,
                             FrameList* out, Turn* turn) {
  epoll_event event = {};
  const int happened = epoll_wait(epoll_.fd(), &event, 1, PollTimeout(timeout));
  if (happened == 0) return Event::kTimeout;
  if (happened < 0) return Event::kNothing;  // A signal.
  const uint64_t which = event.data.u64 >> 2;
  switch (static_cast<Kind>(event.data.u64 & 3)) {
    case Kind::kWake:
      return Event::kWoken;
    case Kind::kListening:
      Accept(which, kMostAccepts);
      return Event::kNothing;
    case Kind::kPeer:
      break;
  }
  std::shared_ptr<Connection> connection = Find(which);
  if (connection == nullptr || !connection->BeginTurn()) return Event::kNothing;
  if ((event.events & EPOLLOUT) != 0) connection->Flush();
  Turn begun{std::move(connection)};
  const size_t before = out->frames.size();
  if ((event.events & ~static_cast<uint32_t>(EPOLLOUT)) != 0 ||
      begun.connection->has_more()) {
    begun.reason = begun.connection->Read(space, out, &begun.used);
  }
  if (out->frames.size() == before) {
    Release(begun);
    return Event::kNothing;
  }
  *turn = std::move(begun);
  return Event::kFrames;
}

void PeerSet::Release(const Turn& turn) {
  Connection& connection = *turn.connection;
  CloseReason reason = connection.EndTurn(turn.reason, clock_.Elapsed());
  if (reason == CloseReason::kNone) {
    bool draining = false;
    {
      MutexLock lock(&mu_);
      draining = draining_;
    }
    if (draining) reason = connection.CloseIfDrained();
  }
  Forget(connection, reason);
}

void PeerSet::Wake() {
  const uint64_t one = 1;
  // Fails only if it is awake already.
  [[maybe_unused]] const ssize_t written = write(wake_.fd(), &one, sizeof(one));
}

void PeerSet::Rearm() {
  uint64_t count = 0;
  [[maybe_unused]] const ssize_t got = read(wake_.fd(), &count, sizeof(count));
}

void PeerSet::Sweep() {
  {
    MutexLock lock(&mu_);
    for (size_t i = 0; i < listening_.size(); ++i) {
      if (!listening_[i]->armed) Arm(i, EPOLL_CTL_MOD);
    }
  }
  const absl::Duration now = clock_.Elapsed();
  for (const std::shared_ptr<Connection>& connection : All()) {
    Forget(*connection, connection->CloseIfLate(now));
  }
}

absl::StatusOr<PeerId> PeerSet::Adopt(Channel channel) {
  MutexLock lock(&mu_);
  return Insert(std::move(channel));
}

absl::StatusOr<size_t> PeerSet::Send(PeerId id, absl::string_view payload) {
  const std::shared_ptr<Connection> connection = Find(id);
  if (connection == nullptr) {
    return absl::NotFoundError(
        absl::StrCat("connection ", id, ": there is none"));
  }
  return connection->Send(payload);
}

absl::Status PeerSet::Close(PeerId id) {
  const std::shared_ptr<Connection> connection = Find(id);
  if (connection == nullptr) {
    return absl::NotFoundError(
        absl::StrCat("connection ", id, ": there is none"));
  }
  Forget(*connection, connection->Close(CloseReason::kClosed));
  return absl::OkStatus();
}

void PeerSet::StartDraining() {
  size_t sockets = 0;
  {
    MutexLock lock(&mu_);
    sockets = listening_.size();
  }
  for (size_t i = 0; i < sockets; ++i) Accept(i, kAllAccepts);
  {
    MutexLock lock(&mu_);
    listening_.clear();
    draining_ = true;
  }
  for (const std::shared_ptr<Connection>& connection : All()) {
    Forget(*connection, connection->CloseIfDrained());
  }
}

bool PeerSet::AwaitEmpty(absl::Duration timeout) {
  const absl::Duration end = SteadyClock::Get().Elapsed() + timeout;
  MutexLock lock(&mu_);
  while (!connections_.empty()) {
    const absl::Duration left = end - SteadyClock::Get().Elapsed();
    if (left <= absl::ZeroDuration()) return false;
    emptied_.WaitFor(&mu_, std::min(left, absl::Hours(1)));
  }
  return true;
}

void PeerSet::CloseAll() {
  for (const std::shared_ptr<Connection>& connection : All()) {
    Forget(*connection, connection->Close(CloseReason::kShutdown));
  }
}

std::vector<std::string> PeerSet::Addresses() const {
  MutexLock lock(&mu_);
  std::vector<std::string> addresses;
  for (const auto& socket : listening_) addresses.push_back(socket->address);
  return addresses;
}

size_t PeerSet::open() const {
  MutexLock lock(&mu_);
  return connections_.size();
}

std::vector<PeerStats> PeerSet::Peers() const {
  const absl::Duration now = clock_.Elapsed();
  std::vector<PeerStats> peers;
  for (const std::shared_ptr<Connection>& connection : All()) {
    peers.push_back(connection->Stats(now));
  }
  return peers;
}

PeerSet::Totals PeerSet::GetTotals() const {
  const absl::Duration now = clock_.Elapsed();
  MutexLock lock(&mu_);
  Totals totals = totals_;
  totals.open = connections_.size();
  for (const auto& [id, connection] : connections_) {
    Add(connection->Numbers(now), &totals);
  }
  return totals;
}

std::string PeerSet::LastTlsFailure() const {
  MutexLock lock(&mu_);
  return tls_failure_;
}

void PeerSet::Accept(size_t index, int most) {
  std::shared_ptr<ListeningSocket> listening;
  {
    MutexLock lock(&mu_);
    if (index >= listening_.size()) return;
    listening = listening_[index];
  }
  for (int i = 0; i < most; ++i) {
    Socket socket(accept4(listening->socket.fd(), nullptr, nullptr,
                          SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (socket.open()) {
      Admit(std::move(socket));
      continue;
    }
    if (errno == EINTR || errno == ECONNABORTED) continue;
    if (errno == EAGAIN) break;
    // The connection waits on, and would be reported at once: not before the
    // next sweep.
    MutexLock lock(&mu_);
    ++totals_.accept_errors;
    listening->armed = false;
    return;
  }
  MutexLock lock(&mu_);
  if (index < listening_.size()) Arm(index, EPOLL_CTL_MOD);
}

void PeerSet::Admit(Socket socket) {
  SetConnectionOptions(socket.fd());
  Channel channel{std::move(socket), nullptr};
  absl::Status secured;
  if (tls_ != nullptr) {
    auto session = tls_->NewSession(channel.socket.fd(), /*host=*/"");
    secured = session.status();
    if (session.ok()) channel.tls = std::move(*session);
  }
  MutexLock lock(&mu_);
  ++totals_.accepted;
  if (options_.max_connections > 0 &&
      connections_.size() >= options_.max_connections) {
    ++totals_.closed[static_cast<size_t>(CloseReason::kRefused)];
  } else if (!secured.ok()) {
    ++totals_.closed[static_cast<size_t>(CloseReason::kTls)];
    NoteTlsFailure(secured.message());
  } else if (!Insert(std::move(channel)).ok()) {
    ++totals_.accept_errors;
  }
}

void PeerSet::Arm(size_t index, int operation) {
  epoll_event event = {};
  event.events = EPOLLIN | EPOLLONESHOT;
  event.data.u64 = EpollId(Kind::kListening, index);
  epoll_ctl(epoll_.fd(), operation, listening_[index]->socket.fd(), &event);
  listening_[index]->armed = true;
}

absl::StatusOr<PeerId> PeerSet::Insert(Channel channel) {
  const PeerId id = NextId();
  std::string address = PeerAddress(channel.socket.fd());
  auto connection = std::make_shared<Connection>(
      Peer{id, std::move(address)}, std::move(channel), options_, epoll_.fd(),
      EpollId(Kind::kPeer, id), clock_.Elapsed());
  // Known before its first event can come.
  connections_[id] = connection;
  if (absl::Status status = connection->Start(); !status.ok()) {
    connections_.erase(id);
    return status;
  }
  return id;
}

void PeerSet::NoteTlsFailure(absl::string_view text) {
  tls_failure_ = std::string(text);
}

std::shared_ptr<Connection> PeerSet::Find(PeerId id) const {
  MutexLock lock(&mu_);
  const auto found = connections_.find(id);
  return found == connections_.end() ? nullptr : found->second;
}

std::vector<std::shared_ptr<Connection>> PeerSet::All() const {
  MutexLock lock(&mu_);
  std::vector<std::shared_ptr<Connection>> all;
  all.reserve(connections_.size());
  for (const auto& [id, connection] : connections_) all.push_back(connection);
  return all;
}

void PeerSet::Forget(const Connection& connection, CloseReason reason) {
  if (reason == CloseReason::kNone) return;
  const absl::Duration now = clock_.Elapsed();
  std::string detail;
  if (reason == CloseReason::kTls) {
    detail = connection.tls_failure();
    if (detail.empty()) detail = "TLS: the handshake took too long";
  }
  std::shared_ptr<Connection> gone;
  {
    MutexLock lock(&mu_);
    const auto found = connections_.find(connection.peer().id);
    if (found == connections_.end()) return;
    gone = std::move(found->second);
    connections_.erase(found);
    Add(gone->Numbers(now), &totals_);
    ++totals_.closed[static_cast<size_t>(reason)];
    if (!detail.empty()) {
      NoteTlsFailure(absl::StrCat(gone->peer().address, ": ", detail));
    }
    if (connections_.empty()) emptied_.NotifyAll();
  }
  if (closed_) closed_(gone->peer(), reason, detail);
}

}  // namespace weir::frames
