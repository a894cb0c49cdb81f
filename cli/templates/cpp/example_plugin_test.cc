// Drives the plugin as the host does: through the one symbol that it exports.
#undef NDEBUG  // Any test framework will do; this one is assert.
#include <cassert>

#include "weir/plugin_abi.h"
#include "weir/testing.h"

int main() {
  weir::FakeHost host;
  host.NameSources({"ris-live"});
  const weir_plugin* plugin =
      weir_plugin_entry_v1(WEIR_ABI_MAJOR, WEIR_ABI_MINOR);
  void* self = nullptr;
  assert(plugin->create(host.table(), {"{}", 2}, &self, nullptr) == WEIR_OK);
  assert(plugin->queue_capacity(self) > 0);
  assert(plugin->wants_message(self, {"UPDATE", 6}) == 1);
  assert(plugin->wants_message(self, {"STATE", 5}) == 0);

  weir_msg message = {};
  message.struct_size = sizeof(message);
  for (int i = 0; i < 999; ++i) {
    assert(plugin->handle_message(self, &message) == WEIR_OK);
  }
  assert(host.emitted().empty());
  assert(plugin->handle_message(self, &message) == WEIR_OK);
  assert(host.emitted().size() == 1);
  assert(host.emitted()[0].kind == "updates.seen");
  assert(host.emitted()[0].subject == "ris-live");
  assert(host.emitted()[0].json == R"({"text":"seen 1000 updates"})");

  plugin->destroy(self);
}
