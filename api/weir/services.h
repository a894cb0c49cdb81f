#ifndef WEIR_SERVICES_H_
#define WEIR_SERVICES_H_

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "weir/plugin_services.h"
#include "weir/sdk.h"

// What the host can do for a plugin beside weir::Host, each as a class that is
// made of a Host in the plugin's constructor and kept as a member. With a host
// that does not know a service, its class does what is said at each; no plugin
// has to look.

namespace weir {
inline namespace sdk {

namespace internal {

// The words of a series; null if the host does not take it.
inline uint64_t* Declare(const Host& host, int32_t kind, std::string_view name,
                         std::string_view help,
                         std::span<const weir_label> labels,
                         std::span<const uint64_t> bounds) {
  const auto* const ext = host.Find<weir_ext_metrics>(WEIR_EXT_METRICS);
  if (ext == nullptr) return nullptr;
  weir_metric metric = {};
  metric.struct_size = sizeof(metric);
  metric.kind = kind;
  metric.name = ToStr(name);
  metric.help = ToStr(help);
  metric.labels = labels.data();
  metric.bounds = bounds.data();
  metric.n_labels = static_cast<uint32_t>(labels.size());
  metric.n_bounds = static_cast<uint32_t>(bounds.size());
  uint64_t* cells = nullptr;
  return ext->declare(host.table()->ctx, &metric, &cells) == WEIR_OK ? cells
                                                                     : nullptr;
}

inline void Add(uint64_t* cell, uint64_t n) {
  if (cell == nullptr) return;
  std::atomic_ref<uint64_t>(*cell).fetch_add(n, std::memory_order_relaxed);
}

}  // namespace internal

// How long the call that the plugin is in may still take. Make one only if a
// message may take long: the host then hands them over one by one, to know when
// each began. May be used from any thread of the plugin.
class Deadline {
 public:
  explicit Deadline(const Host& host)
      : ctx_(host.table()->ctx),
        ext_(host.Find<weir_ext_deadline>(WEIR_EXT_DEADLINE)) {}

  // Until the host kills or abandons the instance. The longest time that there
  // is, if no call is in progress or the host does not know.
  std::chrono::nanoseconds time_left() const {
    return std::chrono::nanoseconds(ext_ == nullptr ? INT64_MAX
                                                    : ext_->time_left_ns(ctx_));
  }

  // Whether to come back now, finished or not: the message takes longer than
  // the operator likes, or the host waits to end or to replace this instance.
  // Costs no more than a look at the clock.
  bool should_stop() const {
    return ext_ != nullptr && ext_->should_stop(ctx_) != 0;
  }

 private:
  void* ctx_;
  const weir_ext_deadline* ext_;
};

// Counts the messages that the plugin wanted and did not get. Not thread-safe.
class LossReader {
 public:
  explicit LossReader(const Host& host)
      : ctx_(host.table()->ctx),
        ext_(host.Find<weir_ext_losses>(WEIR_EXT_LOSSES)),
        last_(total()) {}

  // Since the plugin's place in the host was made, by reason; all 0 if the host
  // does not say.
  weir_losses total() const {
    weir_losses losses = {};
    losses.struct_size = sizeof(losses);
    if (ext_ != nullptr) ext_->read(ctx_, &losses);
    return losses;
  }

  // All of them together, since the last call, or since the instance was made.
  uint64_t SinceLast() {
    const weir_losses now = total();
    const uint64_t lost = Sum(now) - Sum(last_);
    last_ = now;
    return lost;
  }

 private:
  static uint64_t Sum(const weir_losses& losses) {
    return losses.dropped_policy + losses.dropped_full +
           losses.dropped_not_running + losses.dropped_quarantined +
           losses.lost_in_crash + losses.discarded_on_unload;
  }

  void* ctx_;
  const weir_ext_losses* ext_;
  weir_losses last_;
};

// A number that only grows: how many. It goes on over restarts and upgrades of
// the plugin, until the host ends. Make it in the plugin's constructor; one
// that is made later, or that the host does not take, counts for nobody. Add
// may be called from any thread, and costs one addition.
class Counter {
 public:
  Counter(const Host& host, std::string_view name, std::string_view help,
          std::span<const weir_label> labels = {})
      : cells_(internal::Declare(host, WEIR_METRIC_COUNTER, name, help, labels,
                                 {})) {}

  void Add(uint64_t n = 1) const { internal::Add(cells_, n); }

 private:
  uint64_t* cells_;
};

// A number that goes up and down. As Counter otherwise, but each instance of
// the plugin begins at 0.
class Gauge {
 public:
  Gauge(const Host& host, std::string_view name, std::string_view help,
        std::span<const weir_label> labels = {})
      : cells_(internal::Declare(host, WEIR_METRIC_GAUGE, name, help, labels,
                                 {})) {}

  void Set(int64_t value) const {
    if (cells_ == nullptr) return;
    std::atomic_ref<uint64_t>(*cells_).store(static_cast<uint64_t>(value),
                                             std::memory_order_relaxed);
  }
  void Add(int64_t n) const { internal::Add(cells_, static_cast<uint64_t>(n)); }

 private:
  uint64_t* cells_;
};

// How many values there were of which size: up to the first bound, up to the
// second, ..., and above the last. As Counter otherwise; Record costs two
// additions.
class Histogram {
 public:
  // `bounds` must outlive it: a static constexpr array.
  Histogram(const Host& host, std::string_view name, std::string_view help,
            std::span<const uint64_t> bounds,
            std::span<const weir_label> labels = {})
      : bounds_(bounds),
        cells_(internal::Declare(host, WEIR_METRIC_HISTOGRAM, name, help,
                                 labels, bounds)) {}

  void Record(uint64_t value) const {
    if (cells_ == nullptr) return;
    size_t at = 0;
    while (at < bounds_.size() && value > bounds_[at]) ++at;
    internal::Add(cells_ + at, 1);
    internal::Add(cells_ + bounds_.size() + 1, value);
  }

 private:
  std::span<const uint64_t> bounds_;
  uint64_t* cells_;
};

// Bytes by key that outlive the plugin and the host; see weir_ext_kv. May be
// used from any thread.
class KeyValues {
 public:
  explicit KeyValues(const Host& host)
      : ctx_(host.table()->ctx), ext_(host.Find<weir_ext_kv>(WEIR_EXT_KV)) {}

  // Nullopt if there is no such key, or the database fails.
  std::optional<std::string> Get(std::string_view key) const {
    if (ext_ == nullptr) return std::nullopt;
    std::string value(256, '\0');
    while (true) {
      uint64_t length = 0;
      if (ext_->get(ctx_, ToStr(key), value.data(), value.size(), &length) !=
          WEIR_OK) {
        return std::nullopt;
      }
      const bool whole = length <= value.size();
      value.resize(length);
      if (whole) return value;
    }
  }

  // Returns false if it was not taken: it is too large, or all that the plugin
  // may keep is used up.
  bool Put(std::string_view key, std::string_view value) const {
    return ext_ != nullptr &&
           ext_->put(ctx_, ToStr(key), ToStr(value)) == WEIR_OK;
  }
  bool Erase(std::string_view key) const {
    return ext_ != nullptr && ext_->erase(ctx_, ToStr(key)) == WEIR_OK;
  }

  // Waits until all of that is on the disk. Returns false if some of it is not,
  // or was not taken. The host does the same after the plugin's destructor.
  bool Flush() const { return ext_ != nullptr && ext_->flush(ctx_) == WEIR_OK; }

 private:
  void* ctx_;
  const weir_ext_kv* ext_;
};

// Tells the operator how the plugin does. May be used from any thread.
class Health {
 public:
  explicit Health(const Host& host)
      : ctx_(host.table()->ctx),
        ext_(host.Find<weir_ext_health>(WEIR_EXT_HEALTH)) {}

  // Something is wrong, though it goes on: "the feed of RPKI is a day old".
  void Degraded(std::string_view why) const {
    if (ext_ != nullptr) ext_->report(ctx_, WEIR_HEALTH_DEGRADED, ToStr(why));
  }
  void Ok() const {
    if (ext_ != nullptr) ext_->report(ctx_, WEIR_HEALTH_OK, {"", 0});
  }

 private:
  void* ctx_;
  const weir_ext_health* ext_;
};

// Answers those who sent a message, such as nodes of a steward or ctrl network;
// see weir_ext_reply. Only from the thread that calls the plugin.
//
//   if (replies_.Send(message, output) != WEIR_OK) ...
class Replies {
 public:
  explicit Replies(const Host& host)
      : ctx_(host.table()->ctx),
        ext_(host.Find<weir_ext_reply>(WEIR_EXT_REPLY)) {}

  // Of `data` at most; 0 if the host sends nothing at all.
  uint64_t max_bytes() const { return ext_ == nullptr ? 0 : ext_->max_bytes; }

  // Answers `message`, which is being handled, once more. Returns WEIR_OK if it
  // will be sent, else why not; WEIR_UNSUPPORTED where the host sends nothing.
  // `file_suffix` goes behind the name of the file that the request names.
  weir_status Send(const Message& message, std::string_view data,
                   std::string_view file_suffix = {}) const {
    if (ext_ == nullptr) return WEIR_UNSUPPORTED;
    weir_reply reply = {};
    reply.struct_size = sizeof(reply);
    reply.data = ToStr(data);
    reply.file_suffix = ToStr(file_suffix);
    return ext_->reply(ctx_, message.raw(), &reply);
  }

 private:
  void* ctx_;
  const weir_ext_reply* ext_;
};

// The path of the plugin's own directory; empty if it has none.
inline std::string DataDirectory(const Host& host) {
  const auto* const ext = host.Find<weir_ext_datadir>(WEIR_EXT_DATADIR);
  if (ext == nullptr) return {};
  const weir_str path = ext->path(host.table()->ctx);
  return {path.data, path.len};
}

}  // namespace sdk
}  // namespace weir

#endif  // WEIR_SERVICES_H_
