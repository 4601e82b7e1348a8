#define BOOST_TEST_MODULE metered
#include <boost/test/unit_test.hpp>

#include "test/contract/store_contract.hpp"

KILN_STORE_CONTRACT(metered, "{type: metered, inner: {type: memory, capacity: \"${CAPACITY}\"}}")
KILN_RESULT_STORE_CONTRACT(metered_results,
                           "{type: metered, inner: {type: memory, capacity: \"${CAPACITY}\"}}")
