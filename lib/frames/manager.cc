#include "lib/frames/manager.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "lib/frames/log.h"

namespace weir::frames {

using client::MutexLock;

absl::Status ErrAlreadyOpened() {
  return absl::AlreadyExistsError(
      "A connection to this ip / port is already open.");
}

absl::Status ErrNotOpened() {
  return absl::FailedPreconditionError(
      "A connection to this ip / port must be opened first.");
}

std::string FormatAddress(absl::string_view host, absl::string_view port) {
  return absl::StrCat(host, ":", port);
}

Manager::~Manager() {
  // Their own destructors close them, without the lock.
  std::map<std::string, std::shared_ptr<Listener>> listeners;
  std::map<std::string, std::shared_ptr<Writer>> writers;
  MutexLock lock(&mu_);
  listeners.swap(listeners_);
  writers.swap(writers_);
}

absl::Status Manager::StartListening(ListenConfig config) {
  ListenerOptions options;
  options.peers.addresses = {config.address};
  options.peers.parser.max_message_size = config.max_message_size;
  options.peers.max_connections = 0;
  if (config.enable_logging) options.log = LogToStderr;
  return StartListening(std::move(options), std::move(config.callback));
}

absl::Status Manager::StartListening(ListenerOptions options,
                                     Listener::Callback callback) {
  const std::string address =
      options.peers.addresses.empty() ? "" : options.peers.addresses.front();
  {
    MutexLock lock(&mu_);
    if (!listeners_.emplace(address, nullptr).second) return ErrAlreadyOpened();
  }
  absl::StatusOr<std::unique_ptr<Listener>> listener =
      Listener::Open(std::move(options), std::move(callback));
  absl::Status status = listener.status();
  if (status.ok()) status = (*listener)->Start();
  MutexLock lock(&mu_);
  if (status.ok()) {
    listeners_[address] = std::move(*listener);
  } else {
    listeners_.erase(address);
  }
  return status;
}

absl::Status Manager::Dial(DialConfig config) {
  WriterOptions options;
  options.address = std::move(config.address);
  options.max_message_size = config.max_message_size;
  if (config.enable_logging) options.log = LogToStderr;
  return DialWith(std::move(options));
}

absl::Status Manager::DialWith(WriterOptions options) {
  const std::string address = options.address;
  {
    MutexLock lock(&mu_);
    if (!writers_.emplace(address, nullptr).second) return ErrAlreadyOpened();
  }
  absl::StatusOr<std::unique_ptr<Writer>> writer =
      Writer::Dial(std::move(options));
  MutexLock lock(&mu_);
  if (writer.ok()) {
    writers_[address] = std::move(*writer);
  } else {
    writers_.erase(address);
  }
  return writer.status();
}

absl::StatusOr<size_t> Manager::Write(const std::string& address,
                                      absl::string_view message) {
  const std::shared_ptr<Writer> writer = FindWriter(address);
  if (writer == nullptr) return ErrNotOpened();
  return writer->Write(message);
}

absl::StatusOr<size_t> Manager::Post(const std::string& address,
                                     absl::string_view message) {
  const std::shared_ptr<Writer> writer = FindWriter(address);
  if (writer == nullptr) return ErrNotOpened();
  return writer->Post(message);
}

absl::Status Manager::Reopen(const std::string& address) {
  const std::shared_ptr<Writer> writer = FindWriter(address);
  if (writer == nullptr) return ErrNotOpened();
  return writer->Reopen();
}

absl::StatusOr<std::vector<std::string>> Manager::TakeErrored(
    const std::string& address) {
  const std::shared_ptr<Writer> writer = FindWriter(address);
  if (writer == nullptr) return ErrNotOpened();
  return writer->TakeErrored();
}

absl::StatusOr<size_t> Manager::Reply(const std::string& address, PeerId to,
                                      absl::string_view message) {
  const std::shared_ptr<Listener> listener = FindListener(address);
  if (listener == nullptr) return ErrNotOpened();
  return listener->Send(to, message);
}

absl::Status Manager::CloseListener(const std::string& address,
                                    absl::Duration drain) {
  std::shared_ptr<Listener> listener;
  {
    MutexLock lock(&mu_);
    const auto found = listeners_.find(address);
    if (found == listeners_.end() || found->second == nullptr) {
      return ErrNotOpened();
    }
    // The address stays taken until its socket is closed.
    listener = std::exchange(found->second, nullptr);
  }
  absl::Status status = listener->Close(drain);
  MutexLock lock(&mu_);
  if (absl::IsFailedPrecondition(status)) {
    // In a callback of its own, which it must outlive: it goes on.
    listeners_[address] = std::move(listener);
  } else {
    listeners_.erase(address);
  }
  return status;
}

absl::Status Manager::CloseWriter(const std::string& address,
                                  absl::Duration drain) {
  std::shared_ptr<Writer> writer;
  {
    MutexLock lock(&mu_);
    const auto found = writers_.find(address);
    if (found == writers_.end() || found->second == nullptr) {
      return ErrNotOpened();
    }
    writer = std::exchange(found->second, nullptr);
  }
  absl::Status status = writer->Close(drain);
  MutexLock lock(&mu_);
  writers_.erase(address);
  return status;
}

std::shared_ptr<Listener> Manager::FindListener(
    const std::string& address) const {
  MutexLock lock(&mu_);
  const auto found = listeners_.find(address);
  return found == listeners_.end() ? nullptr : found->second;
}

std::shared_ptr<Writer> Manager::FindWriter(const std::string& address) const {
  MutexLock lock(&mu_);
  const auto found = writers_.find(address);
  return found == writers_.end() ? nullptr : found->second;
}

}  // namespace weir::frames
