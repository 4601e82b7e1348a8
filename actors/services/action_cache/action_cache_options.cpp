#include "actors/services/action_cache/action_cache.hpp"

namespace kiln {

schema<action_cache_settings> action_cache_schema() {
  using settings = action_cache_settings;
  return schema<settings>{"The action cache: what was the result of an action."}
      .field("check_completeness", &settings::check_completeness,
             "Answer a result only if every blob it refers to is there; builds without the bytes need it.")
      .field("client_updates", &settings::client_updates,
             "Let clients write results; off leaves that to our own workers.")
      .field("keep_failures", &settings::keep_failures, "Keep results with an exit code other than 0.")
      .field(
          "index_memory", &settings::index_memory,
          "Memory for results that are known to be complete: those are answered without asking a store. It "
          "takes some 200 bytes for each blob that a result names, and what does not fit is looked up, as is "
          "everything over stores that do not tell of what leaves them. 0B: none.");
}

}  // namespace kiln
