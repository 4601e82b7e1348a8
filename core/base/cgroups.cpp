#include "core/base/cgroups.hpp"

#include <fcntl.h>

#include <algorithm>
#include <sstream>
#include <utility>

namespace kiln {
namespace {

constexpr std::size_t longest_text = 1 << 20;

std::vector<std::string> split(std::string_view text, char at) {
  std::vector<std::string> parts;
  std::istringstream all{std::string(text)};
  for (std::string part; std::getline(all, part, at);)
    if (!part.empty()) parts.push_back(std::move(part));
  return parts;
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

/// A hierarchy of cgroups, as it is mounted.
struct cgroup_mount {
  cgroup_version version = cgroup_version::one;
  std::string top;                   // which cgroup is mounted
  std::string point;                 // where
  std::vector<std::string> options;  // of version 1: its controllers, and others
};

/// One line of /proc/self/mountinfo.
std::optional<cgroup_mount> mount_of(const std::string& line) {
  const auto words = split(line, ' ');
  const auto dash = std::find(words.begin(), words.end(), "-");
  if (words.size() < 6 || words.end() - dash < 4) return std::nullopt;
  const auto& type = dash[1];
  if (type != "cgroup" && type != "cgroup2") return std::nullopt;
  return cgroup_mount{type == "cgroup2" ? cgroup_version::two : cgroup_version::one, unescaped(words[3]),
                      unescaped(words[4]), split(dash[3], ',')};
}

/// The process's own group in a hierarchy.
struct membership {
  std::vector<std::string> controllers;  // none: of version 2
  std::string path;
};

/// One line of /proc/self/cgroup: "number:controllers:path".
std::optional<membership> membership_of(const std::string& line) {
  const auto first = line.find(':');
  const auto second = line.find(':', first == std::string::npos ? first : first + 1);
  if (second == std::string::npos) return std::nullopt;
  return membership{split(std::string_view(line).substr(first + 1, second - first - 1), ','),
                    line.substr(second + 1)};
}

bool is_in(const membership& one, const cgroup_mount& in) {
  if (in.version == cgroup_version::two) return one.controllers.empty();
  return !one.controllers.empty() &&
         std::all_of(one.controllers.begin(), one.controllers.end(), [&](const auto& name) {
           return std::find(in.options.begin(), in.options.end(), name) != in.options.end();
         });
}

/// `path` as seen from the cgroup that is mounted: empty for that itself.
std::optional<std::string> below(const std::string& path, const std::string& top) {
  std::string_view rest = path;
  if (top != "/") {
    if (!rest.starts_with(top)) return std::nullopt;
    rest.remove_prefix(top.size());
    if (!rest.empty() && rest.front() != '/') return std::nullopt;
  }
  if (rest.find("/..") != std::string_view::npos) return std::nullopt;
  while (rest.ends_with('/')) rest.remove_suffix(1);
  return std::string(rest);
}

}  // namespace

std::vector<own_cgroup> find_own_cgroups(std::string_view groups, std::string_view mounts) {
  std::vector<membership> own;
  for (const auto& line : split(groups, '\n'))
    if (auto one = membership_of(line)) own.push_back(std::move(*one));
  std::vector<own_cgroup> found;
  for (const auto& line : split(mounts, '\n')) {
    const auto mounted = mount_of(line);
    if (!mounted) continue;
    for (const auto& one : own)
      if (is_in(one, *mounted))
        found.push_back({mounted->version, one.controllers, mounted->point, below(one.path, mounted->top)});
  }
  return found;
}

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
  for (const auto& one : find_own_cgroups(*own, *mounts)) {
    const bool counts =
        one.version == cgroup_version::two ||
        std::find(one.controllers.begin(), one.controllers.end(), controller) != one.controllers.end();
    if (!counts) continue;
    // Of one that is out of sight, what is mounted may be above it.
    for (auto at = one.below.value_or("");; at.resize(at.rfind('/'))) {
      each(one.mount + at, one.version);
      if (at.empty()) break;
    }
  }
}

}  // namespace kiln
