#include "lib/frames/connection.h"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "lib/frames/frame_header.h"

namespace weir::frames {

using client::MutexLock;

Connection::Connection(Peer peer, Channel channel, const PeerOptions& options,
                       int epoll, uint64_t epoll_id, absl::Duration now)
    : peer_(std::move(peer)),
      local_address_(LocalAddress(channel.socket.fd())),
      options_(options),
      epoll_(epoll),
      fd_(channel.socket.fd()),
      epoll_id_(epoll_id),
      tls_(std::move(channel.tls)),
      pipe_{fd_, tls_.get()},
      accepted_(now),
      parser_(options.parser),
      socket_(std::move(channel.socket)),
      in_frame_(tls_ != nullptr && tls_->handshaking()),
      begun_at_(now),
      allowed_(options.frame_timeout),
      last_turn_(now) {}

absl::Status Connection::Start() {
  MutexLock lock(&mu_);
  epoll_event event = {};
  event.events = EPOLLIN | EPOLLONESHOT;
  event.data.u64 = epoll_id_;
  if (epoll_ctl(epoll_, EPOLL_CTL_ADD, fd_, &event) != 0) {
    return absl::UnavailableError(
        absl::StrCat(peer_.address, ": epoll_ctl: ", ErrorText(errno)));
  }
  registered_ = true;
  return absl::OkStatus();
}

bool Connection::BeginTurn() {
  MutexLock lock(&mu_);
  if (in_turn_ || !socket_.open()) return false;
  in_turn_ = true;
  return true;
}

CloseReason Connection::Read(std::span<char> space, FrameList* out,
                             size_t* used) {
  *used = 0;
  // Together no more than `space`: a long frame has no longer turn than others.
  std::span<char> body = parser_.Space();
  body = body.first(std::min(body.size(), space.size()));
  space = space.first(space.size() - body.size());
  std::array<iovec, 2> into;
  size_t parts = 0;
  if (!body.empty()) into[parts++] = {body.data(), body.size()};
  into[parts++] = {space.data(), space.size()};
  const ssize_t got = pipe_.Read(std::span(into).first(parts));
  if (got < 0) {
    const int error = errno;
    parser_.Filled(0, out);
    if (error == EAGAIN || error == EINTR) return CloseReason::kNone;
    return error == EPROTO && tls_ != nullptr ? CloseReason::kTls
                                              : CloseReason::kReset;
  }
  if (got == 0) {
    parser_.Filled(0, out);
    return parser_.AtEnd();
  }
  const auto bytes = static_cast<size_t>(got);
  wire_bytes_ += bytes;
  const size_t to_body = std::min(bytes, body.size());
  parser_.Filled(to_body, out);
  *used = bytes - to_body;
  return parser_.Feed(absl::string_view(space.data(), *used), out);
}

void Connection::Flush() {
  MutexLock lock(&mu_);
  if (tls_ != nullptr) tls_->Flush();
  SendWaiting();
}

CloseReason Connection::EndTurn(CloseReason reason, absl::Duration now) {
  MutexLock lock(&mu_);
  in_turn_ = false;
  last_turn_ = now;
  const FrameParser::Counts& counts = parser_.counts();
  stats_.frames = counts.frames;
  stats_.payload_bytes = counts.payload_bytes;
  stats_.empty_skipped = counts.empty_skipped;
  stats_.odd_padding = counts.odd_padding;
  stats_.wire_bytes = wire_bytes_;
  NoteBegun(now);
  if (closing_ != CloseReason::kNone && !peer_ended_) return CloseNow(closing_);
  // A peer that has said all may still wait for what it asked for.
  if (reason == CloseReason::kPeerClosed && !unsent_.empty()) {
    closing_ = reason;
    peer_ended_ = true;
  }
  if (peer_ended_) {
    if (unsent_.empty()) return CloseNow(closing_);
    if (reason == CloseReason::kReset) return CloseNow(reason);
  } else if (reason != CloseReason::kNone) {
    return CloseNow(reason);
  }
  Arm();
  return CloseReason::kNone;
}

void Connection::NoteBegun(absl::Duration now) {
  const bool in_frame = parser_.in_frame();
  const bool in_front = !in_frame && tls_ != nullptr &&
                        (tls_->handshaking() || tls_->in_record());
  const bool before = std::exchange(in_frame_, in_frame || in_front);
  if (!in_frame_) return;
  const std::pair<uint64_t, uint64_t> begun = {
      parser_.begun(), in_front ? tls_->bytes_read() : 0};
  if (!before || begun != begun_) {
    begun_ = begun;
    begun_at_ = now;
  }
  allowed_ =
      options_.frame_timeout +
      absl::Seconds(1) * (static_cast<double>(parser_.length()) /
                          static_cast<double>(options_.frame_bytes_per_second));
}

CloseReason Connection::Close(CloseReason reason) {
  MutexLock lock(&mu_);
  if (!socket_.open()) return CloseReason::kNone;
  if (!in_turn_) return CloseNow(reason);
  if (closing_ == CloseReason::kNone || peer_ended_) closing_ = reason;
  peer_ended_ = false;
  return CloseReason::kNone;
}

CloseReason Connection::CloseIfLate(absl::Duration now) {
  MutexLock lock(&mu_);
  if (in_turn_ || !socket_.open()) return CloseReason::kNone;
  if (in_frame_ && options_.frame_timeout > absl::ZeroDuration()) {
    const absl::Duration end = begun_at_ + allowed_;
    // What waits may be the rest of it, if nobody has looked since.
    if (now > end && (last_turn_ > end || !BytesWait())) {
      return CloseNow(tls_ != nullptr && tls_->handshaking()
                          ? CloseReason::kTls
                          : CloseReason::kFrameTimeout);
    }
  }
  if (peer_ended_ && options_.frame_timeout > absl::ZeroDuration() &&
      now - last_turn_ > options_.frame_timeout) {
    return CloseNow(closing_);
  }
  if (options_.idle_timeout > absl::ZeroDuration() &&
      now - last_turn_ > options_.idle_timeout && !BytesWait()) {
    return CloseNow(CloseReason::kIdleTimeout);
  }
  return CloseReason::kNone;
}

CloseReason Connection::CloseIfDrained() {
  MutexLock lock(&mu_);
  if (in_turn_ || !socket_.open() || in_frame_ || !unsent_.empty() ||
      BytesWait()) {
    return CloseReason::kNone;
  }
  return CloseNow(CloseReason::kClosed);
}

absl::StatusOr<size_t> Connection::Send(absl::string_view payload) {
  const size_t header_size = parser_.header_size();
  if (payload.size() > OrDefault(options_.parser.max_message_size)) {
    return absl::InvalidArgumentError(absl::StrCat(
        payload.size(), " bytes are more than the longest message, ",
        OrDefault(options_.parser.max_message_size),
        "; nothing was sent; raise max_message_size at both ends"));
  }
  std::array<char, kLongestHeader> header;
  WriteHeader(payload.size(), header_size, header.data());
  const size_t whole = header_size + payload.size();

  MutexLock lock(&mu_);
  if (!socket_.open() || (closing_ != CloseReason::kNone && !peer_ended_)) {
    return absl::NotFoundError(
        absl::StrCat(peer_.address, ": is not connected any more"));
  }
  size_t sent = 0;
  if (unsent_.empty()) {
    const iovec parts[] = {{header.data(), header_size},
                           {const_cast<char*>(payload.data()), payload.size()}};
    const ssize_t got = pipe_.Send(parts);
    if (got >= 0) {
      sent = static_cast<size_t>(got);
    } else if (errno != EAGAIN && errno != EINTR) {
      // Its event comes, and closes it.
      return absl::UnavailableError(absl::StrCat(
          peer_.address, ": cannot send: ", pipe_.ErrorText(errno)));
    }
  } else if (unsent_.size() - unsent_from_ + whole >
             options_.max_unsent_bytes) {
    return absl::ResourceExhaustedError(absl::StrCat(
        peer_.address, ": does not read; ", unsent_.size() - unsent_from_,
        " bytes wait for it and at most ", options_.max_unsent_bytes, " may"));
  }
  ++stats_.frames_sent;
  stats_.bytes_sent += sent;
  if (sent == whole) return whole;
  if (sent < header_size) {
    unsent_.append(header.data() + sent, header_size - sent);
    sent = header_size;
  }
  unsent_.append(payload.data() + (sent - header_size),
                 payload.size() - (sent - header_size));
  if (!in_turn_) Arm();
  return whole;
}

PeerStats Connection::Stats(absl::Duration now) const {
  PeerStats stats = Numbers(now);
  stats.peer = peer_;
  stats.local_address = local_address_;
  return stats;
}

PeerStats Connection::Numbers(absl::Duration now) const {
  MutexLock lock(&mu_);
  PeerStats stats = stats_;
  stats.age = now - accepted_;
  stats.silent = now - last_turn_;
  stats.unsent_bytes = unsent_.size() - unsent_from_;
  stats.in_frame = in_frame_;
  return stats;
}

void Connection::Arm() {
  if (!registered_ || !socket_.open()) return;
  epoll_event event = {};
  event.events = EPOLLONESHOT;
  if (!peer_ended_) event.events |= EPOLLIN;
  if (tls_ == nullptr) {
    if (!unsent_.empty()) event.events |= EPOLLOUT;
  } else if (tls_->more() || tls_->wants_write() ||
             (!unsent_.empty() && !tls_->handshaking())) {
    // It can be written to, as a rule: so a turn comes at once.
    event.events |= EPOLLOUT;
  }
  event.data.u64 = epoll_id_;
  epoll_ctl(epoll_, EPOLL_CTL_MOD, fd_, &event);
}

CloseReason Connection::CloseNow(CloseReason reason) {
  if (tls_ != nullptr && socket_.open()) tls_->SayEnd();
  socket_.Close();
  unsent_.clear();
  unsent_from_ = 0;
  return reason;
}

void Connection::SendWaiting() {
  if (unsent_.empty()) return;
  const iovec waiting = {unsent_.data() + unsent_from_,
                         unsent_.size() - unsent_from_};
  const ssize_t got = pipe_.Send({&waiting, 1});
  if (got < 0) {
    if (errno == EAGAIN || errno == EINTR) return;
    // Reading finds out why.
    unsent_.clear();
    unsent_from_ = 0;
    return;
  }
  unsent_from_ += static_cast<size_t>(got);
  stats_.bytes_sent += static_cast<uint64_t>(got);
  if (unsent_from_ == unsent_.size()) {
    std::string().swap(unsent_);
    unsent_from_ = 0;
  } else if (unsent_from_ > unsent_.size() / 2) {
    unsent_.erase(0, unsent_from_);
    unsent_from_ = 0;
  }
}

bool Connection::BytesWait() const {
  if (has_more()) return true;
  char byte;
  const ssize_t got = recv(fd_, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  // The end, or an error, is an event of its own.
  return got >= 0 || (errno != EAGAIN && errno != EINTR);
}

}  // namespace weir::frames
