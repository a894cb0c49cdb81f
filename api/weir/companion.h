#ifndef WEIR_COMPANION_H_
#define WEIR_COMPANION_H_

#include <chrono>
#include <concepts>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <string>
#include <thread>
#include <utility>

namespace weir {
inline namespace sdk {

// A loop of the plugin's own, on a thread of its own, beside the messages: what
// the original nodes run with a process. It runs as long as the object lives.
//
//   void ProcessStarted(std::string_view, std::string_view,
//                       std::string_view method) {
//     beat_.emplace([this](const weir::Companion::Stop& stop) {
//       while (!stop.Wait(std::chrono::seconds(30))) Beat();
//     });
//   }
//   void ProcessStopped(std::string_view, std::string_view) { beat_.reset(); }
//
// The destructor waits for the loop, and it is called under the deadlines of a
// message: so wait by Stop::Wait alone, and ask `requested` in what takes long.
// What the host lends may be used by the loop as far as it is any-thread.
class Companion {
 public:
  // What the loop sees of its end. Thread-safe.
  class Stop {
   public:
    Stop() = default;
    Stop(const Stop&) = delete;
    Stop& operator=(const Stop&) = delete;

    // Whether the loop has to come to its end.
    bool requested() const {
      const std::lock_guard<std::mutex> lock(mu_);
      return requested_;
    }

    // Waits for `time`, or until the loop has to come to its end; returns
    // whether it has to.
    bool Wait(std::chrono::nanoseconds time) const {
      std::unique_lock<std::mutex> lock(mu_);
      return changed_.wait_for(lock, time, [this] { return requested_; });
    }

   private:
    friend class Companion;
    mutable std::mutex mu_;
    mutable std::condition_variable changed_;
    bool requested_ = false;
    bool ended_ = false;
    std::string failure_;
  };

  // Calls loop(stop) on a new thread. Throws std::system_error if there is none
  // to be had.
  template <std::invocable<const Stop&> Loop>
  explicit Companion(Loop loop)
      : thread_([this, loop = std::move(loop)]() mutable {
          std::string failure;
          try {
            loop(stop_);
          } catch (const std::exception& e) {
            failure = e.what();
          } catch (...) {
            failure = "an exception that is not a std::exception";
          }
          const std::lock_guard<std::mutex> lock(stop_.mu_);
          stop_.failure_ = std::move(failure);
          stop_.ended_ = true;
        }) {}

  // Asks the loop to end and waits until it has.
  ~Companion() {
    RequestStop();
    thread_.join();
  }

  Companion(const Companion&) = delete;
  Companion& operator=(const Companion&) = delete;

  // Asks and does not wait, where several are to end at once.
  void RequestStop() {
    {
      const std::lock_guard<std::mutex> lock(stop_.mu_);
      stop_.requested_ = true;
    }
    stop_.changed_.notify_all();
  }

  // Whether the loop has come to its end, by itself or because it had to, and
  // what it threw; empty: nothing.
  bool ended() const {
    const std::lock_guard<std::mutex> lock(stop_.mu_);
    return stop_.ended_;
  }
  std::string failure() const {
    const std::lock_guard<std::mutex> lock(stop_.mu_);
    return stop_.failure_;
  }

 private:
  Stop stop_;
  std::thread thread_;  // The last one: it uses all else.
};

}  // namespace sdk
}  // namespace weir

#endif  // WEIR_COMPANION_H_
