#pragma once

#include <memory>
#include <mutex>
#include <string>

#include "test/contract/claims.hpp"
#include "test/plugins/stores/grpc/reapi_peer.hpp"

namespace kiln::test::grpc_tests {

/// Each stage dials once, on the test's thread, and so gets a peer of its own.
inline std::unique_ptr<reapi_peer> peer;

inline contract::subject over_a_peer(const std::string& options = "", store_role what = store_role::content) {
  return {"{type: grpc, endpoint: \"grpc://peer:1\", retry_delay: 1ms" + options + "}", what,
          [](const std::string&) -> expected<std::shared_ptr<channel>> {
            peer = std::make_unique<reapi_peer>();
            return peer->dial();
          }};
}

template <class Change>
void teach(Change change) {
  std::lock_guard lock(peer->mutex);
  change(peer->how);
}
inline int calls_of(const std::string& method) {
  std::lock_guard lock(peer->mutex);
  return peer->calls[method];
}

}  // namespace kiln::test::grpc_tests
