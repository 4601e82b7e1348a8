#include "core/plugin/store_tree.hpp"

#include <caf/exit_reason.hpp>
#include <caf/send.hpp>
#include <map>
#include <utility>

namespace kiln {
namespace {

std::string place_of(const configured& store) {
  return fmt::format("{}:{}: store {}", store.description.file(), store.description.where().line, store.name);
}

}  // namespace

store_tree::demands store_tree::spread(const std::vector<configured>& stores, demands wanted,
                                       faults& collected) {
  // Those that refer come after those they refer to, so the walk goes backwards.
  for (auto store = stores.rbegin(); store != stores.rend(); ++store) {
    auto demanded = wanted.find(store->name);
    if (demanded == wanted.end()) continue;
    for (const auto& use : store->uses) {
      const store_role what = use.of_results   ? store_role::results
                              : use.of_content ? store_role::content
                                               : demanded->second;
      auto [inner, fresh] = wanted.emplace(use.name, what);
      if (!fresh && inner->second != what) complain_of_both(use, collected);
    }
  }
  return wanted;
}

void complain_of_both(const store_refs::use& use, faults& collected) {
  use.at.complain(collected,
                  "store {} cannot hold both blobs and action results; give each a store of its own",
                  use.name);
}

store_tree::promises_by_name store_tree::promises(const std::vector<configured>& stores,
                                                  const plugin_registry& plugins, faults& collected) {
  promises_by_name all;
  auto of = [&all](const store_ref& inner) {
    auto found = all.find(inner.name);
    auto promised = found == all.end() ? store_promises() : found->second;
    promised.noted_in.clear();  // that is of the one who notes
    return promised;
  };
  std::map<std::pair<std::string, std::string>, std::string> who_notes;  // by type, and store at the bottom
  for (const auto& store : stores) {
    const store_plugin* plugin = plugins.store(store.type);
    if (plugin == nullptr) continue;  // whoever spawns it says so
    auto promised = plugin->promises(store.options, of);
    if (!promised) store.description.complain(collected, "{}", promised.error().message());
    auto& kept = all.emplace(store.name, promised.value_or(store_promises())).first->second;
    if (store.uses.empty()) kept.lies_in = {store.name};
    for (const auto& where : kept.noted_in)
      if (auto [first, is_new] = who_notes.try_emplace({store.type, where}, store.name); !is_new)
        store.description.complain(
            collected,
            "what it notes about its blobs would lie in store {}, where store {}, which is a {} too, has its "
            "own: the one would drop what the other has; give each a store of its own for that",
            where, first->second, store.type);
  }
  return all;
}

expected<store_tree> store_tree::spawn(const std::vector<configured>& stores, const demands& wanted,
                                       const plugin_registry& plugins, const store_context& base) {
  faults collected;
  auto roles = spread(stores, wanted, collected);
  const auto promised = promises(stores, plugins, collected);
  if (auto good = collected.as_result(); !good) return failure(good.error());
  store_tree tree;
  for (const auto& store : stores) {
    const store_plugin* plugin = plugins.store(store.type);
    if (plugin == nullptr)
      return fail(errc::invalid_argument, "{}: no plugin for type {}", place_of(store), store.type);
    store_context context = base;
    context.name = store.name;
    context.promises = [&promised](const store_ref& inner) { return promised.at(inner.name); };
    auto role = roles.find(store.name);
    context.what = role == roles.end() ? store_role::content : role->second;
    bool shared = false;
    context.names_are_shared = [&shared] { shared = true; };
    context.store = [&tree, &shared, what = context.what](const store_ref& inner) {
      shared = shared || (what == store_role::results && tree.shares_names(inner.name));
      return tree.find(inner.name);
    };
    auto spawned = plugin->spawn(store.options, context);
    if (!spawned) return with_context(spawned.error(), "{}", place_of(store));
    tree.stores_.emplace_back(store.name, std::move(*spawned));
    if (shared) tree.shared_.insert(store.name);
  }
  return tree;
}

store_actor store_tree::find(const std::string& name) const {
  for (const auto& [key, store] : stores_)
    if (key == name) return store;
  return {};
}

store_tree::~store_tree() {
  for (auto store = stores_.rbegin(); store != stores_.rend(); ++store)
    caf::anon_send_exit(store->second, caf::exit_reason::user_shutdown);
}

}  // namespace kiln
