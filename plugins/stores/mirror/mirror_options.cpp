#include "plugins/stores/mirror/mirror_options.hpp"

namespace kiln {

schema<mirror_options> mirror_schema() {
  return schema<mirror_options>{
      "Keeps everything in two stores of about the same size, so that either may fail. What one of them "
      "lacks is "
      "read from the other, and brought back to it in the background."}
      .store("stores", &mirror_options::stores,
             "Two stores. The first is read as long as it answers; put the nearer one there.", at_most(2))
      .choice("writes", &mirror_options::writes, {{"all", mirror_writes::all}, {"any", mirror_writes::any}},
              "What is acknowledged: what both have (all), or also what one has while the other fails (any), "
              "which is counted and logged. Action results need both, or an older one could come back.")
      .field("patience", &mirror_options::patience,
             "How long one store may leave a question or a read unanswered before the other answers instead. "
             "It is then left out until it has answered, for half a minute at most; meanwhile what needs "
             "both fails at once. Files that are lent and large blobs that are written may take longer.",
             at_least(duration(std::chrono::milliseconds(100))), at_most(duration(std::chrono::minutes(10))))
      .check([](const mirror_options& options) -> expected<void> {
        if (options.stores.size() != 2)
          return fail(errc::invalid_argument, "a mirror has two stores, and this one has {}",
                      options.stores.size());
        if (options.stores[0] == options.stores[1])
          return fail(errc::invalid_argument, "both stores are the same one, {}", options.stores[0].name);
        return {};
      });
}

expected<store_promises> mirror_promises(const mirror_options& options, const promises_of& of) {
  const auto first = of(options.stores[0]), second = of(options.stores[1]);
  if (auto apart = check_apart(options.stores[0].name, first, options.stores[1].name, second); !apart)
    return failure(apart.error());
  auto both = promised_together({first, second});
  // What is acknowledged is in both.
  if (options.writes == mirror_writes::all) both.durable = first.durable || second.durable;
  both.tells_news = false;
  return both;
}

}  // namespace kiln
