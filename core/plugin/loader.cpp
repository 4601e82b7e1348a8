#include "core/plugin/loader.hpp"

#include <dlfcn.h>

#include <algorithm>
#include <exception>
#include <filesystem>
#include <string_view>
#include <system_error>

#include "core/plugin/abi_tag.hpp"

namespace kiln {
namespace {

template <class Plugin>
kind_table schemas_of(const std::map<std::string, const Plugin*>& plugins) {
  kind_table schemas;
  for (const auto& [name, plugin] : plugins) schemas.emplace(name, plugin->schema());
  return schemas;
}

template <class Plugin>
const Plugin* find_in(const std::map<std::string, const Plugin*>& plugins, const std::string& name) noexcept {
  auto found = plugins.find(name);
  return found == plugins.end() ? nullptr : found->second;
}

template <class Plugin>
expected<void> keep(std::map<std::string, const Plugin*>& plugins, const char* name, const Plugin* plugin) {
  if (plugin == nullptr)
    return fail(errc::failed_precondition, "\"{}\" threw while its schema was made", name);
  if (!plugins.emplace(name, plugin).second)
    return fail(errc::failed_precondition, "another plugin is called \"{}\" already", name);
  return {};
}

// A plugin's static objects may throw while they are made, and that passes through dlopen. Its declaration
// says noexcept, which would end the process; a call through this pointer says nothing.
expected<void*> open_library(const std::string& path) {
  using open_function = void* (*)(const char*, int);
  const volatile open_function open = ::dlopen;
  try {
    if (void* library = open(path.c_str(), RTLD_NOW | RTLD_LOCAL)) return library;
    std::string_view why = ::dlerror();
    if (why.starts_with(path + ": ")) why.remove_prefix(path.size() + 2);
    return fail(errc::failed_precondition, "plugin {}: {}", path, why);
  } catch (const std::exception& fault) {
    return fail(errc::failed_precondition, "plugin {}: it threw while it was loaded: {}", path, fault.what());
  } catch (...) {
    return fail(errc::failed_precondition, "plugin {}: it threw while it was loaded", path);
  }
}

}  // namespace

expected<void> plugin_registry::admit(const plugin_descriptor& descriptor) {
  // The tag comes first: with another ABI, nothing behind it means what it says here.
  if (std::string_view(descriptor.abi_tag) != KILN_ABI_TAG || descriptor.size != sizeof(plugin_descriptor))
    return fail(errc::failed_precondition,
                "it was built for another Kiln (its ABI tag is \"{}\", this binary's is \"{}\"); build it "
                "anew against "
                "this release",
                descriptor.abi_tag, KILN_ABI_TAG);
  if (descriptor.kind == plugin_kind::store) return keep(stores_, descriptor.name, descriptor.store());
  return keep(transports_, descriptor.name, descriptor.transport());
}

expected<void> plugin_registry::load(const std::string& path) {
  auto library = open_library(path);
  if (!library) return failure(library.error());
  auto* descriptor = static_cast<const plugin_descriptor*>(::dlsym(*library, plugin_symbol));
  if (descriptor == nullptr)
    return fail(errc::failed_precondition, "plugin {}: it exports no symbol {}", path, plugin_symbol);
  if (auto admitted = admit(*descriptor); !admitted) return with_context(admitted.error(), "plugin {}", path);
  return {};
}

expected<void> plugin_registry::load_folder(const std::string& folder) {
  std::error_code fault;
  std::vector<std::string> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder, fault)) {
    auto name = entry.path().filename().string();
    if (name.starts_with("kiln_") && name.ends_with(".so")) files.push_back(entry.path().string());
  }
  if (fault) return fail(errc::not_found, "plugin folder {}: {}", folder, fault.message());
  std::sort(files.begin(), files.end());
  for (const auto& file : files)
    if (auto loaded = load(file); !loaded) return loaded;
  return {};
}

expected<void> plugin_registry::add(const char* name, const transport_plugin& transport) {
  return keep(transports_, name, &transport);
}

const store_plugin* plugin_registry::store(const std::string& name) const noexcept {
  return find_in(stores_, name);
}

const transport_plugin* plugin_registry::transport(const std::string& name) const noexcept {
  return find_in(transports_, name);
}

kind_table plugin_registry::store_schemas() const {
  return schemas_of(stores_);
}

kind_table plugin_registry::transport_schemas() const {
  return schemas_of(transports_);
}

}  // namespace kiln
