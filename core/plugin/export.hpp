#pragma once

#include "core/plugin/abi_tag.hpp"
#include "core/plugin/plugin.hpp"

/// How a plugin is exported. For the one file of it that says so: what is included here changes with every
/// header of the contract.

#define KILN_PLUGIN(kind_, name_, store_, transport_)                                      \
  extern "C" {                                                                             \
  extern __attribute__((visibility("default"))) const kiln::plugin_descriptor kiln_plugin; \
  }                                                                                        \
  const kiln::plugin_descriptor kiln_plugin = {                                            \
      sizeof(kiln::plugin_descriptor), kind_, KILN_ABI_TAG, name_, store_, transport_};

/// KILN_STORE_PLUGIN("verify", verify_schema, spawn_verify_store), at global scope, in one file of the
/// plugin: `schema<Options> verify_schema()` and `expected<store_actor> spawn_verify_store(const Options&,
/// const store_context&)`. A fourth argument is `expected<store_promises> verify_promises(const Options&,
/// const promises_of&)`: what the store promises (promises.hpp), or why it cannot be configured like that.
#define KILN_STORE_PLUGIN(name_, schema_, spawn_, ...)                                                 \
  KILN_PLUGIN(                                                                                         \
      kiln::plugin_kind::store, name_,                                                                 \
      (&kiln::detail::only_plugin<kiln::store_plugin, &schema_, &spawn_ __VA_OPT__(, &) __VA_ARGS__>), \
      nullptr)

#define KILN_TRANSPORT_PLUGIN(name_, schema_, make_)        \
  KILN_PLUGIN(kiln::plugin_kind::transport, name_, nullptr, \
              (&kiln::detail::only_plugin<kiln::transport_plugin, &schema_, &make_>))
