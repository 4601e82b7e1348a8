#include "actors/worker/inputs/unfolding.hpp"

#include <limits>
#include <string>
#include <vector>

#include "actors/worker/command/command_plan.hpp"
#include "actors/worker/inputs/batch_size.hpp"
#include "actors/worker/worker_options.hpp"

namespace kiln {
namespace {

// One more than a path has room for, with names of one letter (PATH_MAX).
constexpr std::uint32_t max_levels = 2049;

constexpr walk_words of_input_folders{
    .tree = "the input tree",
    .reading = "reading input folder {0}",
    .undecodable = "input folder {0}",
    .directory = "input folder {0}",
    .file = "input file \"{1}\" in {0}",
    .child = "input folder \"{1}\" in {0}",
    .oversized = "the input tree",
};

expected<void> check_measure(const walked_tree::unfolded& size, const worker_options& options) {
  constexpr auto most = std::numeric_limits<std::uint64_t>::max();
  // Any of them may be the largest number there is.
  const std::uint64_t bound = options.max_input_entries;
  const auto folders = size.folders - 1;
  if (folders > bound || size.files > bound - folders || size.links > bound - folders - size.files)
    return fail(errc::invalid_argument, "the input tree has more than {} entries", bound);
  if (size.bytes == most || size.bytes > options.max_input_size.bytes)
    return fail(errc::invalid_argument, "the input tree has more than {}", to_string(options.max_input_size));
  if (size.depth > max_levels)
    return fail(errc::invalid_argument, "the input tree is more than {} directories deep", max_levels);
  return {};
}

}  // namespace

walk_rules input_rules(const worker_options& options) {
  walk_rules rules;
  rules.detail = walk_detail::everything;
  rules.batch_directories = batch_blobs;
  rules.batch_bytes = batch_bytes;
  rules.max_entries = options.max_input_entries;  // unfolded, it has at least as many
  rules.max_depth = max_levels;
  rules.words = of_input_folders;
  return rules;
}

expected<void> check_links(const walked_tree& tree, const worker_options& options) {
  if (options.absolute_symlinks) return {};
  for (walked_tree::place at = 0; at < tree.directories().size(); ++at)
    for (const auto& link : tree.links(at))
      if (tree[link.target].front() == '/')
        return fail(errc::invalid_argument, "input link \"{}\" in {} is absolute, which is not allowed here",
                    tree[link.name], tree.directory(at));
  return {};
}

expected<void> check_input_size(const walked_tree& tree, const worker_options& options) {
  auto size = tree.measure(tree.root());
  if (!size) return with_context(size.error(), "the input tree");
  return check_measure(*size, options);
}

expected<std::shared_ptr<input_tree>> unfold(const walked_tree& tree, const worker_options& options,
                                             bool links) {
  auto size = tree.measure(tree.root());
  if (!size) return with_context(size.error(), "the input tree");
  if (auto fine = check_measure(*size, options); !fine) return failure(std::move(fine).error());
  auto laid_out = std::make_shared<input_tree>();
  laid_out->links = links;
  laid_out->folders.reserve(size->folders);
  laid_out->files.reserve(size->files);
  laid_out->symlinks.reserve(size->links);
  std::vector<walked_tree::place> contents;
  contents.reserve(size->folders);
  contents.push_back(tree.root());
  laid_out->folders.push_back({});
  for (std::uint32_t index = 0; index < contents.size(); ++index) {
    const auto at = contents[index];
    for (const auto& file : tree.files(at)) {
      laid_out->files.push_back(
          {index, std::string(tree[file.name]), tree.blob(file.blob), file.executable, file.tool});
      if (file.blob != walked_tree::nothing)
        laid_out->lent.try_emplace(laid_out->wanted(laid_out->files.back()));
    }
    for (const auto& link : tree.links(at))
      laid_out->symlinks.push_back({index, std::string(tree[link.name]), std::string(tree[link.target])});
    for (const auto& child : tree.children(at)) {
      laid_out->folders.push_back({join_path(laid_out->folders[index].path, std::string(tree[child.name]))});
      contents.push_back(child.directory);
    }
  }
  return laid_out;
}

}  // namespace kiln
