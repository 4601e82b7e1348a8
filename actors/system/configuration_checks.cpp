#include "actors/system/configuration_checks.hpp"

#include <algorithm>
#include <map>

#include "core/config/nearest.hpp"

namespace kiln {

namespace {

// Of a transport without the option nobody here knows where it listens.
bool may_listen(const configured& transport) {
  if (!transport.schema) return true;
  auto fields = transport.schema->fields();
  bool can_say =
      std::any_of(fields.begin(), fields.end(), [](const auto& field) { return field.name == "listen"; });
  auto said = transport.description.find("listen");
  return !can_say || (said && !said->items().empty());
}

}  // namespace

void check_client_listener(const node& root, const node_options& options, faults& found) {
  auto serve = root.find("serve");
  if (!options.serve || !serve || options.transports.empty()) return;
  const auto& workers = options.serve->workers;
  for (const auto& one : options.transports)
    if (one.name != workers && may_listen(one)) return;
  serve->complain(
      found, "no transport listens for clients{}; give one an address, as in listen: [\"127.0.0.1:8980\"]",
      workers.empty() ? "" : fmt::format(": {} is for workers alone", workers));
}

void check_guests(const std::vector<configured>& transports, faults& found) {
  std::map<std::string, std::string> guests;  // by host
  for (const auto& one : transports) {
    auto said = one.description.find("beside");
    if (!said || said->text().empty()) continue;
    const auto& host = said->text();
    auto where = std::find_if(transports.begin(), transports.end(),
                              [&](const configured& other) { return other.name == host; });
    if (where == transports.end() || host == one.name) {
      std::vector<std::string_view> known;
      for (const auto& other : transports)
        if (other.name != one.name) known.push_back(other.name);
      said->complain(found, "no other transport is called {}{}", in_quotes(host), suggestion(host, known));
    } else if (!may_listen(*where)) {
      said->complain(found, "transport {} listens nowhere, so nothing can be spoken there", host);
    } else if (auto [first, fresh] = guests.emplace(host, one.name); !fresh) {
      said->complain(found, "transport {} is beside {} already", first->second, host);
    }
  }
}

void check_worker_listener(const node& root, const node_options& options, faults& found) {
  if (!options.serve || options.serve->workers.empty()) return;
  auto serve = root.find("serve");
  auto said = serve ? serve->find("workers") : std::nullopt;
  if (!said) return;
  const auto& name = options.serve->workers;
  auto named = std::find_if(options.transports.begin(), options.transports.end(),
                            [&](const configured& one) { return one.name == name; });
  if (named == options.transports.end()) {
    std::vector<std::string_view> known;
    for (const auto& one : options.transports) known.push_back(one.name);
    return said->complain(found, "no transport is called {}{}", in_quotes(name), suggestion(name, known));
  }
  auto listens = named->description.find("listen");
  if (!listens || listens->items().empty())
    said->complain(found, "transport {} listens nowhere, so no worker can join there", name);
}

}  // namespace kiln
