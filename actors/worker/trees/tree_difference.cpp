#include "actors/worker/trees/tree_difference.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "actors/worker/command/command_plan.hpp"

namespace kiln {
namespace {

class tree_comparison {
public:
  tree_comparison(const walked_tree& wanted, const walked_tree& below, bool links, std::uint64_t most)
      : wanted_(wanted), below_(below), most_(most), made_(std::make_shared<input_tree>()) {
    made_->links = links;
  }

  std::shared_ptr<input_tree> run() {
    made_->folders.push_back({});
    pairs_.push_back({wanted_.root(), below_.root(), true});
    for (std::uint32_t index = 0; index < pairs_.size(); ++index) {
      compare(index);
      if (count_ > most_) return nullptr;
    }
    return made_;
  }

private:
  using place = walked_tree::place;
  /// A folder that is in both and differs, or is only wanted.
  struct pair {
    place wanted;
    place below;
    bool in_both;
  };
  enum class kind : std::uint8_t { file, link, folder };
  struct entry {
    kind what;
    std::size_t index;  ///< among those of its kind
  };
  using names = std::unordered_map<std::string_view, entry>;

  names names_below(const pair& at) const {
    names found;
    if (!at.in_both) return found;
    auto add = [&](kind what, const auto& all) {
      for (std::size_t i = 0; i < all.size(); ++i) found.emplace(below_[all[i].name], entry{what, i});
    };
    add(kind::file, below_.files(at.below));
    add(kind::link, below_.links(at.below));
    add(kind::folder, below_.children(at.below));
    return found;
  }

  /// What is there under the name, which is not hidden then: whatever is put there covers it.
  static std::optional<entry> take(names& from, std::string_view name) {
    auto found = from.find(name);
    if (found == from.end()) return std::nullopt;
    auto result = found->second;
    from.erase(found);
    return result;
  }

  void compare(std::uint32_t index) {
    const auto at = pairs_[index];
    auto there = names_below(at);
    for (const auto& file : wanted_.files(at.wanted)) {
      auto old = take(there, wanted_[file.name]);
      if (old && old->what == kind::file) {
        const auto& same = below_.files(at.below)[old->index];
        if (same.executable == file.executable && below_.blob(same.blob) == wanted_.blob(file.blob)) continue;
      }
      ++count_;
      made_->files.push_back({index, text(file.name), wanted_.blob(file.blob), file.executable});
      if (file.blob != walked_tree::nothing) made_->lent.try_emplace(made_->wanted(made_->files.back()));
    }
    for (const auto& link : wanted_.links(at.wanted)) {
      auto old = take(there, wanted_[link.name]);
      if (old && old->what == kind::link &&
          below_[below_.links(at.below)[old->index].target] == wanted_[link.target])
        continue;
      ++count_;
      made_->symlinks.push_back({index, text(link.name), text(link.target)});
    }
    for (const auto& child : wanted_.children(at.wanted)) {
      auto old = take(there, wanted_[child.name]);
      const bool in_both = old && old->what == kind::folder;
      const place below = in_both ? below_.children(at.below)[old->index].directory : walked_tree::nothing;
      if (in_both && below_.directory(below) == wanted_.directory(child.directory)) continue;
      ++count_;
      made_->folders.push_back({join_path(made_->folders[index].path, text(child.name))});
      pairs_.push_back({child.directory, below, in_both});
    }
    count_ += there.size();
    if (count_ > most_) return;
    for (const auto& [name, what] : there) made_->hidden.push_back({index, std::string(name)});
  }

  std::string text(walked_tree::text which) const { return std::string(wanted_[which]); }

  const walked_tree& wanted_;
  const walked_tree& below_;
  const std::uint64_t most_;
  std::shared_ptr<input_tree> made_;
  std::vector<pair> pairs_;  ///< by index of their folder
  std::uint64_t count_ = 0;
};

}  // namespace

std::shared_ptr<input_tree> tree_difference(const walked_tree& wanted, const walked_tree& below, bool links,
                                            std::uint64_t most) {
  return tree_comparison(wanted, below, links, most).run();
}

}  // namespace kiln
