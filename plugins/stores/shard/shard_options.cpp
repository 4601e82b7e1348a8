#include "plugins/stores/shard/shard_options.hpp"

#include <algorithm>
#include <set>

#include "core/config/names.hpp"
#include "plugins/stores/shard/rendezvous.hpp"

namespace kiln {
namespace shard {
namespace {

schema<shard_part> part_schema() {
  return schema<shard_part>{"One of the stores, and how much of everything it has."}
      .field(
          "name", &shard_part::name,
          "Decides, with the weight, which blobs belong here: another name, other blobs. That of the store "
          "if not given; a store that is described in place needs one.")
      .store("store", &shard_part::store, "Where its blobs are.")
      .field("weight", &shard_part::weight,
             "Its share of all blobs, in proportion to the others': the room that it has, for instance.",
             at_least(std::uint32_t{1}), at_most(rendezvous::max_weight));
}

expected<void> check_name(const shard_part& part) {
  // A store that is described in place has a name that says where (core/config/kinds.hpp).
  if (part.name.empty() && !is_name(part.store.name))
    return fail(
        errc::invalid_argument,
        "the store that is described in place as {} needs a name: where it stands in the list must not "
        "decide which blobs belong to it",
        part.store.name);
  if (!part.name.empty() && !is_name(part.name))
    return fail(errc::invalid_argument, "the name \"{}\" is not made of letters, digits, _ and -", part.name);
  return {};
}

expected<void> check_list(const std::vector<shard_part>& parts, std::string_view list) {
  std::set<std::string> names, stores;
  for (const auto& part : parts) {
    if (auto good = check_name(part); !good) return good;
    if (!names.insert(part.known_as()).second)
      return fail(errc::invalid_argument, "two entries of {} are called {}", list, part.known_as());
    if (!stores.insert(part.store.name).second)
      return fail(errc::invalid_argument, "store {} stands twice in {}; give it the sum of its weights",
                  part.store.name, list);
  }
  return {};
}

bool holds(const std::vector<shard_part>& parts, const shard_part& one) {
  return std::find(parts.begin(), parts.end(), one) != parts.end();
}

// Between the two lists.
expected<void> check_change(const shard_options& options) {
  const auto& [now, before] = options;
  if (now.size() == before.size() &&
      std::all_of(now.begin(), now.end(), [&](const auto& part) { return holds(before, part); }))
    return fail(errc::invalid_argument, "was lists exactly what stores lists; leave it out");
  for (const auto& part : now)
    for (const auto& old : before)
      if (part.known_as() == old.known_as() && part.store != old.store)
        return fail(errc::invalid_argument,
                    "{} is store {} in stores, and store {} in was: a name keeps its store, and a store that "
                    "takes its place has a name of its own",
                    part.known_as(), part.store.name, old.store.name);
  return {};
}

expected<void> check_options(const shard_options& options) {
  if (options.stores.empty()) return fail(errc::invalid_argument, "stores lists no store");
  if (auto good = check_list(options.stores, "stores"); !good) return good;
  if (auto good = check_list(options.was, "was"); !good) return good;
  return options.was.empty() ? expected<void>() : check_change(options);
}

}  // namespace
}  // namespace shard

schema<shard_options> shard_schema() {
  return schema<shard_options>{
      "Spreads blobs over several stores, each blob in one: disks, or other servers. Which one follows from "
      "its "
      "digest and from the stores' names and weights, so several nodes over the same stores agree."}
      .sections("stores", &shard_options::stores, shard::part_schema(),
                "The stores. Their order says nothing; one that is added takes its share and moves nothing "
                "between the others.",
                at_least(1))
      .sections(
          "was", &shard_options::was, shard::part_schema(),
          "What `stores` was before it changed. What is missing in its new home is looked for in its old "
          "one, and moved when somebody asks for it. Take this out when the old stores have nothing more "
          "to give. Meanwhile no store that needs news can stand above.")
      .check(shard::check_options);
}

namespace shard {
namespace {

// A store may stand in both lists; two that keep their blobs in the same one are two names for one home, and
// a blob that moves between them would be dropped where it was just put.
expected<void> check_homes(const shard_options& options, const promises_of& of) {
  for (const auto& part : options.stores)
    for (const auto* list : {&options.stores, &options.was})
      for (const auto& other : *list) {
        if (part.store == other.store) continue;
        if (auto apart = check_apart(part.store.name, of(part.store), other.store.name, of(other.store));
            !apart)
          return apart;
      }
  return {};
}

}  // namespace
}  // namespace shard

expected<store_promises> shard_promises(const shard_options& options, const promises_of& of) {
  if (auto apart = shard::check_homes(options, of); !apart) return failure(apart.error());
  auto all = of(options.stores.front().store);
  for (const auto* list : {&options.stores, &options.was})
    for (const auto& part : *list) all = promised_together({all, of(part.store)});
  all.tells_news = all.tells_news && options.was.empty();
  return all;
}

}  // namespace kiln
