#include "test/contract/store_contract.hpp"

// Without a bound of theirs, for a mirror tells no exact news of what leaves: what leases keep in both stores
// is held to account elsewhere.
KILN_STORE_CONTRACT(
    mirror, "{type: mirror, stores: [{type: memory, capacity: 256MiB}, {type: memory, capacity: 256MiB}]}")
KILN_STORE_CONTRACT(mirror_on_disk_and_in_memory,
                    "{type: mirror, stores: [{type: memory, capacity: 512MiB},"
                    " {type: filesystem, path: \"${FOLDER}/far\", capacity: 256MiB}]}")
KILN_STORE_CONTRACT(mirror_on_two_disks,
                    "{type: mirror, writes: any, stores: ["
                    "{type: filesystem, path: \"${FOLDER}/near\", capacity: 512MiB},"
                    " {type: filesystem, path: \"${FOLDER}/far\", capacity: 512MiB}]}")
KILN_RESULT_STORE_CONTRACT(mirror_of_results,
                           "{type: mirror, stores: [{type: memory, capacity: \"${CAPACITY}\"},"
                           " {type: memory, capacity: \"${CAPACITY}\"}]}")
KILN_RESULT_STORE_CONTRACT(mirror_of_results_on_disk,
                           "{type: mirror, stores: [{type: memory, capacity: 64MiB},"
                           " {type: filesystem, path: \"${FOLDER}/results\", capacity: 64MiB}]}")
