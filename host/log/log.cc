#include "host/log/log.h"

#include <atomic>
#include <cstdio>
#include <memory>
#include <utility>

#include "absl/strings/escaping.h"
#include "host/status/json_text.h"
#include "spdlog/sinks/basic_file_sink.h"
#include "spdlog/sinks/stdout_sinks.h"
#include "spdlog/spdlog.h"

namespace weir {
namespace {

spdlog::level::level_enum ToLevel(Severity severity) {
  switch (severity) {
    case Severity::kDebug:
      return spdlog::level::debug;
    case Severity::kInfo:
    case Severity::kNotice:
      return spdlog::level::info;
    case Severity::kWarning:
      return spdlog::level::warn;
    case Severity::kError:
      return spdlog::level::err;
    case Severity::kCritical:
      return spdlog::level::critical;
  }
  return spdlog::level::info;
}

// Syslog's numbers, which journald reads.
int ToPriority(Severity severity) {
  switch (severity) {
    case Severity::kDebug:
      return 7;
    case Severity::kInfo:
      return 6;
    case Severity::kNotice:
      return 5;
    case Severity::kWarning:
      return 4;
    case Severity::kError:
      return 3;
    case Severity::kCritical:
      return 2;
  }
  return 6;
}

struct Destination {
  std::shared_ptr<spdlog::logger> logger;
  LogFormat format = LogFormat::kText;
};

std::shared_ptr<const Destination> MakeDestination(const LogOptions& options,
                                                   spdlog::sink_ptr sink) {
  auto destination = std::make_shared<Destination>();
  destination->logger =
      std::make_shared<spdlog::logger>("weir", std::move(sink));
  destination->format = options.format;
  destination->logger->set_level(ToLevel(options.level));
  destination->logger->flush_on(spdlog::level::trace);
  switch (options.format) {
    case LogFormat::kText:
      destination->logger->set_pattern("%Y-%m-%d %H:%M:%S.%e %l %v");
      break;
    case LogFormat::kJson:
      destination->logger->set_pattern(
          R"({"time":"%Y-%m-%dT%H:%M:%S.%e%z","level":"%l",%v})");
      break;
    case LogFormat::kJournald:
      destination->logger->set_pattern("%v");
      break;
  }
  return destination;
}

// Never destroyed: whoever logs last may do so while the process ends.
std::shared_ptr<const Destination>& Current() {
  static auto& current = *new std::shared_ptr<const Destination>(
      MakeDestination({}, std::make_shared<spdlog::sinks::stderr_sink_mt>()));
  return current;
}

std::string Printable(absl::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f) {
      absl::StrAppend(&out, "\\x",
                      absl::Hex(static_cast<int>(byte), absl::kZeroPad2));
    } else {
      out += c;
    }
  }
  return out;
}

}  // namespace

absl::Status ConfigureLog(const LogOptions& options) {
  spdlog::sink_ptr sink;
  if (options.file.empty()) {
    sink = std::make_shared<spdlog::sinks::stderr_sink_mt>();
  } else {
    try {
      sink = std::make_shared<spdlog::sinks::basic_file_sink_mt>(options.file);
    } catch (const spdlog::spdlog_ex& e) {
      return absl::FailedPreconditionError(
          absl::StrCat("opening the log file ", options.file, ": ", e.what()));
    }
  }
  std::atomic_store(&Current(), MakeDestination(options, std::move(sink)));
  return absl::OkStatus();
}

void WriteLog(Severity severity, absl::string_view area,
              absl::string_view text) {
  const auto destination = std::atomic_load(&Current());
  const auto level = ToLevel(severity);
  if (!destination->logger->should_log(level)) return;
  std::string line;
  switch (destination->format) {
    case LogFormat::kText:
      line = absl::StrCat(area, ": ", Printable(text));
      break;
    case LogFormat::kJson:
      line = absl::StrCat("\"area\":", ToJsonString(area),
                          ",\"text\":", ToJsonString(text));
      break;
    case LogFormat::kJournald:
      line = absl::StrCat("<", ToPriority(severity), ">", area, ": ",
                          Printable(text));
      break;
  }
  destination->logger->log(level, "{}", line);
}

}  // namespace weir
