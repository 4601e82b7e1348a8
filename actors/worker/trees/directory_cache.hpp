#pragma once

#include <caf/fwd.hpp>
#include <caf/replies_to.hpp>
#include <caf/typed_actor.hpp>
#include <cstdint>
#include <memory>
#include <vector>

#include "actors/worker/trees/cached_tree.hpp"
#include "actors/worker/trees/tree_shelf.hpp"
#include "core/contract/actor.hpp"
#include "core/contract/resume.hpp"
#include "core/contract/store.hpp"
#include "core/merkle/walked_tree.hpp"
#include "core/plugin/environment.hpp"

/// Input trees that are kept for the next action that has the same, or nearly the same: who asks for one that
/// is there gets it pinned; who asks for another is the one to make it, while others who ask for it wait.
namespace kiln {

/// A tree in use: as long as somebody holds it, it stays.
using tree_pin = cached_tree_ptr;
/// The right to make a tree, for one at a time. Dropped, it goes to the next who waits.
using tree_lease = std::shared_ptr<const void>;

/// -> granted_tree. It may take as long as another one needs to make it.
struct borrow_tree {
  digest root;
};
struct granted_tree {
  tree_pin tree;     ///< or null, and the asker is to make it
  tree_lease lease;  ///< then
};

/// -> known_bases: trees that this one could lie over, the best first.
struct find_bases {
  std::shared_ptr<const walked_tree> wanted;
};
struct known_bases {
  struct base {
    tree_pin tree;
    std::shared_ptr<const walked_tree> walk;
  };
  std::vector<base> bases;
};

/// -> granted_tree: the tree that was made, pinned. From now on it is kept, as long as there is room.
struct keep_tree {
  std::shared_ptr<cached_tree> tree;
  std::shared_ptr<const walked_tree> walk;  ///< null where it lies over another
  tree_lease lease;
};

/// It could not be used: it is looked at before the next gets it, and what it lies over as well.
struct recheck_tree {
  digest root;
};

/// A file of the store that lends was found damaged: nobody is given a tree any more that may have it, for a
/// tree keeps its own name of that file. All are made again.
struct distrust_trees {};

/// -> room_made, when it is there: the disk is full, and trees can be made again. Half of what nobody uses
/// goes.
struct make_room {};
struct room_made {};

/// To itself, from pins and leases that are dropped.
struct return_tree {
  digest root;
};
struct return_lease {
  digest root;
  std::uint64_t lease = 0;
};

using directory_cache_actor = caf::typed_actor<        //
    caf::replies_to<borrow_tree>::with<granted_tree>,  //
    caf::replies_to<find_bases>::with<known_bases>,    //
    caf::replies_to<keep_tree>::with<granted_tree>,    //
    caf::replies_to<make_room>::with<room_made>,       //
    caf::reacts_to<recheck_tree>,                      //
    caf::reacts_to<distrust_trees>,                    //
    caf::reacts_to<return_tree>,                       //
    caf::reacts_to<return_lease>,                      //
    caf::reacts_to<resume>>;

struct directory_cache_context {
  environment env;
  std::shared_ptr<tree_shelf> shelf;
  std::shared_ptr<thread_pool> pool;
  store_actor lender;  ///< of the files: what is kept of them is at most a quarter of what it may hold
  std::uint64_t most_bytes = 0;
  std::uint64_t most_trees = 0;
};

/// Begins with what an earlier worker has left on the shelf; until that is read, nobody is answered.
directory_cache_actor spawn_directory_cache(caf::actor_system& system, directory_cache_context context);

}  // namespace kiln

KILN_MESSAGE(kiln::borrow_tree)
KILN_MESSAGE(kiln::granted_tree)
KILN_MESSAGE(kiln::find_bases)
KILN_MESSAGE(kiln::known_bases)
KILN_MESSAGE(kiln::keep_tree)
KILN_MESSAGE(kiln::recheck_tree)
KILN_MESSAGE(kiln::distrust_trees)
KILN_MESSAGE(kiln::make_room)
KILN_MESSAGE(kiln::room_made)
KILN_MESSAGE(kiln::return_tree)
KILN_MESSAGE(kiln::return_lease)
