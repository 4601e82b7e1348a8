#include "actors/system/configuration_checks.hpp"

#include <algorithm>
#include <filesystem>
#include <map>

#include "core/config/nearest.hpp"

namespace kiln {
namespace {

// The same folder under two names is one folder.
std::string one_name_of(const std::string& path) {
  std::error_code fault;
  auto known = std::filesystem::weakly_canonical(path, fault);
  auto name = (fault ? std::filesystem::path(path).lexically_normal() : known).string();
  while (name.size() > 1 && name.ends_with('/')) name.pop_back();
  return name;
}

class folder_claims {
public:
  explicit folder_claims(faults& found) : found_(found) {}

  void claim(const node& section, const section_schema& schema) {
    for (const auto& field : schema.fields()) {
      if (!field.is_own_folder) continue;
      auto said = section.find(field.name);
      if (!said || said->text().empty()) continue;
      auto [first, fresh] = owners_.emplace(one_name_of(said->text()), said->path());
      if (!fresh)
        said->complain(found_, "folder {} belongs to {} already; give each a folder of its own",
                       in_quotes(said->text()), first->second);
    }
  }

private:
  faults& found_;
  std::map<std::string, std::string> owners_;  // by folder, the path of the option that claims it
};

}  // namespace

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

void check_own_folders(const node& root, const node_options& options, const std::vector<configured>& stores,
                       faults& found) {
  folder_claims claims(found);
  for (const auto& one : stores)
    if (one.schema) claims.claim(one.description, *one.schema);
  if (auto worker = root.find("worker"); worker && options.worker) claims.claim(*worker, worker_schema());
}

}  // namespace kiln
