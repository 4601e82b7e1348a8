#include "core/base/cgroups.hpp"

#include <fcntl.h>

#include <sstream>
#include <utility>

namespace kiln {
namespace {

constexpr std::size_t longest_text = 1 << 20;

/// A hierarchy of cgroups, as it is mounted.
struct hierarchy {
  cgroup_version version = cgroup_version::one;
  std::string top;    // which cgroup is mounted
  std::string mount;  // where
};

bool names_controller(const std::string& list, std::string_view controller) {
  return ("," + list + ",").find("," + std::string(controller) + ",") != std::string::npos;
}

/// Words of /proc/self/mountinfo have their spaces written as \040.
std::string unescaped(const std::string& word) {
  std::string plain;
  for (std::size_t i = 0; i < word.size(); ++i)
    if (word[i] == '\\' && i + 3 < word.size()) {
      plain += static_cast<char>((word[i + 1] - '0') * 64 + (word[i + 2] - '0') * 8 + (word[i + 3] - '0'));
      i += 3;
    } else {
      plain += word[i];
    }
  return plain;
}

/// One line of /proc/self/mountinfo.
std::optional<hierarchy> hierarchy_of(const std::string& line, std::string_view controller) {
  std::istringstream words(line);
  std::string number, parent, device, top, mount, word, type, source, super;
  words >> number >> parent >> device >> top >> mount;
  while (words >> word && word != "-") {
  }
  words >> type >> source >> super;
  if (type == "cgroup2") return hierarchy{cgroup_version::two, unescaped(top), unescaped(mount)};
  if (type != "cgroup" || !names_controller(super, controller)) return std::nullopt;
  return hierarchy{cgroup_version::one, unescaped(top), unescaped(mount)};
}

/// The process's cgroup in such a hierarchy: /proc/self/cgroup has lines "number:controllers:path".
std::optional<std::string> own_cgroup(const std::string& text, cgroup_version version,
                                      std::string_view controller) {
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    auto first = line.find(':');
    auto second = line.find(':', first == std::string::npos ? first : first + 1);
    if (second == std::string::npos) continue;
    const auto controllers = line.substr(first + 1, second - first - 1);
    if (version == cgroup_version::two ? controllers.empty() : names_controller(controllers, controller))
      return line.substr(second + 1);
  }
  return std::nullopt;
}

/// `path` as seen from the cgroup that is mounted; empty for that itself, and for one outside of it.
std::string below(const std::string& path, const std::string& top) {
  std::string_view rest = path;
  if (top != "/") {
    if (!rest.starts_with(top)) return {};
    rest.remove_prefix(top.size());
    if (!rest.empty() && rest.front() != '/') return {};
  }
  if (rest.find("/..") != std::string_view::npos) return {};
  while (rest.ends_with('/')) rest.remove_suffix(1);
  return std::string(rest);
}

}  // namespace

std::optional<std::string> system_text(disk& on, const std::string& path) {
  auto file = on.open(descriptor(), path.c_str(), O_RDONLY);
  if (!file) return std::nullopt;
  std::string text;
  // Files of /proc have no size, and are read until there is no more.
  for (std::size_t read = 0;; text.resize(read)) {
    constexpr std::size_t piece = 4096;
    text.resize(read + piece);
    auto more = on.read(*file, {text.data() + read, piece}, read);
    if (!more) return std::nullopt;
    read += *more;
    if (*more > 0 && read < longest_text) continue;
    text.resize(read);
    return text;
  }
}

void each_own_cgroup(disk& on, const std::string& root, std::string_view controller,
                     const std::function<void(const std::string& folder, cgroup_version)>& each) {
  const auto own = system_text(on, root + "/proc/self/cgroup");
  const auto mounts = system_text(on, root + "/proc/self/mountinfo");
  if (!own || !mounts) return;
  std::istringstream lines(*mounts);
  for (std::string line; std::getline(lines, line);) {
    auto found = hierarchy_of(line, controller);
    if (!found) continue;
    auto path = own_cgroup(*own, found->version, controller);
    if (!path) continue;
    for (auto at = below(*path, found->top);; at.resize(at.rfind('/'))) {
      each(found->mount + at, found->version);
      if (at.empty()) break;
    }
  }
}

}  // namespace kiln
