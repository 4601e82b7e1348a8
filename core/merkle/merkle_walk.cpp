#include "core/merkle/merkle_walk.hpp"

#include <algorithm>
#include <cassert>
#include <utility>

#include "core/merkle/directory_reading.hpp"

namespace kiln {
namespace {

// Of names and of entries in a walked tree: both are numbered by 32 bits.
constexpr std::uint64_t max_numbered = (std::uint64_t{1} << 32) - 1;

}  // namespace

merkle_walk::merkle_walk(digest_function function, const walk_rules& rules) : rules_(rules) {
  assert(rules.detail < walk_detail::paths || rules.max_bytes <= max_numbered);
  tree_.empty_ = digest_of({}, function);
}

expected<merkle_walk::place> merkle_walk::add_root(const digest& root) {
  return hear(root, walked_tree::nothing);
}

expected<merkle_walk::place> merkle_walk::hear(const digest& directory, place in) {
  if (!rules_.asks_for_empty && directory == tree_.empty_) return walked_tree::nothing;
  const auto [at, is_new] = tree_.directories_.add(directory);
  if (!is_new) return at;
  const auto& above = in == walked_tree::nothing ? directory : tree_.directory(in);
  if (auto fine = check_size(rules_.largest_directory, directory); !fine)
    return fail(fine.error().in_context(fmt::format(fmt::runtime(rules_.words.oversized), above)));
  if (known() > rules_.max_directories)
    return beyond(" has more than {} directories", rules_.max_directories);
  if (known() + tree_.blobs_.size() > rules_.max_blobs)
    return beyond(" refers to more than {} blobs", rules_.max_blobs);
  bytes_ += static_cast<std::uint64_t>(directory.size);
  if (bytes_ > rules_.max_bytes) return beyond("'s directories have more than {} bytes", rules_.max_bytes);
  if (rules_.max_depth == std::numeric_limits<std::uint32_t>::max()) return at;
  depths_.push_back(in == walked_tree::nothing ? 1 : depths_[in] + 1);
  if (depths_.back() > rules_.max_depth) return beyond(" is more than {} directories deep", rules_.max_depth);
  return at;
}

expected<merkle_walk::place> merkle_walk::hear_file(const digest& blob) {
  if (blob == tree_.empty_) return walked_tree::nothing;
  const auto at = tree_.blobs_.add(blob).at;
  if (known() + tree_.blobs_.size() > rules_.max_blobs)
    return beyond(" refers to more than {} blobs", rules_.max_blobs);
  return at;
}

expected<void> merkle_walk::count_entries(std::uint64_t more) {
  entries_ += more;
  if (entries_ > rules_.max_entries) return beyond(" has more than {} entries", rules_.max_entries);
  return {};
}

template <class... Args>
failure merkle_walk::beyond(fmt::format_string<Args...> text, Args&&... args) const {
  return failure(error(rules_.words.beyond,
                       std::string(rules_.words.tree) + fmt::format(text, std::forward<Args>(args)...)));
}

merkle_walk::batch merkle_walk::next_batch() {
  batch next;
  for (; asked_ < known() && next.names.size() < rules_.batch_directories; ++asked_) {
    const auto& one = tree_.directories_[static_cast<place>(asked_)];
    if (!next.empty() && next.bytes + one.size > rules_.batch_bytes) break;
    next.bytes += one.size;
    next.places.push_back(static_cast<place>(asked_));
    next.names.push_back(one);
  }
  return next;
}

expected<void> merkle_walk::take(place which, const expected<bytes>& content) {
  if (!content) {
    if (content.error().code() != errc::not_found)
      return fail(content.error().in_context(
          fmt::format(fmt::runtime(rules_.words.reading), tree_.directory(which))));
    skip(which);
    return {};
  }
  assert(which < asked_ && taken_ < asked_);
  auto read = directory_reading(*this, which).run(*content);
  if (read) ++taken_;
  return read;
}

void merkle_walk::skip(place which) {
  assert(which < asked_ && taken_ < asked_);
  ++taken_;
  missing_.push_back(tree_.directory(which));
}

std::uint64_t merkle_walk::memory() const noexcept {
  return tree_.memory() + depths_.capacity() * sizeof(std::uint32_t) + missing_.capacity() * sizeof(digest);
}

}  // namespace kiln
