#include "test/contract/store_contract.hpp"

KILN_STORE_CONTRACT(memory, "{type: memory, capacity: \"${CAPACITY}\"}")
KILN_STORE_CONTRACT(verify, "{type: verify, inner: {type: memory, capacity: \"${CAPACITY}\"}}")
KILN_STORE_CONTRACT(size_partitioning,
                    "{type: size_partitioning, threshold: 50KB,"
                    " small: {type: memory, capacity: \"${CAPACITY}\"},"
                    " large: {type: memory, capacity: \"${CAPACITY}\"}}")
KILN_RESULT_STORE_CONTRACT(memory_of_results, "{type: memory, capacity: \"${CAPACITY}\"}")
