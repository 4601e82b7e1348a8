#pragma once

#include <algorithm>
#include <functional>
#include <string>
#include <thread>
#include <utility>

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

/// Gives pieces, and does something before it gives the one at `when`.
class meddling final : public blob_source {
public:
  meddling(std::string content, std::size_t piece, std::size_t when, std::function<void()> what)
      : content_(std::move(content)), piece_(piece), when_(when), what_(std::move(what)) {}
  void read(next then) override {
    if (given_ == when_) std::exchange(what_, [] {})();
    auto part = content_.substr(std::min(given_ * piece_, content_.size()), piece_);
    ++given_;
    then(byte_chain(bytes::adopt(std::move(part))));
  }

private:
  const std::string content_;
  const std::size_t piece_, when_;
  std::function<void()> what_;
  std::size_t given_ = 0;
};

inline std::string redis_key_of(const digest& blob) {
  return "kiln:cas:sha256:" + blob.hex() + "-" + std::to_string(blob.size);
}

}  // namespace kiln::test
