#include <algorithm>
#include <array>
#include <iterator>

#include "actors/tools/conform/rule.hpp"

namespace kiln::conform {

std::span<const section> sections() noexcept {
  static constexpr std::array<section, 12> all{{
      {1, "Digests, instance names, resource names", 1, 21},
      {2, "FindMissingBlobs, BatchUpdateBlobs, BatchReadBlobs", 22, 48},
      {3, "GetTree", 49, 61},
      {4, "SplitBlob, SpliceBlob", 62, 77},
      {5, "ByteStream.Read", 78, 91},
      {6, "ByteStream.Write", 92, 120},
      {7, "ByteStream.QueryWriteStatus", 121, 127},
      {8, "ActionCache", 128, 146},
      {9, "Capabilities", 147, 157},
      {10, "Execute, WaitExecution", 158, 187},
      {11, "What a worker does", 188, 210},
      {12, "Operations and transport", 211, 222},
  }};
  return all;
}

const section& section_of(const rule& about) noexcept {
  auto all = sections();
  auto found =
      std::find_if(all.begin(), all.end(), [&](const section& s) { return about.number <= s.last_rule; });
  return found == all.end() ? all.back() : *found;
}

std::vector<rule> all_rules() {
  std::vector<rule> all;
  for (auto section : {digest_rules, resource_name_rules, batch_rules, batch_limit_rules, get_tree_rules,
                       chunk_rules, reading_rules, writing_rules, write_status_rules, action_cache_rules,
                       capabilities_rules, execution_rules, worker_rules, operations_rules}) {
    auto some = section();
    std::move(some.begin(), some.end(), std::back_inserter(all));
  }
  std::sort(all.begin(), all.end(), [](const rule& a, const rule& b) { return a.number < b.number; });
  return all;
}

}  // namespace kiln::conform
