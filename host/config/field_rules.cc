#include "host/config/field_rules.h"

#include <algorithm>
#include <limits>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/duration.pb.h"
#include "host/config/field_text.h"
#include "host/config/host_port.h"
#include "host/config/walk_fields.h"

namespace weir {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

constexpr double kNoLimit = std::numeric_limits<double>::infinity();

// Fields are named in full, without "weir.v1.".
constexpr absl::string_view kRequired[] = {
    "SourceConfig.id",
    "NakadiSource.url",
    "NakadiPartition.event_type",
    "NakadiPartition.partition",
    "NatsSource.servers",
    "StewardNode.node",
    "StewardNode.profile",
    "StewardNode.processes",
    "StewardProcess.method",
    "ReplayFileSource.path",
    "JetStreamSource.servers",
    "JetStreamSource.stream",
    "JetStreamSource.durable",
    "SinkConfig.id",
    "NatsSink.servers",
    "FrameTcpSink.connect",
    "NakadiSink.url",
    "NakadiSink.event_type",
    "FileSink.path",
    "WebhookSink.url",
    "EmailSink.smtp_url",
    "EmailSink.from",
    "EmailSink.to",
    "ExecSink.argv",
    "StewardSink.source",
    "StewardSink.to_node",
    "StewardSink.method",
};

// Inclusive bounds; of durations, in seconds. Those not named here have 0 as
// their lower bound and none above.
struct Bounds {
  absl::string_view field;
  double min;
  double max = kNoLimit;
};
constexpr double kNanosecond = 1e-9;  // Anything but 0.
constexpr Bounds kBounds[] = {
    {"ApiLimits.max_streams_per_connection", 1},
    {"ApiLimits.filter_memory_bytes", 1},
    {"ApiLimits.write_stall_timeout", kNanosecond},
    {"ApiLimits.grpc_memory_bytes", 1},
    {"ApiLimits.publish_limit_per_second", 1},
    {"BackoffConfig.initial", kNanosecond},
    {"BackoffConfig.max", kNanosecond},
    {"BackoffConfig.multiplier", 1},
    {"BackoffConfig.jitter", 0, 1},
    {"BrokerConfig.commit_interval", kNanosecond, 1},
    {"BrokerConfig.retention_age", kNanosecond},
    {"BrokerConfig.retention_bytes", 1},
    {"BrokerConfig.ring_bytes", 1},
    {"BrokerConfig.ring_age", kNanosecond},
    {"BrokerConfig.ring_events", 1},
    {"BrokerConfig.max_concurrent_replays", 1},
    {"FrameTcpSource.frame_timeout", kNanosecond},
    // Shorter, and a busy machine has its messages taken away.
    {"JetStreamSource.ack_wait", 1},
    {"NakadiSource.flush_timeout", 1},
    {"NakadiSource.commit_timeout", 1, 60},
    {"NakadiSource.connect_timeout", kNanosecond},
    {"NakadiSource.read_timeout", kNanosecond},
    {"PluginSettings.capacity", 1, 1048576},
    {"PluginSettings.emit_ring_events", 1},
    {"PluginSettings.soft_deadline", kNanosecond},
    {"PluginSettings.hard_deadline", kNanosecond},
    {"PluginSettings.create_deadline", kNanosecond},
    {"PluginSettings.drain_timeout", 0, 60},
    {"PluginsConfig.scan_interval", kNanosecond},
    {"PluginsConfig.max_capacity", 1, 1048576},
    {"PluginsConfig.max_queued_bytes", 1},
    {"RisLiveSource.read_timeout", kNanosecond},
    {"RisLiveSource.connect_timeout", kNanosecond},
    {"SourceConfig.max_payload_bytes", 1},
    {"StewardSending.hello_interval", 1},
    {"StewardSending.max_bytes", 1},
    // Less is a busy loop where nobody subscribes.
    {"StewardSending.min_retry_wait", 0.01},
};

std::string FullName(const FieldDescriptor& field) {
  return absl::StrCat(field.containing_type()->name(), ".", field.name());
}

// A duration's seconds, or a number; what is neither is within all bounds.
bool NumberOf(const FieldAt& at, double* number) {
  const google::protobuf::Reflection& r = *at.message.GetReflection();
  if (at.field.is_repeated()) return false;
  switch (at.field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_UINT32:
      *number = r.GetUInt32(at.message, &at.field);
      return true;
    case FieldDescriptor::CPPTYPE_UINT64:
      *number = static_cast<double>(r.GetUInt64(at.message, &at.field));
      return true;
    case FieldDescriptor::CPPTYPE_DOUBLE:
      *number = r.GetDouble(at.message, &at.field);
      return true;
    case FieldDescriptor::CPPTYPE_MESSAGE: {
      // A time is no number with a bound.
      if (at.field.message_type() != google::protobuf::Duration::descriptor()) {
        return false;
      }
      google::protobuf::Duration duration;
      duration.CopyFrom(r.GetMessage(at.message, &at.field));
      *number = static_cast<double>(duration.seconds()) +
                static_cast<double>(duration.nanos()) * 1e-9;
      return true;
    }
    default:
      return false;
  }
}

// A bound in the unit of its field.
std::string BoundText(double bound, const FieldDescriptor& field) {
  return field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE
             ? absl::FormatDuration(absl::Seconds(bound))
             : NumberText(bound);
}

void CheckBounds(const FieldAt& at, FaultList* faults) {
  double number = 0;
  if (!NumberOf(at, &number)) return;
  Bounds bounds = {"", 0};
  for (const Bounds& row : kBounds) {
    if (row.field == FullName(at.field)) bounds = row;
  }
  const std::string text = ToText(at.message, at.field, at.index);
  if (number < bounds.min) {
    faults->Add(at.path,
                bounds.min == kNanosecond
                    ? absl::StrCat(text, " is too short; it must be above 0s")
                    : absl::StrCat(text, " is too small; at least ",
                                   BoundText(bounds.min, at.field)));
  } else if (number > bounds.max) {
    faults->Add(at.path, absl::StrCat(text, " is too large; at most ",
                                      BoundText(bounds.max, at.field)));
  }
}

// ------------------------------------------------------------------- forms

bool IsId(absl::string_view id) {
  const auto is_inner = [](unsigned char c) {
    return absl::ascii_islower(c) || absl::ascii_isdigit(c) || c == '-';
  };
  return !id.empty() && id.size() <= 63 && absl::ascii_islower(id[0]) &&
         id.back() != '-' && std::all_of(id.begin(), id.end(), is_inner);
}

absl::Status CheckId(absl::string_view id) {
  if (IsId(id)) return absl::OkStatus();
  return absl::InvalidArgumentError(
      "no id; 1 to 63 lower-case letters, digits and \"-\", with a letter "
      "first "
      "and no \"-\" last");
}

absl::Status CheckDigest(absl::string_view digest) {
  if (digest.size() == 64 &&
      std::all_of(digest.begin(), digest.end(), absl::ascii_isxdigit)) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      "no SHA-256; write the 64 hexadecimal digits that sha256sum prints");
}

