#include "core/config/kinds.hpp"

#include <algorithm>
#include <iterator>
#include <map>
#include <set>

#include "core/config/names.hpp"
#include "core/config/nearest.hpp"

namespace kiln {

namespace {

template <class Map>
std::vector<std::string_view> keys_of(const Map& map) {
  std::vector<std::string_view> result;
  for (const auto& [key, value] : map) result.push_back(key);
  return result;
}

std::shared_ptr<const section_schema> schema_of(const node& section, const kind_table& table,
                                                std::string& type, faults& collected) {
  if (!section.is_map()) {
    section.complain(collected, "expected a section with a type, found {}", section.found());
    return nullptr;
  }
  auto said = section.find("type");
  if (!said) {
    section.absent("type").complain(collected, "required, but missing{}", suggestion("", keys_of(table)));
    return nullptr;
  }
  if (!said->is_scalar()) {
    said->complain(collected, "expected the name of a type, found {}", said->found());
    return nullptr;
  }
  auto found = table.find(said->text());
  if (found == table.end()) {
    said->complain(collected, "unknown type {}{}", said->found(), suggestion(said->text(), keys_of(table)));
    return nullptr;
  }
  type = found->first;
  return found->second;
}

/// Stores and who refers to whom, by their index.
class store_graph {
public:
  explicit store_graph(std::vector<configured> stores, faults& collected) : stores_(std::move(stores)) {
    for (std::size_t i = 0; i < stores_.size(); ++i)
      if (!index_.emplace(stores_[i].name, i).second)
        stores_[i].description.complain(collected, "another store is called {} already",
                                        in_quotes(stores_[i].name));
  }

  void complain_of_unknown(const store_refs& stores, faults& collected) const {
    auto known = keys_of(index_);
    for (const auto& use : stores.used)
      if (!index_.contains(use.name))
        use.at.complain(collected, "no store is called {}{}", in_quotes(use.name),
                        suggestion(use.name, known));
  }

  /// What is referred to comes first; otherwise as they were. Leaves out whatever depends on a circle.
  std::vector<configured> take_in_order(faults& collected) {
    std::vector<std::size_t> waiting_for(stores_.size());
    std::vector<std::vector<std::size_t>> users(stores_.size());
    std::set<std::size_t> ready;
    for (std::size_t i = 0; i < stores_.size(); ++i) {
      for (std::size_t used : used_by(i)) {
        users[used].push_back(i);
        ++waiting_for[i];
      }
      if (waiting_for[i] == 0) ready.insert(i);
    }
    std::vector<std::size_t> order;
    while (!ready.empty()) {
      auto next = ready.extract(ready.begin()).value();
      order.push_back(next);
      for (std::size_t user : users[next])
        if (--waiting_for[user] == 0) ready.insert(user);
    }
    if (order.size() < stores_.size()) complain_of_circle(waiting_for, collected);
    std::vector<configured> result;
    for (std::size_t i : order) result.push_back(std::move(stores_[i]));
    return result;
  }

private:
  std::vector<std::size_t> used_by(std::size_t i) const {
    std::vector<std::size_t> result;
    for (const auto& use : stores_[i].uses)
      if (auto found = index_.find(use.name); found != index_.end()) result.push_back(found->second);
    return result;
  }

  /// Whoever still waits uses somebody who still waits: following that leads into a circle.
  void complain_of_circle(const std::vector<std::size_t>& waiting_for, faults& collected) const {
    std::size_t at = 0;
    while (waiting_for[at] == 0) ++at;
    std::vector<std::size_t> way;
    std::set<std::size_t> seen;
    while (seen.insert(at).second) {
      way.push_back(at);
      for (std::size_t used : used_by(at))
        if (waiting_for[used] > 0) at = used;
    }
    std::string circle;
    auto start = std::find(way.begin(), way.end(), at);
    for (auto i = start; i != way.end(); ++i) circle += stores_[*i].name + " -> ";
    stores_[at].description.complain(collected, "stores refer to one another in a circle: {}{}", circle,
                                     stores_[at].name);
  }

  std::vector<configured> stores_;
  std::map<std::string, std::size_t, std::less<>> index_;
};

}  // namespace

configured read_kind(std::string name, const node& section, const kind_table& table, faults& collected,
                     store_refs& stores) {
  configured result;
  result.name = std::move(name);
  result.description = section;
  result.schema = schema_of(section, table, result.type, collected);
  if (result.schema == nullptr) return result;
  store_refs own;
  result.options = result.schema->read_any(section, collected, own, "type");
  std::copy(own.used.begin(), own.used.end(), std::back_inserter(stores.used));
  std::move(own.inline_stores.begin(), own.inline_stores.end(), std::back_inserter(stores.inline_stores));
  result.uses = std::move(own.used);
  return result;
}

std::vector<configured> read_kinds(const node& section, const kind_table& table, faults& collected,
                                   store_refs& stores) {
  std::vector<configured> result;
  for (const auto& [key, where, value] : section.entries()) {
    if (!is_name(key))
      collected.add({section.file(), where, value.path(), "a name is made of letters, digits, _ and -"});
    result.push_back(read_kind(key, value, table, collected, stores));
  }
  return result;
}

std::vector<configured> resolve_stores(std::vector<configured> named, store_refs& stores,
                                       const kind_table& table, faults& collected) {
  // Reading one may find more within it, at the end of the same list.
  for (std::size_t i = 0; i < stores.inline_stores.size(); ++i) {
    auto [name, description] = stores.inline_stores[i];
    named.push_back(read_kind(std::move(name), description, table, collected, stores));
  }
  store_graph graph(std::move(named), collected);
  graph.complain_of_unknown(stores, collected);
  return graph.take_in_order(collected);
}

}  // namespace kiln
