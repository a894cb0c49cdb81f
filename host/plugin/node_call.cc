#include "host/plugin/node_call.h"

#include <cstring>
#include <utility>

namespace weir {
namespace {

template <typename T>
void PutNumber(T number, std::string* to) {
  to->append(reinterpret_cast<const char*>(&number), sizeof(number));
}

void PutText(absl::string_view text, std::string* to) {
  PutNumber(static_cast<uint32_t>(text.size()), to);
  to->append(text.data(), text.size());
}

// Takes what was put, in the same order, and believes none of it.
class Taker {
 public:
  explicit Taker(absl::string_view bytes) : left_(bytes) {}

  template <typename T>
  T Number() {
    T number = {};
    if (left_.size() < sizeof(number)) {
      ok_ = false;
      return number;
    }
    std::memcpy(&number, left_.data(), sizeof(number));
    left_.remove_prefix(sizeof(number));
    return number;
  }
  std::string Text(size_t max) {
    const auto size = Number<uint32_t>();
    if (!ok_ || size > left_.size() || size > max) {
      ok_ = false;
      return {};
    }
    std::string text(left_.substr(0, size));
    left_.remove_prefix(size);
    return text;
  }

  bool ok() const { return ok_; }
  bool at_end() const { return ok_ && left_.empty(); }

 private:
  absl::string_view left_;
  bool ok_ = true;
};

constexpr size_t kAnyLength = SIZE_MAX;

}  // namespace

std::string EncodeProcessChange(const ProcessChange& change) {
  std::string bytes;
  PutNumber(static_cast<uint8_t>(change.started ? 1 : 0), &bytes);
  PutText(change.source, &bytes);
  PutText(change.node, &bytes);
  PutText(change.method, &bytes);
  return bytes;
}

std::optional<ProcessChange> DecodeProcessChange(absl::string_view bytes) {
  Taker from(bytes);
  ProcessChange change;
  change.started = from.Number<uint8_t>() != 0;
  change.source = from.Text(kAnyLength);
  change.node = from.Text(kAnyLength);
  change.method = from.Text(kAnyLength);
  if (!from.at_end()) return std::nullopt;
  return change;
}

std::string EncodeNodeCall(const NodeCall& call) {
  std::string bytes;
  bytes.reserve(32 + call.source.size() + call.text.size() +
                call.sender.size());
  PutNumber(static_cast<uint32_t>(call.kind), &bytes);
  PutNumber(call.after, &bytes);
  PutText(call.source, &bytes);
  PutText(call.text, &bytes);
  PutText(call.sender, &bytes);
  return bytes;
}

std::optional<NodeCall> DecodeNodeCall(absl::string_view bytes) {
  Taker from(bytes);
  NodeCall call;
  const auto kind = from.Number<uint32_t>();
  call.kind = static_cast<NodeCall::Kind>(kind);
  call.after = from.Number<uint64_t>();
  call.source = from.Text(NodeCall::kMaxSource);
  call.text =
      from.Text(call.kind == NodeCall::Kind::kSend ? NodeCall::kMaxMessages
                                                   : NodeCall::kMaxName);
  call.sender = from.Text(NodeCall::kMaxName);
  if (!from.at_end() ||
      kind < static_cast<uint32_t>(NodeCall::Kind::kDescribe) ||
      kind > static_cast<uint32_t>(NodeCall::Kind::kStop)) {
    return std::nullopt;
  }
  return call;
}

std::string EncodeNode(const NodeDescription& node) {
  std::string bytes;
  PutText(node.name, &bytes);
  PutText(node.profile, &bytes);
  PutText(node.public_key, &bytes);
  return bytes;
}

std::optional<NodeDescription> DecodeNode(absl::string_view bytes) {
  Taker from(bytes);
  NodeDescription node;
  node.name = from.Text(kAnyLength);
  node.profile = from.Text(kAnyLength);
  node.public_key = from.Text(kAnyLength);
  if (!from.at_end()) return std::nullopt;
  return node;
}

std::string EncodeProcesses(const std::vector<NodeProcess>& processes,
                            size_t max_bytes) {
  std::string bytes;
  for (const NodeProcess& process : processes) {
    const size_t before = bytes.size();
    PutNumber(process.id, &bytes);
    PutNumber(process.state, &bytes);
    PutNumber(static_cast<uint8_t>(process.configured ? 1 : 0), &bytes);
    PutText(process.method, &bytes);
    PutText(process.subject, &bytes);
    PutText(process.name, &bytes);
    PutText(process.why, &bytes);
    if (bytes.size() > max_bytes) {
      bytes.resize(before);
      break;
    }
  }
  return bytes;
}

std::optional<std::vector<NodeProcess>> DecodeProcesses(
    absl::string_view bytes) {
  Taker from(bytes);
  std::vector<NodeProcess> processes;
  while (!from.at_end()) {
    NodeProcess process;
    process.id = from.Number<uint64_t>();
    process.state = from.Number<int32_t>();
    process.configured = from.Number<uint8_t>() != 0;
    process.method = from.Text(kAnyLength);
    process.subject = from.Text(kAnyLength);
    process.name = from.Text(kAnyLength);
    process.why = from.Text(kAnyLength);
    if (!from.ok()) return std::nullopt;
    processes.push_back(std::move(process));
  }
  return processes;
}

}  // namespace weir
