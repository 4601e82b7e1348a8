#pragma once

#include <cstddef>
#include <memory>
#include <utility>

#include "core/base/work_budget.hpp"
#include "core/config/units.hpp"
#include "core/contract/resume.hpp"
#include "core/plugin/environment.hpp"

namespace kiln {

/// What is larger is not parsed by an actor that others wait for, and its memory is asked for first.
inline constexpr std::size_t parsed_in_place = 64 << 10;

/// Where the services of a node read large messages that clients named, and the memory they may take for it,
/// all together.
struct interpreting {
  std::shared_ptr<thread_pool> pool;
  std::shared_ptr<work_budget> memory;
};
interpreting make_interpreting(const environment& env, byte_size memory = byte_size{256 << 20});

/// `work()`, which is about so many bytes, and then `then` with what it returned, in `actor`: at once if they
/// are few, or as `offload` does it.
template <class Actor, class Work, class Then>
void interpret(const Actor& actor, const interpreting& with, std::size_t size, Work work, Then then) {
  if (size <= parsed_in_place) return then(caught(work));
  offload(actor, *with.pool, std::move(work), std::move(then));
}

/// `then`, in `actor`, when this share holds so many bytes more: at once if there is room. `actor` handles
/// `resume`, and `then` keeps the share alive.
template <class Actor, class Then>
void with_room(const Actor& actor, work_budget::share& share, std::uint64_t bytes, Then then) {
  auto later = [actor, then]() { caf::anon_send(actor, resume{then}); };
  if (share.take(bytes, std::move(later))) then();
}

}  // namespace kiln
