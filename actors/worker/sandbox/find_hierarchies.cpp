#include "actors/worker/sandbox/find_hierarchies.hpp"

#include <algorithm>
#include <sstream>

namespace kiln {
namespace {

struct mount {
  std::string root;
  std::string point;
  std::vector<std::string> options;  ///< of the file system: for version 1 its controllers
  bool unified = false;
};

std::vector<std::string> split(const std::string& text, char at) {
  std::vector<std::string> parts;
  std::istringstream all(text);
  for (std::string part; std::getline(all, part, at);)
    if (!part.empty()) parts.push_back(part);
  return parts;
}

std::vector<mount> mounts_of_groups(std::string_view text) {
  std::vector<mount> found;
  std::istringstream lines{std::string(text)};
  for (std::string line; std::getline(lines, line);) {
    auto words = split(line, ' ');
    auto dash = std::find(words.begin(), words.end(), "-");
    if (words.size() < 6 || words.end() - dash < 4) continue;
    const auto& type = dash[1];
    if (type != "cgroup" && type != "cgroup2") continue;
    found.push_back({words[3], words[4], split(dash[3], ','), type == "cgroup2"});
  }
  return found;
}

/// Below the mount, if it shows it.
bool place(const mount& in, const std::string& path, std::string& into) {
  std::string below = path;
  if (in.root != "/") {
    if (!path.starts_with(in.root)) return false;
    below = path.substr(in.root.size());
    if (!below.empty() && below.front() != '/') return false;
  }
  while (below.ends_with('/')) below.pop_back();
  into = in.point + below;
  return true;
}

}  // namespace

std::vector<seen_hierarchy> find_hierarchies(std::string_view groups, std::string_view mounts) {
  const auto known = mounts_of_groups(mounts);
  std::vector<seen_hierarchy> found;
  std::istringstream lines{std::string(groups)};
  for (std::string line; std::getline(lines, line);) {
    const auto first = line.find(':');
    const auto second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) continue;
    seen_hierarchy one;
    one.controllers = split(line.substr(first + 1, second - first - 1), ',');
    one.unified = one.controllers.empty();
    const auto path = line.substr(second + 1);
    for (const auto& in : known) {
      const bool same =
          one.unified
              ? in.unified
              : !in.unified &&
                    std::all_of(one.controllers.begin(), one.controllers.end(), [&](const auto& name) {
                      return std::find(in.options.begin(), in.options.end(), name) != in.options.end();
                    });
      if (!same || !place(in, path, one.own)) continue;
      found.push_back(one);
      break;
    }
  }
  return found;
}

}  // namespace kiln
