#pragma once

#include <string>
#include <thread>

#include "test/contract/claims.hpp"
#include "test/plugins/stores/s3/swift_server.hpp"

namespace kiln::test {

/// A store in a bucket at this address, with the keys that Swift knows.
inline contract::subject s3_at(const std::string& address, const std::string& bucket,
                               const std::string& more = {}, store_role what = store_role::content) {
  return {"{type: s3, endpoint: \"http://" + address + "\", bucket: " + bucket +
              ", region: eu-test-1, access_key: \"test:kiln\", secret_key: kiln-secret, retry_delay: 5ms" +
              more + "}",
          what};
}
inline contract::subject s3_in(const std::string& bucket, const std::string& more = {},
                               store_role what = store_role::content) {
  return s3_at("127.0.0.1:" + std::to_string(swift().port()), bucket, more, what);
}

inline std::string s3_key_of(const digest& blob, const std::string& role = "cas") {
  const auto hex = blob.hex();
  return "kiln/" + role + "/sha256/" + hex.substr(0, 2) + "/" + hex + "-" + std::to_string(blob.size);
}

/// Asks until it is so; a test that waits for long has failed. For what nobody announces.
template <class Question>
bool comes_true_there(Question is_so) {
  const auto until = system_clock().now() + contract::patience;
  while (system_clock().now() < until) {
    if (is_so()) return true;
    std::this_thread::yield();
  }
  return false;
}

/// For tests that need the real server.
inline boost::test_tools::assertion_result has_swift(boost::unit_test::test_unit_id) {
  boost::test_tools::assertion_result is(swift_server::is_there());
  if (!is) is.message() << "there is no Swift (fetch_clients)";
  return is;
}

}  // namespace kiln::test
