#pragma once

#include <atomic>
#include <memory>
#include <string>

#include "core/contract/router.hpp"
#include "test/conformance/lie.hpp"

namespace kiln::conformance {

/// The routes of a right server, on which one lie at a time is told. They are served by a transport; this
/// must outlive it, and the right routes this. Any thread.
class wrong_server {
public:
  explicit wrong_server(const router& right);
  wrong_server(const wrong_server&) = delete;
  wrong_server& operator=(const wrong_server&) = delete;

  const router& routes() const noexcept { return routes_; }
  /// From the next call on; null for the truth.
  void tell(std::shared_ptr<const lie> what) { std::atomic_store(&told_, std::move(what)); }

private:
  void pass(const route& right, call_ptr from, byte_chain first) const;

  router routes_;
  std::shared_ptr<const lie> told_;
};

}  // namespace kiln::conformance
