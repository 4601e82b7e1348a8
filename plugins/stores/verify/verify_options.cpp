#include "plugins/stores/verify/verify_options.hpp"

namespace kiln {

schema<verify_options> verify_schema() {
  return schema<verify_options>{
      "Refuses blobs that do not match their digest. Place it above any store whose writers you do not "
      "trust."}
      .store("inner", &verify_options::inner, "Where accepted blobs go.")
      .field("threads", &verify_options::threads,
             "Threads that hash; half of the machine's cores if not given.", at_least(std::size_t{1}),
             at_most(std::size_t{256}));
}

expected<store_promises> verify_promises(const verify_options& options, const promises_of& of) {
  return of(options.inner);
}

}  // namespace kiln
