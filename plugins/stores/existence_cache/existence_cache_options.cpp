#include "plugins/stores/existence_cache/existence_cache_options.hpp"

namespace kiln {

schema<existence_cache_options> existence_cache_schema() {
  return schema<existence_cache_options>{
      "Remembers which blobs are there, so that who asks for many again and again is answered from memory. "
      "Place it above a store whose answers take long: many disks, several machines."}
      .store(
          "inner", &existence_cache_options::inner,
          "Where the blobs are. It has to tell of what leaves it, which a store on another server does not.")
      .field("max_entries", &existence_cache_options::max_entries,
             "Blobs that are remembered, those used last. Each takes some 160 bytes of memory.",
             at_least(std::uint64_t{1}), at_most(std::uint64_t{1'000'000'000}))
      .field("max_age", &existence_cache_options::max_age,
             "What the store below did not confirm for so long is asked for again, whatever was heard of it.",
             at_least(duration(std::chrono::milliseconds(1))))
      .field("touch_every", &existence_cache_options::touch_every,
             "The store below hears that a blob is in use at most this often, and at least this often while "
             "it is asked for. Well below the time in which that store forgets what nobody uses.")
      .check([](const existence_cache_options& options) -> expected<void> {
        if (options.touch_every < options.max_age) return {};
        return fail(errc::invalid_argument,
                    "touch_every is {} and has to be less than max_age, {}: nothing would be touched before "
                    "it is asked for again",
                    to_string(options.touch_every), to_string(options.max_age));
      });
}

expected<store_promises> existence_cache_promises(const existence_cache_options& options,
                                                  const promises_of& of) {
  const auto below = of(options.inner);
  if (below.tells_news) return below;
  return fail(errc::invalid_argument,
              "store {} does not tell of everything that leaves it{}: what is remembered of a blob would "
              "outlive it, and clients would be promised what nobody can find",
              options.inner.name, below.shared ? ", for others than this process take away from it" : "");
}

}  // namespace kiln
