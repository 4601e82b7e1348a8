#pragma once

#include <caf/fwd.hpp>
#include <caf/replies_to.hpp>
#include <caf/typed_actor.hpp>
#include <functional>
#include <memory>
#include <vector>

#include "actors/worker/folders/work_root.hpp"
#include "actors/worker/inputs/input_tree.hpp"
#include "core/contract/actor.hpp"
#include "core/contract/resume.hpp"
#include "core/contract/store.hpp"
#include "core/plugin/environment.hpp"

/// Gets inputs as files, each once, however many actions ask at the same time.
namespace kiln {

/// -> borrowed_inputs. Each once, the empty blob not among them. An error is of another kind than
/// absence: then nothing is borrowed.
struct borrow_inputs {
  std::vector<wanted_input> inputs;
};
struct borrowed_inputs {
  std::vector<lent_input_ptr> inputs;  ///< in the order asked, null where the blob is nowhere
};

/// An action had these files in hand: nobody is lent them again before their store has looked at the bytes,
/// and what it finds damaged goes.
struct recheck_inputs {
  std::vector<wanted_input> inputs;
};

/// The disk is full: what is kept lent though no action holds it goes.
struct drop_idle_inputs {};

using input_cache_actor = caf::typed_actor<                 //
    caf::replies_to<borrow_inputs>::with<borrowed_inputs>,  //
    caf::reacts_to<recheck_inputs>,                         //
    caf::reacts_to<drop_idle_inputs>,                       //
    caf::reacts_to<resume>>;

struct input_cache_context {
  environment env;
  store_actor cas;    ///< has the blobs
  store_actor cache;  ///< lends them; null: `cas` is asked to lend, and nothing is written anywhere
  std::shared_ptr<work_root> root;
  std::shared_ptr<thread_pool> pool;
  /// Bytes of inputs kept lent when no action holds them any more, for the next that wants them; at most a
  /// quarter of the lending store's capacity, for what is lent cannot be evicted there.
  std::uint64_t kept_bytes = 0;
  /// Blobs were found damaged, and with them whatever was lent of them. Called before anybody is lent
  /// another.
  std::function<void(const std::vector<digest>&)> damage_found;
};

input_cache_actor spawn_input_cache(caf::actor_system& system, input_cache_context context);

}  // namespace kiln

KILN_MESSAGE(kiln::borrow_inputs)
KILN_MESSAGE(kiln::borrowed_inputs)
KILN_MESSAGE(kiln::recheck_inputs)
KILN_MESSAGE(kiln::drop_idle_inputs)
