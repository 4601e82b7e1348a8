#include "core/plugin/store_tree.hpp"

#include <caf/exit_reason.hpp>
#include <caf/send.hpp>

namespace kiln {
namespace {

std::string place_of(const configured& store) {
  return fmt::format("{}:{}: store {}", store.description.file(), store.description.where().line, store.name);
}

std::string_view words_for(holds what) {
  return what == holds::content ? "blobs" : "action results";
}

// Passes demands down: those that refer come after those they refer to, so the walk goes backwards.
expected<store_tree::demands> spread(const std::vector<configured>& stores, store_tree::demands wanted) {
  for (auto store = stores.rbegin(); store != stores.rend(); ++store) {
    auto demanded = wanted.find(store->name);
    if (demanded == wanted.end()) continue;
    holds what = demanded->second;
    for (const auto& use : store->uses) {
      auto [inner, fresh] = wanted.emplace(use.name, what);
      if (!fresh && inner->second != what)
        return fail(errc::invalid_argument,
                    "{}:{}: store {} cannot hold both {} and {}; give each a store of its own", use.at.file(),
                    use.at.where().line, use.name, words_for(inner->second), words_for(what));
    }
  }
  return wanted;
}

}  // namespace

expected<store_tree> store_tree::spawn(const std::vector<configured>& stores, const demands& wanted,
                                       const plugin_registry& plugins, const store_context& base) {
  auto roles = spread(stores, wanted);
  if (!roles) return failure(roles.error());
  store_tree tree;
  for (const auto& store : stores) {
    const store_plugin* plugin = plugins.store(store.type);
    if (plugin == nullptr)
      return fail(errc::invalid_argument, "{}: no plugin for type {}", place_of(store), store.type);
    store_context context = base;
    context.name = store.name;
    auto role = roles->find(store.name);
    context.what = role == roles->end() ? holds::content : role->second;
    context.store = [&tree](const store_ref& inner) { return tree.find(inner.name); };
    auto spawned = plugin->spawn(store.options, context);
    if (!spawned) return with_context(spawned.error(), "{}", place_of(store));
    tree.stores_.emplace_back(store.name, std::move(*spawned));
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
