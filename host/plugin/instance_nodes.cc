#include "host/plugin/instance_nodes.h"

#include <algorithm>
#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "host/plugin/child_channel.h"
#include "host/plugin/weir_status.h"
#include "host/status/json_text.h"
#include "lib/steward/message.h"
#include "lib/steward/message_json.h"
#include "lib/steward/profile.h"
#include "weir/plugin_services.h"

namespace weir {
namespace {

constexpr size_t kMaxWord = 64;

int32_t StateOf(StewardProcessStatus::State state) {
  switch (state) {
    case StewardProcessStatus::State::kStarting:
      return WEIR_PROCESS_STARTING;
    case StewardProcessStatus::State::kRunning:
      return WEIR_PROCESS_RUNNING;
    case StewardProcessStatus::State::kStopped:
      return WEIR_PROCESS_STOPPED;
    case StewardProcessStatus::State::kEnded:
      return WEIR_PROCESS_ENDED;
  }
  return WEIR_PROCESS_STOPPED;
}

bool IsUtf8(absl::string_view text) { return ToUtf8(text) == text; }

// "subCopySrc.8f3a-1", "REQSUBCopySrc.8f3a-1".
bool IsSubProcess(absl::string_view method) {
  if (!absl::ConsumePrefix(&method, "sub") &&
      !absl::ConsumePrefix(&method, "REQSUB")) {
    return false;
  }
  const size_t dot = method.find('.');
  if (dot == absl::string_view::npos) return false;
  const absl::string_view name = method.substr(0, dot);
  const absl::string_view word = method.substr(dot + 1);
  return !name.empty() && name.size() <= kMaxWord &&
         absl::ascii_isupper(static_cast<unsigned char>(name.front())) &&
         std::all_of(name.begin(), name.end(),
                     [](unsigned char c) { return absl::ascii_isalnum(c); }) &&
         !word.empty() && word.size() <= kMaxWord &&
         std::all_of(word.begin(), word.end(), [](unsigned char c) {
           return absl::ascii_isalnum(c) || c == '-' || c == '_';
         });
}

// Nullptr if the node has none of `method`.
const StewardProcessStatus* Find(
    const std::vector<StewardProcessStatus>& processes,
    absl::string_view method) {
  const auto found = std::find_if(
      processes.begin(), processes.end(),
      [method](const auto& process) { return process.method == method; });
  return found == processes.end() ? nullptr : &*found;
}

NodeProcess Describe(StewardProcessStatus status) {
  return {.id = status.id,
          .state = StateOf(status.state),
          .configured = status.configured,
          .method = std::move(status.method),
          .subject = std::move(status.subject),
          .name = std::move(status.name),
          .why = std::move(status.why)};
}

std::string ListAfter(uint64_t id, const StewardNodeControl& node) {
  std::vector<NodeProcess> processes;
  for (StewardProcessStatus& status : node.Processes()) {
    if (status.id > id) processes.push_back(Describe(std::move(status)));
  }
  return EncodeProcesses(processes, ChildQuestion::kMaxValue);
}

void Tell(const absl::Status& status, const InstanceNodes::Done& done) {
  done(ToWeirStatus(status), status.message());
}

}  // namespace

void InstanceNodes::Make(const NodeCall& call, Done done) {
  if (!IsUtf8(call.source) || !IsUtf8(call.text) || !IsUtf8(call.sender)) {
    return done(WEIR_INVALID, "a text is no UTF-8");
  }
  const std::string source = absl::StrCat("sources/", call.source);
  StewardNodeControl* const node =
      slot_->nodes() == nullptr || !slot_->TakesFrom(call.source)
          ? nullptr
          : slot_->nodes()->Find(source);
  if (node == nullptr) {
    return done(WEIR_NOT_FOUND,
                absl::StrCat("\"", call.source,
                             "\" is no node that this plugin has to do with"));
  }
  StewardOutbox* const outbox =
      slot_->outboxes() == nullptr ? nullptr : slot_->outboxes()->Find(source);
  switch (call.kind) {
    case NodeCall::Kind::kDescribe:
      return done(
          WEIR_OK,
          EncodeNode(
              {.name = node->node(),
               .profile = std::string(steward::ProfileName(node->profile())),
               .public_key =
                   outbox == nullptr ? std::string() : outbox->public_key()}));
    case NodeCall::Kind::kSend:
      return Send(outbox, call.text, std::move(done));
    case NodeCall::Kind::kList:
      return done(WEIR_OK, ListAfter(call.after, *node));
    case NodeCall::Kind::kStart:
      return Tell(Start(call, *node), done);
    case NodeCall::Kind::kStop:
      return Tell(Stop(call, *node), done);
  }
}

void InstanceNodes::Send(StewardOutbox* outbox, const std::string& json,
                         Done done) const {
  if (outbox == nullptr) {
    return done(WEIR_UNSUPPORTED,
                "the node does not send; give its source a `sending`");
  }
  absl::StatusOr<std::vector<steward::Message>> messages =
      steward::MessagesFromJson(json, kMaxMessages);
  if (!messages.ok()) return Tell(messages.status(), done);
  size_t expanded = 0;
  size_t bytes = 0;
  for (const steward::Message& message : *messages) {
    const size_t nodes =
        message.to_nodes.has_value() && !message.to_nodes->empty()
            ? message.to_nodes->size()
            : 1;
    expanded += nodes;
    bytes += nodes * steward::ContentSize(message);
  }
  if (expanded > kMaxExpanded || bytes > kMaxExpandedBytes) {
    return done(
        WEIR_INVALID,
        absl::StrCat("for all toNodes these are ", expanded, " messages of ",
                     bytes, " bytes; at most ", kMaxExpanded, " of ",
                     kMaxExpandedBytes, " at once"));
  }
  outbox->Post(
      *std::move(messages),
      [done = std::move(done)](const absl::Status& kept) { Tell(kept, done); });
}

absl::Status InstanceNodes::Start(const NodeCall& call,
                                  StewardNodeControl& node) {
  if (call.sender.empty()) return node.StartConfigured(call.text).status();
  if (!IsSubProcess(call.text)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "\"", call.text,
        "\": what takes messages of one sender alone is called subNAME.WORD"));
  }
  // Held for the call, so that nothing is started behind End.
  MutexLock lock(&mu_);
  if (ended_) return absl::UnavailableError("the instance ends");
  const Key key(call.source, call.text);
  if (started_.count(key) == 0) {
    const std::vector<StewardProcessStatus> processes = node.Processes();
    if (Find(processes, call.text) != nullptr) {
      return absl::AlreadyExistsError(
          absl::StrCat("somebody else has the process ", call.text));
    }
    if (started_.size() >= kMaxStarted) {
      return absl::ResourceExhaustedError(absl::StrCat(
          "the plugin has ", kMaxStarted, " processes; stop one of them"));
    }
  }
  const std::string kind = call.text.substr(0, call.text.find('.'));
  if (kinds_.count(kind) == 0 && kinds_.size() >= kMaxKinds) {
    return absl::ResourceExhaustedError(absl::StrCat(
        "the plugin has named ", kMaxKinds, " kinds of sub-processes; ", kind,
        " would be one more: put what differs behind the dot"));
  }
  StewardProcessSettings settings;
  settings.method = call.text;
  settings.allowed_senders = {call.sender};
  const absl::Status started = node.Start(settings).status();
  if (started.ok()) {
    started_.insert(key);
    kinds_.insert(kind);
  }
  return started;
}

absl::Status InstanceNodes::Stop(const NodeCall& call,
                                 StewardNodeControl& node) {
  MutexLock lock(&mu_);
  const bool own = started_.erase(Key(call.source, call.text)) > 0;
  if (!own && IsSubProcess(call.text)) {
    const std::vector<StewardProcessStatus> processes = node.Processes();
    const StewardProcessStatus* const found = Find(processes, call.text);
    if (found != nullptr && !found->configured) {
      return absl::FailedPreconditionError(
          absl::StrCat("the process ", call.text, " is somebody else's"));
    }
  }
  return node.Stop(call.text).status();
}

void InstanceNodes::End() {
  MutexLock lock(&mu_);
  ended_ = true;
  for (const auto& [source, method] : started_) {
    StewardNodeControl* const node =
        slot_->nodes()->Find(absl::StrCat("sources/", source));
    if (node != nullptr) node->Stop(method).status().IgnoreError();
  }
  started_.clear();
}

}  // namespace weir
