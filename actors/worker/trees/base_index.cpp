#include "actors/worker/trees/base_index.hpp"

#include <algorithm>
#include <utility>

namespace kiln {
namespace {

constexpr std::uint64_t most_memory = std::uint64_t{64} << 20;
// What many trees hold tells them apart no better than the first few do.
constexpr std::size_t most_alike = 64;

}  // namespace

base_index::base_index(const clock& time)
    : walks_({.max_weight = most_memory, .policy = eviction_policy::lru}, time,
             [this](const digest& root, std::shared_ptr<const walked_tree>&& walk, eviction) {
               forget(root, *walk);
             }) {}

void base_index::add(const digest& root, std::shared_ptr<const walked_tree> walk) {
  if (walks_.contains(root)) return;
  const auto& known = *walk;
  // A line of the table takes about as much as a digest, twice.
  const auto weight = known.memory() + known.directories().size() * 4 * sizeof(digest);
  if (!walks_.insert(root, std::move(walk), weight)) return;
  for (const auto& directory : known.directories()) trees_with_.emplace(directory, root);
  latest_ = root;
}

void base_index::remove(const digest& root) {
  walks_.erase(root);
}

void base_index::forget(const digest& root, const walked_tree& walk) {
  for (const auto& directory : walk.directories()) {
    auto [at, end] = trees_with_.equal_range(directory);
    for (; at != end; ++at) {
      if (at->second != root) continue;
      trees_with_.erase(at);
      break;
    }
  }
}

std::vector<base_index::candidate> base_index::best_for(const walked_tree& wanted, std::size_t most) {
  std::unordered_map<digest, std::uint64_t> shared;
  for (walked_tree::place at = 0; at < wanted.directories().size(); ++at) {
    auto [begin, end] = trees_with_.equal_range(wanted.directory(at));
    const auto worth = 1 + wanted.files(at).size() + wanted.links(at).size();
    for (std::size_t seen = 0; begin != end && seen < most_alike; ++begin, ++seen)
      shared[begin->second] += worth;
  }
  std::vector<std::pair<std::uint64_t, digest>> order;
  order.reserve(shared.size());
  for (const auto& [root, worth] : shared) order.emplace_back(worth, root);
  std::sort(order.begin(), order.end(), [](const auto& a, const auto& b) { return a.first > b.first; });
  std::vector<candidate> best;
  auto add = [&](const digest& root) {
    if (best.size() == most) return;
    if (const auto* walk = walks_.find(root)) best.push_back({root, *walk});
  };
  for (const auto& [worth, root] : order)
    if (best.size() + 1 < most) add(root);
  if (!shared.contains(latest_)) add(latest_);
  return best;
}

}  // namespace kiln
