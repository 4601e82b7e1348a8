#include "actors/services/execution/execution.hpp"

namespace kiln {

schema<execution_options> execution_schema() {
  using o = execution_options;
  return schema<o>{"Execution of actions, beside the cache."}
      .field("default_timeout", &o::default_timeout,
             "How long an action may run that does not say so itself; no longer than `max_timeout`.",
             at_least(std::chrono::seconds(1)))
      .field("max_timeout", &o::max_timeout,
             "The longest timeout that an action may ask for; a longer one is refused. Workers may be given "
             "less "
             "(worker.max_timeout).",
             at_least(std::chrono::seconds(1)))
      .field(
          "max_preparing", &o::max_preparing,
          "Requests that may be checked at the same time, before their actions are queued; of one client at "
          "most half.",
          at_least(1))
      .field(
          "remembered_inputs", &o::remembered_inputs,
          "Blobs of input trees that are remembered, so that a tree seen lately is not read again. Whether "
          "they are still in the cache is always asked. About 100 bytes each.");
}

}  // namespace kiln
