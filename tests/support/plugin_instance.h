#ifndef WEIR_TESTS_SUPPORT_PLUGIN_INSTANCE_H_
#define WEIR_TESTS_SUPPORT_PLUGIN_INSTANCE_H_

#include <array>
#include <string>
#include <string_view>

#include "tests/support/loaded_plugin.h"
#include "weir/plugin_abi.h"
#include "weir/plugin_services.h"

namespace weir {

// An instance of a plugin, made as a host makes it: through the one symbol of
// its shared object. Lives as long as this; error() says why there is none.
class PluginInstance {
 public:
  PluginInstance(const std::string& path, const weir_host* host,
                 std::string_view config)
      : library_(path), table_(library_.Enter(WEIR_ABI_MAJOR)) {
    if (table_ == nullptr) {
      error_ = path + " has no entry";
      return;
    }
    std::array<char, 4096> text = {};
    weir_err err = {sizeof(err), text.size(), text.data(), 0};
    status_ =
        table_->create(host, {config.data(), config.size()}, &self_, &err);
    error_.assign(text.data(), err.len);
  }
  ~PluginInstance() {
    if (status_ == WEIR_OK) table_->destroy(self_);
  }

  PluginInstance(const PluginInstance&) = delete;
  PluginInstance& operator=(const PluginInstance&) = delete;

  weir_status status() const { return status_; }
  const std::string& error() const { return error_; }

  bool Wants(std::string_view type) const {
    return table_->wants_message(self_, {type.data(), type.size()}) == 1;
  }
  weir_status Handle(const weir_msg* message) {
    return table_->handle_message(self_, message);
  }
  // Of weir.timer/1.
  weir_status Tick() {
    const auto* const timer = static_cast<const weir_ext_timer*>(
        table_->get_ext(self_, WEIR_EXT_TIMER));
    return timer == nullptr ? WEIR_UNSUPPORTED : timer->tick(self_);
  }

 private:
  const LoadedPlugin library_;
  const weir_plugin* const table_;
  void* self_ = nullptr;
  weir_status status_ = WEIR_ERR;
  std::string error_;
};

}  // namespace weir

#endif  // WEIR_TESTS_SUPPORT_PLUGIN_INSTANCE_H_
