#ifndef WEIR_TESTS_SUPPORT_STEWARD_MESSAGE_H_
#define WEIR_TESTS_SUPPORT_STEWARD_MESSAGE_H_

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "weir/message_fields.h"
#include "weir/plugin_abi.h"

namespace weir {

// A message between steward nodes as a decoder hands it to a plugin, for tests
// of plugins: each part is set once at most.
//
//   StewardMessage(kFile).To("node2").From("node1").In("d", "f.log").view()
class StewardMessage {
 public:
  explicit StewardMessage(uint16_t type_id, uint64_t seq = 1) {
    view_.struct_size = sizeof(view_);
    view_.type_id = type_id;
    view_.seq = seq;
  }

  StewardMessage& Profile(std::string_view profile) {
    return Add(WEIR_FIELD_STEWARD_PROFILE, WEIR_KIND_STRING, profile, 1);
  }
  StewardMessage& To(std::string_view node) {
    return Add(WEIR_FIELD_STEWARD_TO_NODE, WEIR_KIND_STRING, node, 1);
  }
  StewardMessage& From(std::string_view node) {
    return Add(WEIR_FIELD_STEWARD_FROM_NODE, WEIR_KIND_STRING, node, 1);
  }
  StewardMessage& Method(std::string_view method) {
    return Add(WEIR_FIELD_STEWARD_METHOD, WEIR_KIND_STRING, method, 1);
  }
  StewardMessage& Id(int64_t id) { return Number(WEIR_FIELD_STEWARD_ID, id); }
  StewardMessage& Data(std::string_view data) {
    return Add(WEIR_FIELD_STEWARD_DATA, WEIR_KIND_BYTES, data, 1);
  }
  StewardMessage& Args(const std::vector<std::string>& args) {
    std::string list;
    uint32_t end = 0;
    for (const std::string& arg : args) {
      end += static_cast<uint32_t>(arg.size());
      list.append(reinterpret_cast<const char*>(&end), sizeof(end));
    }
    for (const std::string& arg : args) list += arg;
    return Add(WEIR_FIELD_STEWARD_ARGS, WEIR_KIND_STRINGS, list,
               static_cast<uint32_t>(args.size()));
  }
  // Seconds.
  StewardMessage& Timeout(int64_t seconds) {
    return Number(WEIR_FIELD_STEWARD_TIMEOUT, seconds);
  }
  StewardMessage& In(std::string_view directory, std::string_view file) {
    Add(WEIR_FIELD_STEWARD_DIRECTORY, WEIR_KIND_STRING, directory, 1);
    return Add(WEIR_FIELD_STEWARD_FILE_NAME, WEIR_KIND_STRING, file, 1);
  }
  // It answers a message that was sent to that node.
  StewardMessage& Answers(std::string_view node, std::string_view directory,
                          std::string_view file) {
    Number(WEIR_FIELD_STEWARD_REQUEST_ID, 42);
    Add(WEIR_FIELD_STEWARD_REQUEST_TO_NODE, WEIR_KIND_STRING, node, 1);
    Add(WEIR_FIELD_STEWARD_REQUEST_DIRECTORY, WEIR_KIND_STRING, directory, 1);
    return Add(WEIR_FIELD_STEWARD_REQUEST_FILE_NAME, WEIR_KIND_STRING, file, 1);
  }

  // Valid until the StewardMessage is changed or gone.
  const weir_msg* view() {
    view_.base = reinterpret_cast<const uint8_t*>(data_.data());
    view_.data_len = static_cast<uint32_t>(data_.size());
    view_.fields = fields_.data();
    view_.n_fields = static_cast<uint32_t>(fields_.size());
    return &view_;
  }

 private:
  StewardMessage& Number(uint16_t key, int64_t number) {
    const auto bits = static_cast<uint64_t>(number);
    fields_.push_back({key, WEIR_KIND_INT, 0, static_cast<uint32_t>(bits),
                       static_cast<uint32_t>(bits >> 32), 1});
    return *this;
  }
  // What is empty is absent, as a decoder has it.
  StewardMessage& Add(uint16_t key, uint8_t kind, std::string_view bytes,
                      uint32_t count) {
    if (bytes.empty()) return *this;
    data_.resize((data_.size() + 7) / 8 * 8);
    fields_.push_back({key, kind, 0, static_cast<uint32_t>(data_.size()),
                       static_cast<uint32_t>(bytes.size()), count});
    data_ += bytes;
    return *this;
  }

  weir_msg view_ = {};
  std::vector<weir_field> fields_;
  std::string data_;
};

}  // namespace weir

#endif  // WEIR_TESTS_SUPPORT_STEWARD_MESSAGE_H_
