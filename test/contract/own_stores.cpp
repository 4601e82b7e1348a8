#include "test/contract/store_contract.hpp"

KILN_STORE_CONTRACT(memory, "{type: memory, capacity: \"${CAPACITY}\"}")
KILN_STORE_CONTRACT(memory_lru, "{type: memory, capacity: \"${CAPACITY}\", policy: lru}")
KILN_STORE_CONTRACT(memory_segmented, "{type: memory, capacity: \"${CAPACITY}\", policy: segmented}")
KILN_STORE_CONTRACT(verify, "{type: verify, inner: {type: memory, capacity: \"${CAPACITY}\"}}")
KILN_STORE_CONTRACT(size_partitioning,
                    "{type: size_partitioning, threshold: 50KB,"
                    " small: {type: memory, capacity: \"${CAPACITY}\"},"
                    " large: {type: memory, capacity: \"${CAPACITY}\"}}")
// All blobs as a chunked store treats large ones, and as it treats small ones.
KILN_STORE_CONTRACT(chunked,
                    "{type: chunked, min_size: 1B, inner: {type: memory, capacity: \"${CAPACITY}\"},"
                    " layouts: {type: memory, capacity: 1MiB}}")
KILN_COMPRESSING_STORE_CONTRACT(
    chunked_of_what_comes_whole,
    "{type: chunked, min_size: 1B, cut_to: 16KiB, inner: {type: memory, capacity: 512MiB},"
    " layouts: {type: memory, capacity: 4MiB}}")
KILN_STORE_CONTRACT(chunked_but_small,
                    "{type: chunked, min_size: 1TiB, inner: {type: memory, capacity: \"${CAPACITY}\"},"
                    " layouts: {type: memory, capacity: 1MiB}}")
KILN_STORE_CONTRACT(chunked_on_disk,
                    "{type: chunked, min_size: 1B, layouts: {type: memory, capacity: 1MiB}, inner:"
                    " {type: filesystem, path: \"${FOLDER}/blobs\", capacity: \"${CAPACITY}\"}}")
KILN_RESULT_STORE_CONTRACT(memory_of_results, "{type: memory, capacity: \"${CAPACITY}\"}")
