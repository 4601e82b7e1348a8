#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "actors/worker/folders/work_root.hpp"
#include "actors/worker/inputs/input_tree.hpp"
#include "actors/worker/trees/cached_tree.hpp"
#include "actors/worker/trees/tree_record.hpp"
#include "core/base/thread_pool.hpp"
#include "core/merkle/walked_tree.hpp"

namespace kiln {

/// What is to be laid out.
struct tree_order {
  digest root;
  std::shared_ptr<input_tree> tree;  ///< all of it, or with `base` the difference; its files are lent
  cached_tree_ptr base;
  std::vector<bytes> directories;  ///< its Directory messages, where there is no base
  wall_time made{};                ///< when its files were lent
};

/// The input trees that a worker keeps on its disk, in the folder `trees` of its work folder: each in a
/// folder of its own, which appears there whole, by a rename, and is never written to again. Its files are
/// links to those that the inputs' store has lent, or copies where they cannot be: they stay when the store
/// forgets its own. Any thread; everything but `remove_later` blocks.
class tree_shelf : public std::enable_shared_from_this<tree_shelf> {
public:
  /// What lies there is of use only to who makes the same of it: another `maker`, and what was there is
  /// removed. Since nothing is synced, the machine's start is a part of that.
  static expected<std::shared_ptr<tree_shelf>> open(std::shared_ptr<work_root> root,
                                                    std::shared_ptr<thread_pool> removals,
                                                    const std::string& maker, logger* log);

  /// CANCELLED when `stop` is set meanwhile; nothing is left then, as after any error.
  expected<std::shared_ptr<cached_tree>> build(const tree_order& order, const std::atomic<bool>& stop);

  /// What an earlier worker has left here, `kept`, not yet `checked`; what is not whole is removed. With the
  /// walks of those that have all of their own. To be called once, before anything is built.
  struct found {
    std::shared_ptr<cached_tree> tree;
    std::shared_ptr<const walked_tree> walk;
  };
  std::vector<found> load();

  /// Whether it is as it was made: every name, and every file the same, of the same length, time and mode.
  bool is_whole(const cached_tree& which);

  /// An empty folder for tries, below which is a folder `kept` with a file: its absolute path.
  expected<std::string> make_sample();

  void remove_later(const std::string& name);
  /// Where that is done, one after the other.
  thread_pool& removals() const noexcept { return *removals_; }

private:
  tree_shelf(std::shared_ptr<work_root> root, std::shared_ptr<thread_pool> removals, logger* log)
      : root_(std::move(root)), removals_(std::move(removals)), log_(log) {}
  disk& on() const noexcept { return root_->on(); }
  expected<void> take_over(const std::string& maker);
  expected<void> make_all(const std::string& name, const tree_order& order, const std::atomic<bool>& stop,
                          tree_record& record);
  expected<void> hide(const descriptor& layer, const input_tree& tree);
  expected<tree_record> read_record(const std::string& name);
  std::shared_ptr<cached_tree> make_tree(const tree_record& record, const std::string& name);

  const std::shared_ptr<work_root> root_;
  const std::shared_ptr<thread_pool> removals_;
  logger* const log_;
  descriptor folder_;
  std::atomic<std::uint64_t> next_{1};
};

}  // namespace kiln
