#pragma once

#include <cstdint>

/// The one symbol a plugin exports, and how it is made.
///
/// A plugin is bound to one release of Kiln: its messages are C++ types. The loader therefore compares the
/// ABI tag before it calls anything, and refuses a plugin built otherwise with both tags in the sentence.
namespace kiln {

class store_plugin;
class transport_plugin;

enum class plugin_kind : std::uint32_t { store = 1, transport = 2 };

struct plugin_descriptor {
  std::uint32_t size;  ///< of this struct, as the plugin saw it
  plugin_kind kind;
  const char* abi_tag;  ///< KILN_ABI_TAG (abi_tag.hpp) of the headers it was built with
  const char* name;     ///< the `type` in the configuration
  /// The plugin itself; lives for ever, never throws. Only the one of `kind` is not null.
  const store_plugin* (*store)() noexcept;
  const transport_plugin* (*transport)() noexcept;
};

/// The symbol's name, for the loader.
inline constexpr const char* plugin_symbol = "kiln_plugin";

}  // namespace kiln
