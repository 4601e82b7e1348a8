#include "core/contract/actor.hpp"

#include <caf/atom.hpp>
#include <caf/message.hpp>
#include <caf/response_promise.hpp>

namespace kiln {
namespace {

const auto category = caf::atom("kiln");

}  // namespace

caf::error to_caf(const error& fault) {
  return caf::error(static_cast<std::uint8_t>(fault.code()), category, caf::make_message(fault));
}

error from_caf(const caf::error& fault) {
  if (fault.category() == category && fault.context().match_elements<error>())
    return fault.context().get_as<error>(0);
  if (fault.category() == caf::atom("system")) {
    switch (static_cast<caf::sec>(fault.code())) {
      case caf::sec::request_timeout:
        return {errc::deadline_exceeded, "a service inside did not answer in time"};
      case caf::sec::request_receiver_down:
        return {errc::unavailable, "a service inside is gone"};
      default:
        break;
    }
  }
  return {errc::internal, "an actor failed with code " + std::to_string(fault.code())};
}

// CAF's own way asks the promise's actor for the thread that it runs on, which is none of ours here.
void answer_anywhere(const caf::response_promise& promise, caf::message what) {
  if (!promise.pending() || promise.async() || !promise.source()) return;
  promise.source()->enqueue(nullptr, promise.id().response_id(), std::move(what), nullptr);
}

void refuse_dropped(const caf::response_promise& promise) noexcept try {
  answer_anywhere(
      promise,
      caf::make_message(to_caf(error(errc::unavailable, "the request was dropped before it was answered"))));
} catch (...) {  // NOLINT: no memory for it, and nobody to tell
}

}  // namespace kiln
