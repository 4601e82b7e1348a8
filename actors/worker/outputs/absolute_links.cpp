#include "actors/worker/outputs/absolute_links.hpp"

#include <algorithm>
#include <cstddef>
#include <vector>

namespace kiln {
namespace {

using path_parts = std::vector<std::string_view>;

path_parts parts_of(std::string_view path) {
  path_parts parts;
  while (!path.empty()) {
    const auto slash = std::min(path.find('/'), path.size());
    const auto part = path.substr(0, slash);
    if (!part.empty() && part != ".") parts.push_back(part);
    path.remove_prefix(std::min(slash + 1, path.size()));
  }
  return parts;
}

bool leads_out(path_parts::const_iterator part, path_parts::const_iterator end) {
  for (std::ptrdiff_t depth = 0; part != end; ++part)
    if ((depth += *part == ".." ? -1 : 1) < 0) return true;
  return false;
}

}  // namespace

std::optional<std::string> relative_target(std::string_view root, std::string_view path,
                                           std::string_view target) {
  const auto to = parts_of(target);
  const auto top = parts_of(root);
  auto [beyond, rest] = std::mismatch(top.begin(), top.end(), to.begin(), to.end());
  if (root.empty() || beyond != top.end() || leads_out(rest, to.end())) return std::nullopt;
  auto from = parts_of(path);
  if (!from.empty()) from.pop_back();
  auto above = from.begin();
  // What both lie in; a ".." behind it leads to the same place from there.
  for (; above != from.end() && rest != to.end() && *above == *rest; ++above) ++rest;
  std::string relative;
  for (; above != from.end(); ++above) relative += "../";
  for (; rest != to.end(); ++rest) (relative += *rest) += '/';
  if (relative.empty()) return ".";
  relative.pop_back();
  return relative;
}

}  // namespace kiln