absl::Status CheckModule(absl::string_view module) {
  if (module.find('/') != absl::string_view::npos) {
    return absl::InvalidArgumentError(
        "holds a \"/\"; write the file's name alone and its folder in "
        "plugins.folders");
  }
  if (!absl::EndsWith(module, ".so") || module.size() == 3) {
    return absl::InvalidArgumentError("no module; its name ends in .so");
  }
  return absl::OkStatus();
}

absl::Status CheckAddress(absl::string_view address) {
  return ParseHostPort(address).status();
}

// One that is connected to.
absl::Status CheckPeerAddress(absl::string_view address) {
  const absl::StatusOr<HostPort> parsed = ParseHostPort(address);
  if (!parsed.ok()) return parsed.status();
  if (parsed->port != 0) return absl::OkStatus();
  return absl::InvalidArgumentError(
      "port 0 is nobody's; write the one that the peer listens on");
}

// As Nakadi's API has them: the name becomes a part of a URL.
absl::Status CheckEventType(absl::string_view name) {
  const auto is_inner = [](unsigned char c) {
    return absl::ascii_isalnum(c) || c == '-' || c == '_' || c == '.';
  };
  if (name.size() <= 255 && absl::ascii_isalpha(name[0]) &&
      std::all_of(name.begin(), name.end(), is_inner)) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      "no event type; 1 to 255 letters, digits, \"-\", \"_\" and \".\", with a "
      "letter first");
}

// A stream or a consumer of JetStream: a word of a subject, and a part of a
// file's name.
absl::Status CheckJetStreamName(absl::string_view name) {
  const auto is_bad = [](unsigned char c) {
    return c <= ' ' || c == 0x7f ||
           absl::string_view(".*>/\\").find(c) != absl::string_view::npos;
  };
  if (name.size() <= 255 && std::none_of(name.begin(), name.end(), is_bad)) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      "no name for JetStream; up to 255 characters, without blanks, \".\", "
      "\"*\", \">\", \"/\" and \"\\\"");
}

