#include "test/contract/store_contract.hpp"

KILN_STORE_CONTRACT(filesystem, "{type: filesystem, path: \"${FOLDER}/blobs\", capacity: \"${CAPACITY}\"}")
KILN_STORE_CONTRACT(filesystem_relaxed,
                    "{type: filesystem, path: \"${FOLDER}/blobs\", capacity: \"${CAPACITY}\","
                    " durability: relaxed, hot_memory: 0B, io_threads: 1}")
KILN_RESULT_STORE_CONTRACT(filesystem_of_results,
                           "{type: filesystem, path: \"${FOLDER}/results\", capacity: \"${CAPACITY}\"}")
KILN_STORE_CONTRACT(filesystem_shared,
                    "{type: filesystem, path: \"${FOLDER}/blobs\", capacity: \"${CAPACITY}\", shared: true}")
KILN_STORE_CONTRACT(filesystem_shared_coarse,
                    "{type: filesystem, path: \"${FOLDER}/blobs\", capacity: \"${CAPACITY}\", shared: true,"
                    " locks: coarse, durability: relaxed, io_threads: 1}")
KILN_RESULT_STORE_CONTRACT(
    filesystem_shared_of_results,
    "{type: filesystem, path: \"${FOLDER}/results\", capacity: \"${CAPACITY}\", shared: true}")
