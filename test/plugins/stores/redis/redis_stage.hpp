#pragma once

#include <string>
#include <thread>

#include "test/contract/claims.hpp"

namespace kiln::test {

inline contract::subject redis_at(const std::string& endpoints, const std::string& more = {},
                                  store_role what = store_role::content) {
  return {"{type: redis, endpoints: [" + endpoints + "]" + more + "}", what};
}

/// Asks until it is so; a test that waits for long has failed. For what nobody announces.
template <class Question>
bool comes_true(Question is_so) {
  const auto until = system_clock().now() + contract::patience;
  while (system_clock().now() < until) {
    if (is_so()) return true;
    std::this_thread::yield();
  }
  return false;
}

inline std::string redis_key_of(const digest& blob) {
  return "kiln:cas:sha256:" + blob.hex() + "-" + std::to_string(blob.size);
}

}  // namespace kiln::test
