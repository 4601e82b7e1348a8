#pragma once

#include <caf/replies_to.hpp>
#include <caf/typed_actor.hpp>
#include <vector>

#include "core/base/bytes.hpp"
#include "core/contract/actor.hpp"
#include "core/contract/kiln_message.hpp"
#include "core/contract/store.hpp"
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
  bool with_blobs = false;                     ///< tell all that it refers to, if that was looked for
  order_deadline until = waits_for_ever;       ///< as in an order to a store
};
struct found_result {
  bytes result;  ///< serialised ActionResult
  std::vector<digest> blobs;
};

/// -> kept_result: what a client says was the result of an action, checked as every client's is.
struct keep_result {
  std::string instance;
  digest action;
  digest_function function = action.function;  ///< of the digests in the result
  bytes result;                                ///< serialised ActionResult
  order_deadline until = waits_for_ever;
};
struct kept_result {
  bytes result;  ///< as it was kept
};

using action_cache_actor = caf::typed_actor<caf::replies_to<find_result>::with<found_result>,
                                            caf::replies_to<keep_result>::with<kept_result>>;

}  // namespace kiln

KILN_MESSAGE(kiln::find_result)
KILN_MESSAGE(kiln::found_result)
KILN_MESSAGE(kiln::keep_result)
KILN_MESSAGE(kiln::kept_result)
