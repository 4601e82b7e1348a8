#define BOOST_TEST_MODULE metered
#include <boost/test/unit_test.hpp>

#include "core/digest/hasher.hpp"
#include "test/contract/claims.hpp"
#include "test/contract/store_contract.hpp"

KILN_STORE_CONTRACT(metered, "{type: metered, inner: {type: memory, capacity: \"${CAPACITY}\"}}")
KILN_RESULT_STORE_CONTRACT(metered_results,
                           "{type: metered, inner: {type: memory, capacity: \"${CAPACITY}\"}}")

// What is special about a store is tested beside the contract.
BOOST_AUTO_TEST_CASE(a_sealed_store_serves_what_it_refuses_to_change) {
  using namespace kiln;
  contract::stage on({"{type: sealed, inner: {type: memory, capacity: 1MiB}}"});
  const bytes content = bytes::copy_of("text");
  const digest blob = digest_of("text");
  write_blobs order{{{blob, content}}};
  BOOST_TEST(contract::code_of(on.tell(write_blob{blob, source_of(content)})) == "PERMISSION_DENIED");
  BOOST_TEST(contract::code_of(on.tell(order)) == "PERMISSION_DENIED");
  BOOST_REQUIRE(on.ask(on.within("inner"), order).get().has_value());
  BOOST_TEST(contract::code_of(contract::read(on, blob)) == "OK");
}
