#pragma once

#include <boost/test/unit_test.hpp>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "build/bazel/remote/execution/v2/remote_execution.pb.h"
#include "core/merkle/merkle_walk.hpp"
#include "core/wire/digests.hpp"
#include "core/wire/message.hpp"

namespace kiln::test {

namespace v2 = build::bazel::remote::execution::v2;

/// Directories by their digests, and a walk through them, one batch after another.
struct merkle_fixture {
  static void add_file(v2::Directory& to, const std::string& name, const digest& blob,
                       bool executable = false) {
    auto* node = to.add_files();
    node->set_name(name);
    node->set_is_executable(executable);
    to_wire(blob, node->mutable_digest());
  }
  static void add_child(v2::Directory& to, const std::string& name, const digest& directory) {
    auto* node = to.add_directories();
    node->set_name(name);
    to_wire(directory, node->mutable_digest());
  }
  static void add_link(v2::Directory& to, const std::string& name, const std::string& target) {
    auto* node = to.add_symlinks();
    node->set_name(name);
    node->set_target(target);
  }

  digest put(const bytes& content) {
    const auto name = digest_of(content.view());
    there[name] = content;
    return name;
  }
  digest put(const v2::Directory& directory) { return put(serialise(directory)); }
  /// What a store that checks nothing might have under a name.
  void put_as(const digest& name, const v2::Directory& directory) { there[name] = serialise(directory); }
  /// Each holds the one before it, as often as this; the lowest has one file.
  digest chain(int directories, int each = 1) {
    v2::Directory last;
    add_file(last, "bottom", digest_of("bottom"));
    while (--directories > 0) {
      const auto below = put(last);
      last = {};
      for (int i = 0; i < each; ++i) add_child(last, std::string(1, static_cast<char>('a' + i)), below);
    }
    return put(last);
  }
  digest wide(int children) {
    v2::Directory root;
    for (int i = 0; i < children; ++i) {
      v2::Directory child;
      add_file(child, "file", digest_of(std::to_string(i)));
      add_child(root, fmt::format("{:06}", i), put(child));
    }
    return put(root);
  }

  expected<bytes> read(const digest& name) {
    ++reads[name];
    auto found = there.find(name);
    if (found == there.end()) return fail(errc::not_found, "no blob {}", name);
    return found->second;
  }

  /// To its end; what it found, or why it ended.
  expected<walked_tree> walk(const std::vector<digest>& roots, const walk_rules& rules = {}) {
    merkle_walk walk(digest_function::sha256, rules);
    batches.clear();
    for (const auto& root : roots)
      if (auto added = walk.add_root(root); !added) return failure(added.error());
    for (;;) {
      auto next = walk.next_batch();
      if (next.empty()) break;
      for (std::size_t i = 0; i < next.names.size(); ++i)
        if (auto taken = walk.take(next.places[i], read(next.names[i])); !taken)
          return failure(taken.error());
      batches.push_back(std::move(next));
    }
    BOOST_TEST(walk.over());
    missing = walk.missing();
    return walk.finish();
  }
  expected<walked_tree> walk(const digest& root, const walk_rules& rules = {}) {
    return walk(std::vector{root}, rules);
  }
  std::string fault_of(const digest& root, const walk_rules& rules) {
    auto ended = walk(root, rules);
    return ended ? "none" : ended.error().to_string();
  }

  static walk_rules of(walk_detail detail) {
    walk_rules rules;
    rules.detail = detail;
    return rules;
  }

  std::unordered_map<digest, bytes> there;
  std::unordered_map<digest, int> reads;
  std::vector<merkle_walk::batch> batches;
  std::vector<digest> missing;
};

inline constexpr walk_detail all_details[] = {walk_detail::directories, walk_detail::blobs,
                                              walk_detail::paths, walk_detail::everything};

}  // namespace kiln::test
