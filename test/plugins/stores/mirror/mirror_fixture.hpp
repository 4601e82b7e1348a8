#pragma once

#include <string>

#include "plugins/stores/mirror/mirror_state.hpp"
#include "plugins/stores/mirror/mirror_store.hpp"
#include "test/plugins/stores/kit/acting_store.hpp"

namespace kiln::test::mirror_tests {

/// A mirror of two stores of memory, each with a conduct.
struct mirrored : acting_stores {
  // One side has the new result then, and none the old one; a search between two such writes may miss both.
  static constexpr bool failed_writes_may_hide = true;

  mirror_options options;

  explicit mirrored(mirror_writes writes = mirror_writes::all, store_role role = store_role::content,
                    std::uint64_t seed = 1, pick order = pick::oldest)
      : acting_stores(seed, order) {
    what = role;
    options.stores = {{"near"}, {"far"}};
    options.writes = writes;
    add("near");
    add("far");
    reopen();
  }
  void reopen() { open(spawn_mirror_store(options, context("mirror"))); }

  part& near() { return (*this)["near"]; }
  part& far() { return (*this)["far"]; }
  bool has_both(const digest& blob) { return has("near", blob) && has("far", blob); }
  digest written(const std::string& content) {
    const auto blob = digest_of(content);
    if (!write(blob, content)) throw std::runtime_error("nothing could be written");
    return blob;
  }
  void forget(const std::string& part, const digest& blob) {
    if (!system.ask<forgotten>((*this)[part].itself, forget_blob{blob}))
      throw std::runtime_error("nothing could be forgotten");
  }

  std::uint64_t repaired() { return counted("kiln_mirror_repaired_total", "mirror"); }
  std::uint64_t failed_repairs() { return counted("kiln_mirror_failed_repairs_total", "mirror"); }
  std::uint64_t one_sided() { return counted("kiln_mirror_one_sided_writes_total", "mirror"); }
};

struct mirrored_by_any : mirrored {
  mirrored_by_any() : mirrored(mirror_writes::any) {}
};

struct mirrored_results : mirrored {
  digest action = digest_of("an action");

  explicit mirrored_results(std::uint64_t seed = 1, pick order = pick::oldest)
      : mirrored(mirror_writes::all, store_role::results, seed, order) {}
  std::string now() { return read(action).value_or("none"); }
  std::string now_in(const std::string& part) { return read_in(part, action).value_or("none"); }
};

}  // namespace kiln::test::mirror_tests
