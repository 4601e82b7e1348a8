#include <limits.h>

#include <algorithm>
#include <filesystem>
#include <map>

#include "actors/system/configuration_checks.hpp"

namespace kiln {
namespace {

namespace fs = std::filesystem;

// The same folder under two names is one folder, also where it is still to be made.
fs::path one_name_of(const std::string& text) {
  std::error_code fault;
  auto whole = fs::absolute(text, fault);
  if (fault) whole = text;
  auto known = fs::weakly_canonical(whole, fault);
  auto name = fault ? whole.lexically_normal() : known;
  return name.has_filename() ? name : name.parent_path();
}

void gather(const node& section, const section_schema& schema, std::vector<node>& claims) {
  for (const auto& field : schema.fields()) {
    if (!field.is_own_folder) continue;
    auto said = section.find(field.name);
    if (said && !said->text().empty() && said->text().size() < PATH_MAX) claims.push_back(*said);
  }
}

class folder_claims {
public:
  explicit folder_claims(faults& found) : found_(found) {}

  /// In the order of the text, so that the later one is told of the earlier.
  void claim(std::vector<node> claims) {
    std::stable_sort(claims.begin(), claims.end(),
                     [](const node& a, const node& b) { return a.where() < b.where(); });
    for (const auto& said : claims) {
      auto [first, fresh] = owners_.emplace(one_name_of(said.text()), said);
      if (!fresh)
        said.complain(found_, "folder {} belongs to {} (line {}) already; give each a folder of its own",
                      in_quotes(said.text()), first->second.path(), first->second.where().line);
    }
    for (const auto& [folder, said] : owners_) look_above(folder, said);
  }

private:
  // Whoever owns a folder owns what lies in it: there it makes, moves and removes as it likes.
  void look_above(const fs::path& folder, const node& said) const {
    for (auto above = folder; above.has_relative_path();) {
      above = above.parent_path();
      auto owner = owners_.find(above);
      if (owner == owners_.end()) continue;
      return complain_of_nesting(said, owner->second);
    }
  }

  void complain_of_nesting(const node& inner, const node& outer) const {
    constexpr const char* cure = "let neither lie within the other";
    if (outer.where() < inner.where())
      inner.complain(found_, "folder {} lies within {}, which belongs to {} (line {}); {}",
                     in_quotes(inner.text()), in_quotes(outer.text()), outer.path(), outer.where().line,
                     cure);
    else
      outer.complain(found_, "within folder {} lies {}, which belongs to {} (line {}); {}",
                     in_quotes(outer.text()), in_quotes(inner.text()), inner.path(), inner.where().line,
                     cure);
  }

  faults& found_;
  std::map<fs::path, node> owners_;  // by folder, where it is claimed first
};

}  // namespace

void check_own_folders(const node& root, const std::vector<configured>& stores, faults& found) {
  std::vector<node> claims;
  for (const auto& one : stores)
    if (one.schema) gather(one.description, *one.schema, claims);
  // Also of a worker that something else is wrong with: all is told at once.
  if (auto worker = root.find("worker")) gather(*worker, worker_schema(), claims);
  folder_claims(found).claim(std::move(claims));
}

}  // namespace kiln
