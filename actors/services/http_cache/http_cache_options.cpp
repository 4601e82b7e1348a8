#include "actors/services/http_cache/http_cache.hpp"

namespace kiln {

schema<http_cache_settings> http_cache_schema() {
  using namespace config_literals;
  using s = http_cache_settings;
  return schema<s>{
      "What is answered over HTTP: blobs at /cas/HASH, results at /ac/HASH, and values of any "
      "kind at every other path, as ccache and sccache keep them."}
      .field("validate_results", &s::validate_results,
             "What is put at /ac/ must be an ActionResult, and is answered only while all it refers to is "
             "there. Off keeps whatever comes, unseen: for clients that put something else there.")
      .field("values", &s::values,
             "Keep values at paths of the clients' choice. Off leaves blobs and results.")
      .field("max_value_size", &s::max_value_size,
             "The largest of these values. It is held in memory as it comes.", at_most(1_GiB));
}

}  // namespace kiln
