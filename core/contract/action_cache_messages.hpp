#pragma once

#include <caf/replies_to.hpp>
#include <caf/typed_actor.hpp>

#include "core/base/bytes.hpp"
#include "core/contract/actor.hpp"
#include "core/contract/kiln_message.hpp"
#include "core/digest/digest.hpp"
#include "core/digest/record_key.hpp"

/// The action cache as other services ask it, results checked for completeness as it is configured to.
namespace kiln {

/// -> found_result, or NOT_FOUND: none, or one that refers to blobs that are gone.
struct find_result {
  std::string instance;
  digest action;  ///< or what else the record is about
  record_kind kind = record_kind::action_result;
  digest_function function = action.function;  ///< of the digests in the result
};
struct found_result {
  bytes result;  ///< serialised ActionResult
};

using action_cache_actor = caf::typed_actor<caf::replies_to<find_result>::with<found_result>>;

}  // namespace kiln

KILN_MESSAGE(kiln::find_result)
KILN_MESSAGE(kiln::found_result)
