#include "actors/system/store_drawing.hpp"

#include <algorithm>
#include <set>
#include <string_view>
#include <vector>

namespace kiln {
namespace {

std::string in_text(const store_promises& all) {
  std::string text;
  auto say = [&](bool is_so, std::string_view what) {
    if (is_so) text += fmt::format("{}{}", text.empty() ? "" : ", ", what);
  };
  say(!all.keeps, "keeps nothing");
  say(all.durable, "durable");
  say(all.shared, "shared");
  say(all.lends_files, "lends files");
  say(all.leases, "leases");
  say(all.tells_news, "tells news");
  return text.empty() ? "promises nothing" : text;
}

class drawing {
public:
  explicit drawing(const configuration& known) : known_(known) {}

  std::string text() {
    std::set<std::string> below;
    for (const auto& store : known_.stores)
      for (const auto& use : store.uses) below.insert(use.name);
    std::vector<const configured*> tops;
    for (const auto& store : known_.stores)
      if (!below.contains(store.name)) tops.push_back(&store);
    // As they stand in the file, not as they are spawned.
    std::stable_sort(tops.begin(), tops.end(), [](const configured* one, const configured* other) {
      return one->description.where().line < other->description.where().line;
    });
    for (const auto* store : tops) draw(*store, "", "", "");
    return std::move(text_);
  }

private:
  // `first` stands before its own line, `others` before those of the stores below it.
  void draw(const configured& store, std::string_view option, const std::string& first,
            const std::string& others) {
    const bool is_new = drawn_.insert(store.name).second;
    text_ += first + line_of(store, option) + (is_new || store.uses.empty() ? "\n" : " (see above)\n");
    if (!is_new) return;
    for (std::size_t i = 0; i < store.uses.size(); ++i) {
      const bool is_last = i + 1 == store.uses.size();
      const auto& use = store.uses[i];
      auto inner = std::find_if(known_.stores.begin(), known_.stores.end(),
                                [&](const configured& one) { return one.name == use.name; });
      if (inner == known_.stores.end()) continue;  // of a node that is not whole
      draw(*inner, option_of(store, use), others + (is_last ? "└─ " : "├─ "),
           others + (is_last ? "   " : "│  "));
    }
  }
  std::string line_of(const configured& store, std::string_view option) const {
    std::string line;
    if (!option.empty()) line += fmt::format("{}: ", option);
    // An inline store is named after the option.
    if (store.name.find('.') == std::string::npos) line += fmt::format("{} = ", store.name);
    auto role = known_.roles.find(store.name);
    const std::string_view holds = role == known_.roles.end()            ? "used by nobody"
                                   : role->second == store_role::content ? "content"
                                                                         : "results";
    auto promised = known_.promises.find(store.name);
    return line +
           fmt::format("{} ({}): {}", store.type, holds,
                       in_text(promised == known_.promises.end() ? store_promises() : promised->second));
  }
  // "inner" of "stores.cas.inner", where `cas` refers to it.
  static std::string option_of(const configured& store, const store_refs::use& use) {
    const std::string path = use.at.path();
    const auto name = path.find(store.name);
    return name == std::string::npos ? path
                                     : path.substr(std::min(path.size(), name + store.name.size() + 1));
  }

  const configuration& known_;
  std::set<std::string> drawn_;
  std::string text_;
};

}  // namespace

std::string draw_stores(const configuration& known) {
  return drawing(known).text();
}

}  // namespace kiln
