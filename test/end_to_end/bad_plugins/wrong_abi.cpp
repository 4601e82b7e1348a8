#include "core/plugin/descriptor.hpp"

// Built with the headers of another release: whatever it points to must not be called.
namespace {
const kiln::store_plugin* called_by_mistake() noexcept {
  __builtin_trap();
}
}  // namespace

extern "C" {
extern __attribute__((visibility("default"))) const kiln::plugin_descriptor kiln_plugin;
}
const kiln::plugin_descriptor kiln_plugin = {sizeof(kiln::plugin_descriptor),
                                             kiln::plugin_kind::store,
                                             "kiln-contract-0 of-another-release",
                                             "wrong_abi",
                                             &called_by_mistake,
                                             nullptr};
