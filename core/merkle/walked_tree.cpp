#include "core/merkle/walked_tree.hpp"

#include <algorithm>
#include <limits>

namespace kiln {
namespace {

void add_saturated(std::uint64_t& to, std::uint64_t more) noexcept {
  to = more > std::numeric_limits<std::uint64_t>::max() - to ? std::numeric_limits<std::uint64_t>::max()
                                                             : to + more;
}

void add_below(walked_tree::unfolded& to, const walked_tree::unfolded& below) noexcept {
  add_saturated(to.folders, below.folders);
  add_saturated(to.files, below.files);
  add_saturated(to.links, below.links);
  add_saturated(to.bytes, below.bytes);
  to.depth = std::max(to.depth, below.depth + 1);
}

}  // namespace

std::optional<walked_tree::place> walked_tree::find(place root, std::string_view path) const noexcept {
  while (!path.empty()) {
    const auto name = path.substr(0, path.find('/'));
    path.remove_prefix(std::min(path.size(), name.size() + 1));
    const auto all = children(root);
    const auto found = std::lower_bound(
        all.begin(), all.end(), name,
        [this](const child& one, std::string_view wanted) { return (*this)[one.name] < wanted; });
    if (found == all.end() || (*this)[found->name] != name) return std::nullopt;
    root = found->directory;
  }
  return root;
}

// Each directory when all that it holds are measured. It descends by a list, not by the stack: a tree may be
// as deep as it has directories.
expected<walked_tree::unfolded> walked_tree::measure(place root) const {
  if (root == nothing) return unfolded{};
  struct step {
    place at;
    std::size_t next = 0;  // of its children
  };
  enum class state : std::uint8_t { unseen, open, measured };
  std::vector<state> states(directories_.size(), state::unseen);
  std::vector<unfolded> sums(directories_.size());
  std::vector<step> way{{root}};
  states[root] = state::open;
  while (!way.empty()) {
    auto& [at, next] = way.back();
    const auto below = children(at);
    if (next < below.size()) {
      const auto child = below[next].directory;
      if (child == nothing || states[child] == state::measured) {
        add_below(sums[at], child == nothing ? unfolded{} : sums[child]);
        ++next;
        continue;
      }
      if (states[child] == state::open)
        return fail(errc::invalid_argument, "directory {} holds itself", directories_[child]);
      states[child] = state::open;
      way.push_back({child});
      continue;
    }
    for (const auto& one : files(at))
      add_saturated(sums[at].bytes, static_cast<std::uint64_t>(blob(one.blob).size));
    add_saturated(sums[at].files, files(at).size());
    add_saturated(sums[at].links, links(at).size());
    states[at] = state::measured;
    way.pop_back();
  }
  return sums[root];
}

std::uint64_t walked_tree::memory() const noexcept {
  const auto ranges = children_of_.capacity() + files_of_.capacity() + links_of_.capacity();
  return directories_.memory() + blobs_.memory() + ranges * sizeof(range) +
         children_.capacity() * sizeof(child) + files_.capacity() * sizeof(file) +
         links_.capacity() * sizeof(link) + texts_.capacity();
}

}  // namespace kiln
