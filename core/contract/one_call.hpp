#pragma once

#include <exception>

#include "core/base/thread_pool.hpp"
#include "core/contract/actor.hpp"

namespace kiln {

/// For an actor that is one call, and which somebody watches: what it throws ends it, as CAF has it, and is
/// the reason that it ends with (from_caf). Actors that many share go on instead (on_response.hpp).
template <class Self>
void ends_with_what_it_throws(Self* self) {
  self->set_exception_handler([](std::exception_ptr& thrown) -> caf::error {
    try {
      std::rethrow_exception(thrown);
    } catch (...) {
      return to_caf(current_fault());
    }
  });
}

}  // namespace kiln