// What a consumer reads of its stream.
absl::Status CheckSubjectFilter(absl::string_view filter) {
  const std::vector<absl::string_view> words = absl::StrSplit(filter, '.');
  for (size_t i = 0; i < words.size(); ++i) {
    const bool rest = words[i] == ">" && i + 1 < words.size();
    if (words[i].empty() || rest ||
        words[i].find_first_of(" \t") != absl::string_view::npos) {
      return absl::InvalidArgumentError(
          "no subject; write words with dots between, \"*\" for any one and "
          "\">\" as the last for all that follow");
    }
  }
  return absl::OkStatus();
}

// One or several, with commas between.
absl::Status CheckAddresses(absl::string_view addresses) {
  for (const absl::string_view one : absl::StrSplit(addresses, ',')) {
    const absl::Status status = CheckAddress(absl::StripAsciiWhitespace(one));
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status CheckUnixPath(absl::string_view path) {
  // sun_path of unix(7) has 108 bytes, one of them for the end.
  if (path.size() > 107) {
    return absl::InvalidArgumentError(absl::StrCat(
        "a path of ", path.size(), " bytes; a Unix socket takes at most 107"));
  }
  if (path.empty()) return absl::InvalidArgumentError("empty; write a path");
  return absl::OkStatus();
}

absl::Status CheckMode(absl::string_view mode) {
  if ((mode.size() == 3 || (mode.size() == 4 && mode[0] == '0')) &&
      mode.find_first_not_of("01234567") == absl::string_view::npos) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      "no file mode; write three octal digits, as \"0660\"");
}

struct Form {
  absl::string_view field;
  absl::Status (*check)(absl::string_view value);
};
constexpr Form kForms[] = {
    {"Listener.tcp", CheckAddress},
    {"Listener.unix", CheckUnixPath},
    {"Listener.mode", CheckMode},
    {"SourceConfig.id", CheckId},
    {"RisLiveSource.url", CheckHttpUrl},
    {"NakadiSource.url", CheckHttpUrl},
    {"FrameTcpSource.listen", CheckAddresses},
    {"FrameTcpSource.connect", CheckPeerAddress},
    {"JetStreamSource.stream", CheckJetStreamName},
    {"JetStreamSource.durable", CheckJetStreamName},
    {"JetStreamSource.filter_subject", CheckSubjectFilter},
    {"PluginsConfig.allowed_sha256", CheckDigest},
    {"PluginConfig.id", CheckId},
    {"PluginConfig.module", CheckModule},
    {"PluginConfig.sha256", CheckDigest},
    {"SinkConfig.id", CheckId},
    {"NakadiSink.event_type", CheckEventType},
    {"FrameTcpSink.connect", CheckPeerAddress},
    {"NakadiSink.url", CheckHttpUrl},
    {"WebhookSink.url", CheckHttpUrl},
};

void CheckForm(const FieldAt& at, FaultList* faults) {
  if (at.field.cpp_type() != FieldDescriptor::CPPTYPE_STRING) return;
  const std::string name = FullName(at.field);
  const std::string text = ToText(at.message, at.field, at.index);
  for (const Form& form : kForms) {
    if (form.field != name) continue;
    if (const absl::Status status = form.check(text); !status.ok()) {
      faults->Add(at.path, absl::StrCat("\"", text, "\": ", status.message()));
    }
  }
}

// What `message`, at `path`, must have and has not.
void CheckRequired(const Message& message, const std::string& path,
                   FaultList* faults) {
  const google::protobuf::Descriptor& type = *message.GetDescriptor();
  const google::protobuf::Reflection& reflection = *message.GetReflection();
  for (int i = 0; i < type.field_count(); ++i) {
    const FieldDescriptor& field = *type.field(i);
    const bool is_set = field.is_repeated()
                            ? reflection.FieldSize(message, &field) > 0
                            : reflection.HasField(message, &field);
    if (!is_set && std::count(std::begin(kRequired), std::end(kRequired),
                              FullName(field)) > 0) {
      faults->Add(FieldPath(path, field), "required, and not set; set it");
    }
  }
}

}  // namespace

void CheckFieldRules(const Message& message, const std::string& path,
                     FaultList* faults) {
  WalkFields(message, path, [&](const FieldAt& at) {
    CheckBounds(at, faults);
    CheckForm(at, faults);
    const bool is_message =
        at.field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE &&
        !at.field.is_map();
    if (is_message) CheckRequired(at.Child(), at.path, faults);
    return true;
  });
}

}  // namespace weir
