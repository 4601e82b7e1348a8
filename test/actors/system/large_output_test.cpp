#include "test/actors/system/cluster_calls.hpp"

/// What the cache refuses for good, it also tells a worker on another machine.
using namespace kiln;
using namespace kiln::test;

BOOST_AUTO_TEST_SUITE(large_outputs)

BOOST_AUTO_TEST_CASE(an_output_too_large_for_the_cache_elsewhere_fails_once_with_what_was_said) {
  cluster kiln(execution_node);  // its cache holds 64 MiB
  kiln.join(worker_node);
  for (const char* limit : {"takes 67108608 at most", "holds 67108608 bytes"}) {
    auto call = execute_script(kiln, std::string("echo said; truncate -s 70M out # ") + limit);
    kiln.system().run_until([&] { return call->end().has_value(); });
    auto response = response_of(*call);
    const auto& status = response.status();
    BOOST_TEST(status.code() == static_cast<int>(errc::failed_precondition), status.message());
    for (const char* part : {"\"out\"", "73400320", limit})
      BOOST_TEST(status.message().find(part) != std::string::npos, status.message());
    auto said = from_wire(response.result().stdout_digest(), digest_function::sha256);
    BOOST_TEST_REQUIRE(said.has_value());
    BOOST_TEST((kiln.download(*said) == "said\n"));
  }
}

BOOST_AUTO_TEST_SUITE_END()
