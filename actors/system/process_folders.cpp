#include "actors/system/process_folders.hpp"

#include <cstdlib>
#include <filesystem>

namespace kiln {
namespace {

namespace fs = std::filesystem;

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string() : std::string(value);
}

}  // namespace

std::string binary_folder() {
  std::error_code fault;
  auto self = fs::read_symlink("/proc/self/exe", fault);
  return fault ? std::string(".") : self.parent_path().string();
}

std::string plugin_folder() {
  if (auto chosen = variable("KILN_PLUGINS"); !chosen.empty()) return chosen;
  fs::path here = binary_folder();
  for (const char* candidate : {"../lib/kiln/plugins", "../" KILN_INSTALL_LIBDIR "/kiln/plugins"}) {
    std::error_code fault;
    if (auto folder = fs::weakly_canonical(here / candidate, fault);
        !fault && fs::is_directory(folder, fault))
      return folder.string();
  }
  return (here / "../lib/kiln/plugins").lexically_normal().string();
}

std::string user_cache_folder() {
  if (auto cache = variable("XDG_CACHE_HOME"); cache.starts_with('/')) return cache + "/kiln";
  if (auto home = variable("HOME"); home.starts_with('/')) return home + "/.cache/kiln";
  return "/var/cache/kiln";
}

}  // namespace kiln
