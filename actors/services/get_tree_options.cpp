#include "actors/services/get_tree_options.hpp"

namespace kiln {
namespace {

schema<tree_cache_bounds> cache_schema(const tree_cache_bounds& usual) {
  using o = tree_cache_bounds;
  return schema<o>("How much it holds.")
      .field("capacity", &o::capacity, usual.capacity, "Bytes of memory; 0B turns it off.")
      .field("max_entries", &o::max_entries, usual.max_entries, "Entries.", at_least(1))
      .field("max_idle", &o::max_idle, usual.max_idle, "What nobody asks for that long is forgotten.",
             at_least(duration(std::chrono::seconds(1))));
}

expected<void> check_walks(const get_tree_options& given) {
  if (given.max_directories <= given.max_directories_walked) return {};
  return fail(errc::invalid_argument, "one tree may have {} directories, but all of them together only {}",
              given.max_directories, given.max_directories_walked);
}

}  // namespace

schema<get_tree_options> get_tree_schema() {
  using o = get_tree_options;
  const get_tree_options usual;
  return schema<o>(
             "Whole trees of directories at once. Whatever is cached here is still asked for in the "
             "store before it is sent.")
      .field("max_calls", &o::max_calls, usual.max_calls, "Calls at once.", at_least(1))
      .field("max_walks", &o::max_walks, usual.max_walks,
             "Different trees walked at once; equal ones are walked once for all who ask.", at_least(1))
      .field("max_directories", &o::max_directories, usual.max_directories,
             "Directories of one tree; each costs some 200 bytes while it is walked.", at_least(1))
      .field("max_directories_walked", &o::max_directories_walked, usual.max_directories_walked,
             "Directories of all trees that are being walked.", at_least(1))
      .section("tree_cache", &o::tree_cache, cache_schema(usual.tree_cache),
               "Whole trees. Walks under way may take as much memory again.")
      .section("subtree_cache", &o::subtree_cache, cache_schema(usual.subtree_cache),
               "Single directories, for trees that have parts in common.")
      .check(check_walks);
}

}  // namespace kiln
