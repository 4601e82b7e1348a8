#pragma once

#include <caf/fwd.hpp>
#include <caf/replies_to.hpp>
#include <caf/typed_actor.hpp>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "actors/services/get_tree/get_tree_options.hpp"
#include "actors/services/get_tree/tree_segment.hpp"
#include "core/contract/store.hpp"
#include "core/plugin/environment.hpp"
#include "core/plugin/interpreting.hpp"

/// Who walks trees of directories for all that want them: equal trees once at a time, however many ask. A
/// walk belongs to nobody and goes on while somebody follows it, at the pace of the fastest; the others take
/// what they have not had yet. Whole trees and single directories are remembered. Why an answer never
/// outlives the blobs that it is made of: docs/decisions/0015-get-tree.md.
namespace kiln {

/// A place in a walk. Dropped, it is free; the walk ends with the last one.
struct tree_slot {
  std::uint64_t id = 0;
};
using tree_slot_ptr = std::shared_ptr<const tree_slot>;

/// -> tree_part. Without a slot at once, perhaps with nothing yet; with one when there is something to tell.
/// NOT_FOUND without the root, INVALID_ARGUMENT if something in the tree is no Directory, RESOURCE_EXHAUSTED
/// if it is too large or too much is being walked, or the store's error. One fetch a slot at a time.
struct fetch_tree {
  digest root;
  std::size_t position = 0;  ///< of the first directory that is wanted
  tree_slot_ptr slot;        ///< of the part before; null for the first
  std::string client{};      ///< who asks: of all walks no client begins more than half
};
/// Some of the tree from that position on; what follows is fetched when this was sent.
struct tree_part {
  std::vector<tree_segment_ptr> segments;  ///< none if the tree ends in front of the position
  bool last = false;                       ///< nothing follows
  /// Directories in front of this position were read before the first fetch: their blobs may be gone.
  std::size_t read_before = 0;
  tree_slot_ptr slot;
};

/// Somebody found that these directories of the tree are not in the store any more.
struct doubt_tree {
  digest root;
  std::vector<digest> gone;
};
/// A slot was dropped.
struct leave_tree {
  std::uint64_t slot = 0;
};
/// Time to drop what nobody has asked for in a while.
struct forget_idle_trees {};

using tree_coalescer_actor =
    caf::typed_actor<caf::replies_to<fetch_tree>::with<tree_part>, caf::reacts_to<doubt_tree>,
                     caf::reacts_to<leave_tree>, caf::reacts_to<forget_idle_trees>, caf::reacts_to<resume>>;

/// `blobs` is a store of content.
tree_coalescer_actor spawn_tree_coalescer(caf::actor_system& system, const environment& env,
                                          const get_tree_options& options, store_actor blobs,
                                          interpreting reading = {});

}  // namespace kiln

KILN_MESSAGE(kiln::fetch_tree)
KILN_MESSAGE(kiln::tree_part)
KILN_MESSAGE(kiln::doubt_tree)
KILN_MESSAGE(kiln::leave_tree)
KILN_MESSAGE(kiln::forget_idle_trees)
