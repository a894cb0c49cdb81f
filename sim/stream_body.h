#ifndef WEIR_SIM_STREAM_BODY_H_
#define WEIR_SIM_STREAM_BODY_H_

#include <sys/types.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "sim/fault.h"
#include "sim/fault_script.h"
#include "sim/gzip_encoder.h"
#include "sim/line_editor.h"
#include "sim/session_pool.h"
#include "sim/stop_signal.h"

namespace weir::sim {

// The body of one answer: the client's stream from where it stands, at its
// pace, with all faults. Belongs to the thread of its connection.
class StreamBody {
 public:
  struct Options {
    // A fault that the client asked for, after so many messages of this
    // connection.
    std::optional<ScriptedFault> fault;

    bool gzip = false;

    // Keep the connection open, and silent, after the last message.
    bool hold_at_end = false;
  };

  // What Read returns if there are no more bytes.
  static constexpr ssize_t kEnd = -1;
  static constexpr ssize_t kCut = -2;  // Hang up without a proper end.

  // Adds the messages that it sends to `sent`. `script`, `stop` and `sent`, and
  // the pool of `lease`, must outlive it; `socket` must stay open as long.
  StreamBody(SessionPool::Lease lease, LineEditor editor, Options options,
             FaultScript& script, const StopSignal& stop, int socket,
             std::atomic<uint64_t>& sent);

  // Writes the next bytes of the body, 1 or more, at most `room`, to `buffer`,
  // and returns how many; kEnd or kCut if there are none. Blocks until a line
  // is due. Before it ends the stream it gives back the session, so that a
  // client that has seen the end finds it.
  ssize_t Read(char* buffer, size_t room);

 private:
  void Produce(size_t room);
  bool ApplyDueFault();
  void Apply(const Fault& fault);
  void CutMidLine();
  void Send(absl::string_view text);
  void SendEdited(absl::string_view lines);
  void EndOfStream();
  void Pause(absl::Duration duration);
  uint64_t MessagesToNextFault() const;

  SessionPool::Lease lease_;
  LineEditor editor_;
  const bool hold_at_end_;
  std::optional<Fault> requested_;
  const uint64_t requested_at_;  // Position in the session.
  FaultScript& script_;
  const StopSignal& stop_;
  const int socket_;
  std::atomic<uint64_t>& sent_;
  std::unique_ptr<GzipEncoder> gzip_;  // Null: not compressed, or finished.

  // The connection began at this time and with this place of the stream.
  const absl::Time began_;
  const absl::Duration began_at_;

  absl::string_view pending_;  // Not read yet; in text_ or in the source.
  std::string text_;
  std::optional<ssize_t> end_;  // What comes after it.
};

}  // namespace weir::sim

#endif  // WEIR_SIM_STREAM_BODY_H_
