#ifndef WEIR_HOST_SOURCE_DUPLICATE_WINDOW_H_
#define WEIR_HOST_SOURCE_DUPLICATE_WINDOW_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <unordered_map>

#include "absl/base/thread_annotations.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "host/sync/clock.h"
#include "host/sync/mutex.h"

namespace weir {

// Knows which messages came within a time. A message is who sent it, its ID and
// its content: IDs alone come again, since senders count from 1 at each start.
// Thread-safe.
class DuplicateWindow {
 public:
  enum class Seen : uint8_t {
    kNew,       // It is noted from now on, as under way.
    kUnderWay,  // It came, and nobody has said what became of it.
    kDone,
  };

  // More than this in one window push the oldest out. Some 100 bytes each.
  static constexpr size_t kMaxMessages = size_t{1} << 18;

  // `length` 0: each message is new, and nothing is noted. `clock` must outlive
  // it.
  DuplicateWindow(absl::Duration length, const Clock& clock)
      : length_ns_(absl::ToInt64Nanoseconds(length)), clock_(clock) {}

  bool enabled() const { return length_ns_ > 0; }

  // The name of a message, for the others.
  static std::string KeyOf(absl::string_view sender, int64_t id,
                           absl::string_view content);

  Seen Note(const std::string& key) ABSL_LOCKS_EXCLUDED(mu_);
  // It is done; or it is not, and what comes again is a new one.
  void Done(const std::string& key) ABSL_LOCKS_EXCLUDED(mu_);
  void Forget(const std::string& key) ABSL_LOCKS_EXCLUDED(mu_);

 private:
  struct Entry {
    bool done = false;
    int64_t noted_ns = 0;
  };
  struct Noted {
    std::string key;
    int64_t noted_ns = 0;
  };

  const int64_t length_ns_;
  const Clock& clock_;
  Mutex mu_;
  std::unordered_map<std::string, Entry> entries_ ABSL_GUARDED_BY(mu_);
  // The oldest first; one that was forgotten meanwhile is in here still.
  std::deque<Noted> order_ ABSL_GUARDED_BY(mu_);
};

}  // namespace weir

#endif  // WEIR_HOST_SOURCE_DUPLICATE_WINDOW_H_
