#include "host/plugin/child_event.h"

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <utility>
#include <vector>

#include "weir/message_fields.h"

namespace weir {
namespace {

struct Head {
  int64_t time_ns;
  int32_t severity;
  uint32_t kind, subject, json;  // Lengths.
  uint32_t n_prefixes, n_as_numbers, n_labels;
  uint32_t reserved;  // 0; no byte of a record is left to chance.
};

// Far more than any event may have; keeps counts gone wrong from asking for
// memory.
constexpr uint32_t kMaxCount = 1024;

void Append(std::string& to, const void* data, size_t size) {
  if (size > 0) to.append(static_cast<const char*>(data), size);
}

// Takes parts from the front of bytes, as long as there are enough.
class Reader {
 public:
  explicit Reader(absl::string_view bytes) : left_(bytes) {}

  bool Copy(void* to, size_t size) {
    if (size > left_.size()) return false;
    if (size > 0) std::memcpy(to, left_.data(), size);
    left_.remove_prefix(size);
    return true;
  }

  bool View(uint32_t size, weir_str& to) {
    if (size > left_.size()) return false;
    to = {left_.data(), size};
    left_.remove_prefix(size);
    return true;
  }

  bool at_end() const { return left_.empty(); }

 private:
  absl::string_view left_;
};

}  // namespace

std::string EncodeChildEvent(const weir_event& event) {
  const Head head = {
      .time_ns = event.time_ns,
      .severity = event.severity,
      .kind = static_cast<uint32_t>(event.kind.len),
      .subject = static_cast<uint32_t>(event.subject.len),
      .json = static_cast<uint32_t>(event.json.len),
      .n_prefixes = event.n_prefixes,
      .n_as_numbers = event.n_as_numbers,
      .n_labels = event.n_labels,
      .reserved = 0,
  };
  std::string bytes;
  bytes.reserve(sizeof(head) + event.kind.len + event.subject.len +
                event.json.len + event.n_prefixes * sizeof(weir_prefix));
  Append(bytes, &head, sizeof(head));
  for (const weir_str& text : {event.kind, event.subject, event.json}) {
    Append(bytes, text.data, text.len);
  }
  Append(bytes, event.prefixes, event.n_prefixes * sizeof(weir_prefix));
  Append(bytes, event.as_numbers, event.n_as_numbers * sizeof(uint32_t));
  for (uint32_t i = 0; i < event.n_labels; ++i) {
    const weir_label& label = event.labels[i];
    const uint32_t sizes[] = {static_cast<uint32_t>(label.key.len),
                              static_cast<uint32_t>(label.value.len)};
    Append(bytes, sizes, sizeof(sizes));
    Append(bytes, label.key.data, label.key.len);
    Append(bytes, label.value.data, label.value.len);
  }
  return bytes;
}

struct ChildEvent::Parts {
  std::string bytes;
  std::vector<weir_prefix> prefixes;
  std::vector<uint32_t> as_numbers;
  std::vector<weir_label> labels;
  weir_event event = {};
};

ChildEvent::ChildEvent(std::unique_ptr<Parts> parts)
    : parts_(std::move(parts)) {}
ChildEvent::~ChildEvent() = default;

const weir_event& ChildEvent::event() const { return parts_->event; }

std::unique_ptr<const ChildEvent> ChildEvent::Decode(std::string bytes) {
  auto parts = std::make_unique<Parts>();
  parts->bytes = std::move(bytes);
  Reader reader(parts->bytes);
  Head head = {};
  weir_event& event = parts->event;
  if (!reader.Copy(&head, sizeof(head)) || head.n_prefixes > kMaxCount ||
      head.n_as_numbers > kMaxCount || head.n_labels > kMaxCount ||
      !reader.View(head.kind, event.kind) ||
      !reader.View(head.subject, event.subject) ||
      !reader.View(head.json, event.json)) {
    return nullptr;
  }
  parts->prefixes.resize(head.n_prefixes);
  parts->as_numbers.resize(head.n_as_numbers);
  parts->labels.resize(head.n_labels);
  if (!reader.Copy(parts->prefixes.data(),
                   head.n_prefixes * sizeof(weir_prefix)) ||
      !reader.Copy(parts->as_numbers.data(),
                   head.n_as_numbers * sizeof(uint32_t))) {
    return nullptr;
  }
  for (weir_label& label : parts->labels) {
    uint32_t sizes[2] = {};
    if (!reader.Copy(sizes, sizeof(sizes)) ||
        !reader.View(sizes[0], label.key) ||
        !reader.View(sizes[1], label.value)) {
      return nullptr;
    }
  }
  if (!reader.at_end()) return nullptr;
  event.struct_size = sizeof(weir_event);
  event.severity = head.severity;
  event.time_ns = head.time_ns;
  event.prefixes = parts->prefixes.data();
  event.as_numbers = parts->as_numbers.data();
  event.labels = parts->labels.data();
  event.n_prefixes = head.n_prefixes;
  event.n_as_numbers = head.n_as_numbers;
  event.n_labels = head.n_labels;
  return std::unique_ptr<const ChildEvent>(new ChildEvent(std::move(parts)));
}

}  // namespace weir
