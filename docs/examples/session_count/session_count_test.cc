// What the guide shows of the host's services, run.
#undef NDEBUG  // Any test framework will do; this one is assert.
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>

#include "weir/message_fields.h"
#include "weir/plugin_abi.h"
#include "weir/plugin_services.h"
#include "weir/testing.h"

// The end of a session with 192.0.2.1.
struct Down {
  weir_address peer = {4, {}, {192, 0, 2, 1}};
  char state[4] = {'d', 'o', 'w', 'n'};
  weir_field fields[2] = {
      {WEIR_FIELD_BGP_PEER, WEIR_KIND_ADDRESS, 0, 0, sizeof(weir_address), 1},
      {WEIR_FIELD_BGP_STATE, WEIR_KIND_STRING, 0, sizeof(weir_address), 4, 1}};
};

void Handle(const weir_plugin* plugin, void* self) {
  const Down down;
  weir_msg view = {};
  view.struct_size = sizeof(view);
  view.base = reinterpret_cast<const uint8_t*>(&down);
  view.data_len = sizeof(down);
  view.fields = down.fields;
  view.n_fields = 2;
  assert(plugin->handle_message(self, &view) == WEIR_OK);
}

int main() {
  weir::FakeHost host;
  const weir_plugin* plugin =
      weir_plugin_entry_v1(WEIR_ABI_MAJOR, WEIR_ABI_MINOR);
  void* self = nullptr;
  host.key_values()["days"] = "41";
  assert(plugin->create(host.table(), {"{}", 2}, &self, nullptr) == WEIR_OK);
  const auto* timer =
      static_cast<const weir_ext_timer*>(plugin->get_ext(self, WEIR_EXT_TIMER));
  assert(timer->interval_ns(self) == 60'000'000'000);

  Handle(plugin, self);
  Handle(plugin, self);
  const auto* state =
      static_cast<const weir_ext_state*>(plugin->get_ext(self, WEIR_EXT_STATE));
  std::string saved;
  const auto write = [](void* to, const void* data, uint64_t len) {
    static_cast<std::string*>(to)->append(static_cast<const char*>(data), len);
    return weir_status{WEIR_OK};
  };
  assert(state->save(self, write, &saved, nullptr) == WEIR_OK);
  assert(state->load(self, "garbage", 7, nullptr) == WEIR_EXCEPTION);
  assert(state->load(self, saved.data(), saved.size(), nullptr) == WEIR_OK);

  host.AskToStop(true);
  assert(timer->tick(self) == WEIR_OK);
  assert(host.emitted().empty());
  host.AskToStop(false);
  host.losses().dropped_full = 5;
  assert(timer->tick(self) == WEIR_OK);
  assert(host.emitted().size() == 1);
  assert(host.emitted()[0].subject == "192.0.2.1");
  assert(host.emitted()[0].json == "2");
  assert(host.degraded() == "5 messages never came here");
  assert(host.metric("session_ends_total")[0] == 2);
  for (int i = 0; i < 24 * 60; ++i) assert(timer->tick(self) == WEIR_OK);
  assert(host.degraded().empty());
  assert(host.key_values()["days"] == "42");
  plugin->destroy(self);
}
