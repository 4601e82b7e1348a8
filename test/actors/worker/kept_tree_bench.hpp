#pragma once

#include <algorithm>
#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <thread>

#include "core/wire/digests.hpp"
#include "test/actors/worker/sandbox_bench.hpp"
#include "test/harness/file_systems.hpp"

namespace kiln::test {

/// Paths of files, each with its content; "-> x" is a link to x, "! x" a program, and a path that ends in a
/// slash an empty folder.
using picture = std::map<std::string, std::string>;

struct kept_tree_bench : sandbox_bench {
  bool start_working() { return sandbox_bench::start_working() && !lies_on_overlay(folder.path().string()); }

  /// The Directory of what lies below `folder`, which is empty or ends with a slash; all of it is put.
  v2::Directory directory_of(const picture& all, const std::string& folder = "") {
    v2::Directory made;
    std::set<std::string> children;
    for (const auto& [path, content] : all) {
      if (!path.starts_with(folder) || path == folder) continue;
      const auto rest = path.substr(folder.size());
      if (auto slash = rest.find('/'); slash != std::string::npos) {
        children.insert(rest.substr(0, slash));
      } else if (content.starts_with("-> ")) {
        auto* link = made.add_symlinks();
        link->set_name(rest);
        link->set_target(content.substr(3));
      } else {
        const bool program = content.starts_with("! ");
        add_file(made, rest, program ? content.substr(2) : content, program);
      }
    }
    for (const auto& name : children) {
      auto* child = made.add_directories();
      child->set_name(name);
      to_wire(put(directory_of(all, folder + name + "/")), child->mutable_digest());
    }
    return made;
  }

  /// What `listing` says of it.
  static std::string text_of(const picture& all) {
    std::set<std::string> lines;
    for (const auto& [path, content] : all) {
      for (std::size_t at = path.find('/'); at != std::string::npos; at = path.find('/', at + 1))
        lines.insert(path.substr(0, at) + "|d|");
      if (path.ends_with('/')) continue;
      if (content.starts_with("-> "))
        lines.insert(path + "|l|" + content.substr(3));
      else
        lines.insert(path + "|f|" + (content.starts_with("! ") ? content.substr(2) : content));
    }
    std::string text;
    for (auto line : lines) {
      std::replace(line.begin(), line.end(), '\n', '~');
      text += line + "\n";
    }
    return text;
  }
  static constexpr char listing[] =
      "export LC_ALL=C; find . -mindepth 1 | while read -r f; do n=${f#./}; "
      "if test -L \"$f\"; then echo \"$n|l|$(readlink \"$f\")\"; "
      "elif test -d \"$f\"; then echo \"$n|d|\"; else echo \"$n|f|$(tr '\\n' '~' < \"$f\")\"; fi; done | "
      "sort";

  struct ran {
    std::string out;
    worker::v1::ActionFacts facts;
    v2::ActionResult result;
  };
  ran done(const v2::Command& command, const picture& inputs) {
    auto outcome = run(command, directory_of(inputs));
    BOOST_TEST(outcome.status.ok(), outcome.status.to_string());
    ran seen;
    seen.result = result_of(outcome);
    seen.out = out_of(outcome);
    seen.facts = facts_of(seen.result);
    BOOST_TEST(outcome.exit_code == 0);
    if (seen.result.has_stderr_digest()) BOOST_TEST(get(seen.result.stderr_digest()) == "");
    BOOST_TEST(seen.facts.input_method() == "overlay");
    return seen;
  }
  ran done(const std::string& script, const picture& inputs) { return done(shell(script), inputs); }

  std::filesystem::path shelf() const { return std::filesystem::path(options.work_root) / "trees"; }
  /// Those that are there, by name, when nothing is being removed any more.
  std::set<std::string> on_the_shelf() const {
    std::set<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(shelf())) {
      const auto name = entry.path().filename().string();
      if (name != "stamp" && name != "whiteout" && !name.starts_with("new-")) names.insert(name);
    }
    return names;
  }
  bool has_logged(const std::string& text) const {
    for (const auto& line : log_lines())
      if (line.find(text) != std::string::npos) return true;
    return false;
  }
  /// The next worker finds what the last has left.
  void start_anew() {
    fire();
    // The last one has gone when its folder is free.
    for (;;) try {
        return hire();
      } catch (const std::runtime_error& busy) {
        if (std::string_view(busy.what()).find("another worker works there") == std::string_view::npos) throw;
        std::this_thread::yield();
      }
  }
};

inline picture some_files(std::size_t count) {
  picture all;
  for (std::size_t i = 0; i < count; ++i)
    all["d" + std::to_string(i % 7) + "/f" + std::to_string(i)] = "content " + std::to_string(i);
  return all;
}

}  // namespace kiln::test
