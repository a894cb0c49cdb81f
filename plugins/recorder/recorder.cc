// Writes every payload as it came to files that can be replayed. README.md is
// for those who run it.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <vector>

#include "plugins/recorder/recording.h"
#include "plugins/recorder/recording_folder.h"
#include "plugins/support/json_text.h"
#include "plugins/support/settings.h"
#include "weir/sdk.h"

namespace {

using SteadyClock = std::chrono::steady_clock;

constexpr int64_t kNsPerSecond = 1'000'000'000;
// A block is written at the latest when it is so long: enough for zstd to find
// what repeats, and 20 ms of its work at most.
constexpr size_t kBlockBytes = 4 << 20;

struct Options {
  std::string directory;
  std::string prefix;
  uint64_t max_bytes = 0;
  int64_t max_ns = 0;
  int64_t flush_ns = 0;
  int level = 0;
  size_t keep = 0;
};

// By doing it: modes do not tell what a sandbox refuses. Returns 0 or errno.
int TryToWrite(const std::string& directory) {
  if (access(directory.c_str(), R_OK | W_OK | X_OK) != 0) return errno;
  std::string path = directory + "/.recorder-XXXXXX";
  const int fd = mkostemp(path.data(), O_CLOEXEC);
  if (fd < 0) return errno;
  unlink(path.c_str());
  close(fd);
  return 0;
}

void CheckDirectory(const std::string& directory, weir::Settings& settings) {
  std::error_code ignored;
  if (directory.empty()) {
    settings.Refuse("directory", "required; the directory for the recordings");
  } else if (directory.front() != '/') {
    settings.Refuse("directory", '"' + directory +
                                     "\"; must be an absolute path, which "
                                     "begins with /");
  } else if (!std::filesystem::is_directory(directory, ignored)) {
    settings.Refuse("directory",
                    '"' + directory + "\"; no such directory; create it");
  } else if (const int error = TryToWrite(directory); error != 0) {
    settings.Refuse(
        "directory",
        '"' + directory +
            "\"; cannot be written: " + std::generic_category().message(error) +
            "; change its owner or mode, or free some room. With the sandbox "
            "profile `strict` no directory can be written, with `files` the "
            "plugin's data directory, with `none` all of the host's user");
  }
}

void CheckPrefix(std::string_view prefix, weir::Settings& settings) {
  const bool plain =
      std::all_of(prefix.begin(), prefix.end(), [](unsigned char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
               (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '.';
      });
  if (prefix.empty() || prefix.front() == '.' || !plain) {
    settings.Refuse("prefix", '"' + std::string(prefix) +
                                  "\"; must be letters, digits, _, - and ., "
                                  "and not begin with .");
  }
}

Options ReadOptions(std::string_view config) {
  weir::Faults faults;
  weir::SettingsFile file(config, faults);
  weir::Settings& settings = file.root();
  Options options;
  options.directory = settings.Text("directory", "", 4000);
  CheckDirectory(options.directory, settings);
  options.prefix = settings.Text("prefix", "ris", 64);
  CheckPrefix(options.prefix, settings);
  options.max_bytes = static_cast<uint64_t>(
      settings.Integer("max_bytes", int64_t{256} << 20, 1, int64_t{1} << 40));
  options.max_ns =
      settings.Integer("max_seconds", 3600, 1, 604'800) * kNsPerSecond;
  options.flush_ns =
      settings.Integer("flush_seconds", 5, 0, 3600) * kNsPerSecond;
  options.level = static_cast<int>(settings.Integer("level", 3, 1, 19));
  options.keep = static_cast<size_t>(settings.Integer("keep", 0, 0, 1'000'000));
  settings.RefuseOthers();
  faults.ThrowIfAny();
  return options;
}

class Recorder {
 public:
  static constexpr std::string_view kEventTypes[] = {
      "recorder.error", "recorder.file", "recorder.gap"};

  // Whether there is such a directory is found at the creation.
  static std::string_view ConfigSchema() {
    return R"json({
  "$schema": "http://json-schema.org/draft-07/schema#",
  "title": "recorder",
  "type": "object",
  "properties": {
    "directory": {
      "description": "Where the recordings go; absolute, and there.",
      "type": "string", "pattern": "^/", "maxLength": 4000
    },
    "prefix": {
      "description": "What their names begin with.",
      "type": "string", "pattern": "^[A-Za-z0-9_-][A-Za-z0-9_.-]*$",
      "maxLength": 64, "default": "ris"
    },
    "max_bytes": {
      "description": "A new file after so many bytes of payload.",
      "type": "integer", "minimum": 1, "maximum": 1099511627776,
      "default": 268435456
    },
    "max_seconds": {
      "description": "A new file after so long.",
      "type": "integer", "minimum": 1, "maximum": 604800, "default": 3600
    },
    "flush_seconds": {
      "description": "What waits is written after so long; 0: when a block is full.",
      "type": "integer", "minimum": 0, "maximum": 3600, "default": 5
    },
    "level": {
      "description": "Of zstd.",
      "type": "integer", "minimum": 1, "maximum": 19, "default": 3
    },
    "keep": {
      "description": "Files to keep; 0: all.",
      "type": "integer", "minimum": 0, "maximum": 1000000, "default": 0
    }
  },
  "required": ["directory"],
  "additionalProperties": false
})json";
  }

  Recorder(weir::Host host, std::string_view config)
      : host_(host),
        options_(ReadOptions(config)),
        folder_(options_.directory, options_.prefix) {
    RecoverLeftovers();
    RemoveOld();
    if (options_.flush_ns > 0) {
      flusher_ = std::thread([this] { FlushInTime(); });
    }
  }

  Recorder(const Recorder&) = delete;
  Recorder& operator=(const Recorder&) = delete;

  ~Recorder() {
    {
      const std::lock_guard lock(mu_);
      ending_ = true;
    }
    changed_.notify_all();
    if (flusher_.joinable()) flusher_.join();
    const std::lock_guard lock(mu_);
    if (Flush(host_.now_ns())) CloseFile();
    if (lost_.messages > 0) TellGap(/*recovered=*/false);
  }

  // The raw tap: each payload as it came, whether it was understood or not.
  bool WantsMessage(std::string_view type) const { return type == "RAW"; }

  // A second of the real feed's worst burst, 24,000 messages from one peer.
  int QueueCapacity() const { return 32768; }

  weir_status HandleMessage(weir::Message message) {
    const std::lock_guard lock(mu_);
    if (Take(message.body(), message.received_ns())) return WEIR_OK;
    return WEIR_ERR;  // Counted in the slot's books, too.
  }

 private:
  struct Lost {
    uint64_t messages = 0;
    uint64_t bytes = 0;
    int64_t first_ns = 0;
    int64_t last_ns = 0;
  };

  // All that follows needs mu_, but for what the constructor calls.

  // Returns false if the message is lost.
  bool Take(std::string_view line, int64_t now_ns) {
    const size_t size = line.size() + 1;
    if (recording_ && block_.messages > 0 &&
        now_ns - block_.first_ns >= options_.flush_ns) {
      Flush(now_ns);
    }
    if (recording_ && (now_ns - file_ns_ >= options_.max_ns ||
                       file_bytes_ + size > options_.max_bytes)) {
      if (Flush(now_ns)) CloseFile();
    }
    if (!recording_ && !OpenFile(now_ns)) {
      Lose(1, size, now_ns, now_ns);
      return false;
    }
    if (block_.messages == 0) block_since_ = SteadyClock::now();
    block_.Add(line, now_ns);
    file_bytes_ += size;
    if (options_.flush_ns == 0 || block_.text.size() >= kBlockBytes) {
      return Flush(now_ns);
    }
    return true;
  }

  // Writes the block, if there is one. Returns false if it is lost, and with it
  // the file that it was for.
  bool Flush(int64_t now_ns) {
    if (block_.messages == 0) return true;
    const std::string fault = recording_->Write(block_);
    if (fault.empty()) {
      block_.Clear();
      if (lost_.messages > 0) TellGap(/*recovered=*/true);
      return true;
    }
    Lose(block_.messages, block_.text.size(), block_.first_ns, block_.last_ns);
    Fail(fault, now_ns);
    block_.Clear();
    CloseFile();
    return false;
  }

  bool OpenFile(int64_t now_ns) {
    if (!MayTry(now_ns)) return false;
    auto recording = std::make_unique<weir::Recording>(folder_.NewPath(now_ns),
                                                       options_.level);
    if (const std::string fault = recording->Open(); !fault.empty()) {
      Fail(fault, now_ns);
      return false;
    }
    recording_ = std::move(recording);
    file_ns_ = now_ns;
    file_bytes_ = 0;
    return true;
  }

  void CloseFile() {
    if (!recording_) return;
    const std::string fault = recording_->Finish();
    const weir::Recording::Totals totals = recording_->totals();
    const std::string path = recording_->path();
    recording_.reset();
    if (!fault.empty()) return TellError(fault);
    if (totals.messages == 0) return;
    weir::JsonText json;
    json.Begin('{').Key("path").Text(path);
    json.Key("messages").Number(totals.messages);
    json.Key("bytes").Number(totals.bytes);
    json.Key("packed_bytes").Number(totals.packed_bytes);
    json.Key("first_time").Text(weir::UtcText(totals.first_ns));
    json.Key("last_time").Text(weir::UtcText(totals.last_ns)).End('}');
    TellFile(path, json.text());
    RemoveOld();
  }

  // After a failure, whether it is time for a new file.
  bool MayTry(int64_t now_ns) const {
    // A clock that was set back must not keep us waiting.
    return now_ns >= retry_ns_ || retry_ns_ - now_ns > RetryNs();
  }
  // Events, too, go out this often only.
  int64_t RetryNs() const { return std::max(options_.flush_ns, kNsPerSecond); }

  // Says what went wrong, and that nothing is tried again for a while.
  void Fail(const std::string& fault, int64_t now_ns) {
    retry_ns_ = now_ns + RetryNs();
    TellError(fault + "; " + std::to_string(lost_.messages) +
              " messages are lost so far; a new file is tried in " +
              std::to_string(RetryNs() / kNsPerSecond) + " s");
  }

  void TellError(const std::string& text) const {
    host_.log(WEIR_SEVERITY_ERROR, text);
    weir::JsonText json;
    json.Begin('{').Key("text").Text(text);
    json.Key("lost_messages").Number(lost_.messages);
    json.Key("lost_bytes").Number(lost_.bytes).End('}');
    host_.emit({.kind = "recorder.error",
                .subject = options_.prefix,
                .json = json.text(),
                .severity = WEIR_SEVERITY_ERROR});
  }

  void Lose(uint64_t messages, uint64_t bytes, int64_t first_ns,
            int64_t last_ns) {
    if (lost_.messages == 0) lost_.first_ns = first_ns;
    lost_.messages += messages;
    lost_.bytes += bytes;
    lost_.last_ns = last_ns;
  }

  void TellGap(bool recovered) {
    weir::JsonText json;
    json.Begin('{').Key("messages").Number(lost_.messages);
    json.Key("bytes").Number(lost_.bytes);
    json.Key("first_time").Text(weir::UtcText(lost_.first_ns));
    json.Key("last_time").Text(weir::UtcText(lost_.last_ns));
    json.Key("recovered").Bool(recovered).End('}');
    host_.emit({.kind = "recorder.gap",
                .subject = options_.prefix,
                .json = json.text(),
                .severity = WEIR_SEVERITY_WARNING});
    host_.log(WEIR_SEVERITY_WARNING, std::to_string(lost_.messages) +
                                         " messages are missing from " +
                                         weir::UtcText(lost_.first_ns) +
                                         " to " + weir::UtcText(lost_.last_ns));
    lost_ = {};
  }

  void TellFile(std::string_view path, std::string_view json) const {
    host_.emit({.kind = "recorder.file",
                .subject = path.substr(path.rfind('/') + 1),
                .json = json});
  }

  void RecoverLeftovers() {
    std::vector<std::string> faults;
    for (const auto& file : folder_.RecoverLeftovers(&faults)) {
      host_.log(WEIR_SEVERITY_NOTICE,
                "finished " + file.path + ", which a killed process left; " +
                    std::to_string(file.cut_bytes) +
                    " bytes of a frame that was not whole are gone");
      weir::JsonText json;
      json.Begin('{').Key("path").Text(file.path);
      json.Key("bytes").Number(file.bytes);
      json.Key("recovered").Bool(true).End('}');
      TellFile(file.path, json.text());
    }
    for (const std::string& fault : faults) {
      host_.log(WEIR_SEVERITY_ERROR, "finishing what was left: " + fault);
    }
  }

  void RemoveOld() {
    if (options_.keep == 0) return;
    const std::string fault = folder_.RemoveAllBut(options_.keep);
    if (!fault.empty()) host_.log(WEIR_SEVERITY_ERROR, fault);
  }

  // The thread that writes what no further message pushes out.
  void FlushInTime() {
    const std::chrono::nanoseconds patience(options_.flush_ns);
    std::unique_lock lock(mu_);
    while (!ending_) {
      const SteadyClock::time_point now = SteadyClock::now();
      const bool waiting = block_.messages > 0;
      if (waiting && now - block_since_ >= patience) {
        Flush(host_.now_ns());
        continue;
      }
      changed_.wait_until(lock, (waiting ? block_since_ : now) + patience);
    }
  }

  const weir::Host host_;
  const Options options_;

  std::mutex mu_;
  std::condition_variable changed_;
  bool ending_ = false;
  weir::RecordingFolder folder_;
  std::unique_ptr<weir::Recording> recording_;  // Null between files.
  int64_t file_ns_ = 0;      // When the file's first message was received,
  uint64_t file_bytes_ = 0;  // and its bytes, those of the block included.
  weir::LineBlock block_;    // Empty without a recording.
  SteadyClock::time_point block_since_;
  int64_t retry_ns_ = INT64_MIN;
  Lost lost_;  // Since the last recorder.gap.
  std::thread flusher_;
};

}  // namespace

WEIR_PLUGIN(Recorder, "recorder", "1.0.0");
