#ifndef WEIR_LIB_FRAMES_MANAGER_H_
#define WEIR_LIB_FRAMES_MANAGER_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "lib/client/mutex.h"
#include "lib/frames/listener.h"
#include "lib/frames/peer.h"
#include "lib/frames/writer.h"
#include "lib/frames/writer_options.h"

namespace weir::frames {

// Of StartListening and Dial: AlreadyExists, "A connection to this ip / port is
// already open."; of the others: FailedPrecondition, "A connection to this ip /
// port must be opened first."
absl::Status ErrAlreadyOpened();
absl::Status ErrNotOpened();

// "127.0.0.1", "5031": "127.0.0.1:5031".
std::string FormatAddress(absl::string_view host, absl::string_view port);

// As buffstreams has it. What its configurations cannot say is in the options
// of Listener and Writer.
struct ListenConfig {
  std::string address;  // "host:port".
  uint32_t max_message_size = 0;
  bool enable_logging = false;  // To standard error.
  Listener::Callback callback;
};
struct DialConfig {
  std::string address;
  uint32_t max_message_size = 0;
  bool enable_logging = false;
};

// Listeners and writers by their addresses, exactly as these are written, with
// the operations of buffstreams' manager. One address can be listened on and
// written to at the same time. Unlike there, what was closed can be opened
// again, a listener that is closed does not listen, and writers connect again
// by themselves.
//
// Thread-safe; nothing waits for what another address does.
class Manager {
 public:
  Manager() = default;
  ~Manager();  // Closes all, at once.

  // Listens, in the background. ErrAlreadyOpened, or the error of
  // Listener::Open.
  absl::Status StartListening(ListenConfig config) ABSL_LOCKS_EXCLUDED(mu_);
  // The same, under the first of its addresses.
  absl::Status StartListening(ListenerOptions options,
                              Listener::Callback callback)
      ABSL_LOCKS_EXCLUDED(mu_);

  // Connects. ErrAlreadyOpened, or the error of Writer::Dial.
  absl::Status Dial(DialConfig config) ABSL_LOCKS_EXCLUDED(mu_);
  absl::Status DialWith(WriterOptions options) ABSL_LOCKS_EXCLUDED(mu_);

  // See Writer::Write and Post. ErrNotOpened if nothing was dialled there.
  absl::StatusOr<size_t> Write(const std::string& address,
                               absl::string_view message)
      ABSL_LOCKS_EXCLUDED(mu_);
  absl::StatusOr<size_t> Post(const std::string& address,
                              absl::string_view message)
      ABSL_LOCKS_EXCLUDED(mu_);
  // See Writer::Reopen and TakeErrored.
  absl::Status Reopen(const std::string& address) ABSL_LOCKS_EXCLUDED(mu_);
  absl::StatusOr<std::vector<std::string>> TakeErrored(
      const std::string& address) ABSL_LOCKS_EXCLUDED(mu_);

  // Sends to a peer of the listener at that address. See Listener::Send.
  absl::StatusOr<size_t> Reply(const std::string& address, PeerId to,
                               absl::string_view message)
      ABSL_LOCKS_EXCLUDED(mu_);

  // See Listener::Close and Writer::Close; the address is free again after it,
  // whatever it returns, but for a listener that one of its own callbacks wants
  // to close: that is refused, and it goes on. ErrNotOpened.
  absl::Status CloseListener(const std::string& address,
                             absl::Duration drain = absl::Seconds(5))
      ABSL_LOCKS_EXCLUDED(mu_);
  absl::Status CloseWriter(const std::string& address,
                           absl::Duration drain = absl::Seconds(5))
      ABSL_LOCKS_EXCLUDED(mu_);

  // What is open there, or null: its statistics, its port.
  std::shared_ptr<Listener> FindListener(const std::string& address) const
      ABSL_LOCKS_EXCLUDED(mu_);
  std::shared_ptr<Writer> FindWriter(const std::string& address) const
      ABSL_LOCKS_EXCLUDED(mu_);

 private:
  mutable client::Mutex mu_;
  // Null while it is being opened or closed: taken, and of no use.
  std::map<std::string, std::shared_ptr<Listener>> listeners_
      ABSL_GUARDED_BY(mu_);
  std::map<std::string, std::shared_ptr<Writer>> writers_ ABSL_GUARDED_BY(mu_);
};

}  // namespace weir::frames

#endif  // WEIR_LIB_FRAMES_MANAGER_H_
