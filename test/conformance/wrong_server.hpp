#pragma once

#include <atomic>
#include <memory>
#include <string>

#include "core/contract/transport.hpp"
#include "test/conformance/lie.hpp"

namespace kiln::conformance {

/// A server that passes every call on to a right one, and tells one lie at a time. Its routes are served by a
/// transport; it must outlive that. Any thread.
class wrong_server {
public:
  explicit wrong_server(std::shared_ptr<channel> right);

  const router& routes() const noexcept { return routes_; }
  /// From the next call on; null for the truth.
  void tell(std::shared_ptr<const lie> what) { std::atomic_store(&told_, std::move(what)); }

private:
  void pass(call_ptr from);

  router routes_;
  std::shared_ptr<channel> right_;
  std::shared_ptr<const lie> told_;
};

}  // namespace kiln::conformance
