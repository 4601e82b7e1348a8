#include <algorithm>
#include <iterator>

#include "test/conformance/lie.hpp"

namespace kiln::conformance {

std::vector<lie> all_lies() {
  std::vector<lie> all;
  for (auto some : {content_lies, tree_lies, reading_lies, writing_lies, result_lies, capabilities_lies,
                    execution_lies, worker_lies, operations_lies}) {
    auto more = some();
    std::move(more.begin(), more.end(), std::back_inserter(all));
  }
  std::stable_sort(all.begin(), all.end(), [](const lie& a, const lie& b) { return a.rule < b.rule; });
  return all;
}

}  // namespace kiln::conformance
