#include "core/base/memory_limit.hpp"

#include <unistd.h>

#include <fstream>
#include <optional>
#include <sstream>
#include <string_view>
#include <vector>

namespace kiln {
namespace {

/// A hierarchy of cgroups that counts memory, as it is mounted.
struct hierarchy {
  bool unified = false;
  std::string top;    // which cgroup is mounted: a container sees its own as the topmost
  std::string mount;  // where
};

/// One line of /proc/self/mountinfo, in which spaces are written as \040.
std::optional<hierarchy> hierarchy_of(const std::string& line) {
  auto unescaped = [](const std::string& word) {
    std::string plain;
    for (std::size_t i = 0; i < word.size(); ++i)
      if (word[i] == '\\' && i + 3 < word.size()) {
        plain += static_cast<char>((word[i + 1] - '0') * 64 + (word[i + 2] - '0') * 8 + (word[i + 3] - '0'));
        i += 3;
      } else {
        plain += word[i];
      }
    return plain;
  };
  std::istringstream words(line);
  std::string number, parent, device, top, mount, word, type, source, super;
  words >> number >> parent >> device >> top >> mount;
  while (words >> word && word != "-") {
  }
  words >> type >> source >> super;
  const bool counts_memory = ("," + super + ",").find(",memory,") != std::string::npos;
  if (type != "cgroup2" && !(type == "cgroup" && counts_memory)) return std::nullopt;
  return hierarchy{type == "cgroup2", unescaped(top), unescaped(mount)};
}

/// The process's cgroup in that hierarchy: /proc/self/cgroup has lines "number:controllers:path".
std::optional<std::string> own_cgroup(const std::string& root, bool unified) {
  std::ifstream file(root + "/proc/self/cgroup");
  for (std::string line; std::getline(file, line);) {
    auto first = line.find(':');
    auto second = line.find(':', first == std::string::npos ? first : first + 1);
    if (second == std::string::npos) continue;
    auto controllers = "," + line.substr(first + 1, second - first - 1) + ",";
    if (unified ? controllers == ",," : controllers.find(",memory,") != std::string::npos)
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

/// A cgroup file holds a number or "max"; version 1 says "no limit" with a number near 2^63.
void apply(memory_bound& least, const std::string& root, const std::string& path) {
  std::uint64_t value = 0;
  std::ifstream file(root + path);
  if (file >> value && value < least.bytes) least = {value, path};
}

}  // namespace

memory_bound find_memory_limit(const std::string& root) {
  memory_bound least{static_cast<std::uint64_t>(::sysconf(_SC_PHYS_PAGES)) *
                         static_cast<std::uint64_t>(::sysconf(_SC_PAGE_SIZE)),
                     "the machine"};
  std::ifstream mounts(root + "/proc/self/mountinfo");
  for (std::string line; std::getline(mounts, line);) {
    auto found = hierarchy_of(line);
    if (!found) continue;
    auto own = own_cgroup(root, found->unified);
    if (!own) continue;
    // A limit holds for all below it, so each on the way up may be the one that is met first.
    for (auto at = below(*own, found->top);; at.resize(at.rfind('/'))) {
      if (found->unified) {
        apply(least, root, found->mount + at + "/memory.max");
        apply(least, root, found->mount + at + "/memory.high");
      } else {
        apply(least, root, found->mount + at + "/memory.limit_in_bytes");
      }
      if (at.empty()) break;
    }
  }
  return least;
}

}  // namespace kiln
