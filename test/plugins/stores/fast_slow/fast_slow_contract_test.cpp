#include "test/contract/store_contract.hpp"

// The fast store is small, so that blobs come from the slow one and leave the fast one all the time.
KILN_STORE_CONTRACT(fast_slow,
                    "{type: fast_slow, fast: {type: memory, capacity: 1MiB, policy: lru},"
                    " slow: {type: memory, capacity: \"${CAPACITY}\", policy: lru}}")
// Every read fills, nothing else does.
KILN_STORE_CONTRACT(
    fast_slow_filled_by_reads,
    "{type: fast_slow, fast_direction: get, window: 1MiB, fast: {type: memory, capacity: 2MiB, policy: lru},"
    " slow: {type: memory, capacity: \"${CAPACITY}\", policy: lru}}")
KILN_STORE_CONTRACT(fast_slow_on_disk,
                    "{type: fast_slow, fast: {type: filesystem, path: \"${FOLDER}/fast\", capacity: 64MiB},"
                    " slow: {type: filesystem, path: \"${FOLDER}/slow\", capacity: 512MiB}}")
KILN_STORE_CONTRACT(
    fast_slow_on_disk_filled_by_reads,
    "{type: fast_slow, fast_direction: get, slow_direction: put,"
    " fast: {type: filesystem, path: \"${FOLDER}/fast\", capacity: 256MiB, durability: relaxed},"
    " slow: {type: filesystem, path: \"${FOLDER}/slow\", capacity: 512MiB}}")
KILN_RESULT_STORE_CONTRACT(fast_slow_of_results,
                           "{type: fast_slow, fast: {type: memory, capacity: 64KiB},"
                           " slow: {type: memory, capacity: \"${CAPACITY}\", policy: lru}}")
KILN_RESULT_STORE_CONTRACT(fast_slow_of_results_on_disk,
                           "{type: fast_slow, fast: {type: memory, capacity: 1MiB, policy: lru},"
                           " slow: {type: filesystem, path: \"${FOLDER}/results\", capacity: 64MiB}}")
// Nothing but the fast one, then.
KILN_STORE_CONTRACT(
    fast_slow_before_nothing,
    "{type: fast_slow, fast: {type: memory, capacity: \"${CAPACITY}\", policy: lru}, slow: {type: noop}}")
