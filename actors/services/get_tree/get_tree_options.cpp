#include "actors/services/get_tree/get_tree_options.hpp"

#include "core/base/memory_limit.hpp"
#include "core/config/memory_share.hpp"

namespace kiln {
namespace {

struct usual_memory {
  byte_size bytes;
  std::uint8_t percent;  // of what the process may use, at most
};
constexpr usual_memory usual_for_trees{{512 << 20}, 3};
constexpr usual_memory usual_for_subtrees{{256 << 20}, 3};

std::uint64_t bytes_of(const tree_cache_bounds& bounds, const usual_memory& usual) {
  return memory_share(bounds.capacity, usual.bytes, usual.percent, memory_limit());
}

schema<tree_cache_bounds> cache_schema(const usual_memory& memory) {
  using o = tree_cache_bounds;
  return schema<o>("How much it holds.")
      .field(
          "capacity", &o::capacity,
          fmt::format("Memory, in bytes or as a share of what the process may use; 0B turns it off. auto is "
                      "{}, but at most {}%.",
                      to_string(memory.bytes), memory.percent),
          or_word("auto"))
      .field("max_entries", &o::max_entries, "Entries.", at_least(1))
      .field("max_idle", &o::max_idle, "What nobody asks for that long is forgotten.",
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
  return schema<o>(
             "Whole trees of directories at once. Whatever is cached here is still asked for in the "
             "store before it is sent.")
      .field("max_calls", &o::max_calls, "Calls at once; of one client at most half.", at_least(1))
      .field(
          "max_walks", &o::max_walks,
          "Different trees walked at once, for one client at most half; equal ones are walked once for all "
          "who ask.",
          at_least(1))
      .field("max_directories", &o::max_directories,
             "Directories of one tree; each costs some 200 bytes while it is walked.", at_least(1))
      .field("max_directories_walked", &o::max_directories_walked,
             "Directories of all trees that are being walked.", at_least(1))
      .section("tree_cache", &o::tree_cache, cache_schema(usual_for_trees),
               "Whole trees. Walks under way may take as much memory again.")
      .section("subtree_cache", &o::subtree_cache, cache_schema(usual_for_subtrees),
               "Single directories, for trees that have parts in common.")
      .check(check_walks);
}

std::uint64_t get_tree_options::tree_bytes() const {
  return bytes_of(tree_cache, usual_for_trees);
}

std::uint64_t get_tree_options::subtree_bytes() const {
  return bytes_of(subtree_cache, usual_for_subtrees);
}

}  // namespace kiln
