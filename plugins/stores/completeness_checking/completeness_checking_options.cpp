#include "plugins/stores/completeness_checking/completeness_checking_options.hpp"

namespace kiln {

schema<completeness_checking_options> completeness_checking_schema() {
  return schema<completeness_checking_options>{
      "Finds an action's result only if every blob it names is in the store of content, whoever asks: for "
      "results that several services, servers or a store above take from here. What is no result of an "
      "action "
      "passes."}
      .store("inner", &completeness_checking_options::inner,
             "Where results are. One that is not whole any more is dropped there, unless others share it.")
      .store("content", &completeness_checking_options::content, "Where what they name has to be.")
      .field("index_memory", &completeness_checking_options::index_memory,
             "Memory for results that are known to be whole: those are answered without asking a store. Kept "
             "where both stores tell of what leaves them and are nobody else's. 0B: none.");
}

expected<store_promises> completeness_checking_promises(const completeness_checking_options& options,
                                                        const promises_of& of) {
  auto all = of(options.inner);
  all.tells_news = false;
  all.leases = false;
  return all;
}

}  // namespace kiln
