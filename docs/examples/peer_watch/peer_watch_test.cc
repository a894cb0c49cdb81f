// Drives the plugin as the host does: through the one symbol that it exports.
#undef NDEBUG  // Any test framework will do; this one is assert.
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "weir/message_fields.h"
#include "weir/plugin_abi.h"
#include "weir/testing.h"

// A STATE message: fields lie behind its first byte, where `off` says.
struct StateMessage {
  weir_address peer = {4, {}, {192, 0, 2, 1}};
  char state[4] = {};
  weir_field fields[2] = {};
  weir_msg view = {};
};

void Handle(const weir_plugin* plugin, void* self, const char* state) {
  StateMessage message;
  const auto length = static_cast<uint32_t>(std::strlen(state));
  std::memcpy(message.state, state, length);
  message.fields[0] = {WEIR_FIELD_BGP_PEER,          WEIR_KIND_ADDRESS,    0,
                       offsetof(StateMessage, peer), sizeof(weir_address), 1};
  message.fields[1] = {WEIR_FIELD_BGP_STATE,          WEIR_KIND_STRING, 0,
                       offsetof(StateMessage, state), length,           1};
  message.view.struct_size = sizeof(weir_msg);
  message.view.base = reinterpret_cast<const uint8_t*>(&message);
  message.view.data_len = sizeof(message);
  message.view.fields = message.fields;
  message.view.n_fields = 2;
  assert(plugin->handle_message(self, &message.view) == WEIR_OK);
}

int main() {
  weir::FakeHost host;
  const weir_plugin* plugin =
      weir_plugin_entry_v1(WEIR_ABI_MAJOR, WEIR_ABI_MINOR);
  void* self = nullptr;
  assert(plugin->create(host.table(), {"{}", 2}, &self, nullptr) == WEIR_OK);
  assert(plugin->wants_message(self, {"STATE", 5}) == 1);
  assert(plugin->wants_message(self, {"UPDATE", 6}) == 0);

  Handle(plugin, self, "up");
  assert(host.emitted().empty());
  Handle(plugin, self, "down");
  assert(host.emitted().size() == 1);
  assert(host.emitted()[0].kind == "peer.down");
  assert(host.emitted()[0].subject == "192.0.2.1");
  plugin->destroy(self);
}
