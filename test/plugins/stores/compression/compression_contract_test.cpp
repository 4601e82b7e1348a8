#include "test/contract/store_contract.hpp"

// What does not shrink lies plain, so all of the inner store's word holds.
KILN_STORE_CONTRACT(compression,
                    "{type: compression, min_size: 100B, inner: {type: memory, capacity: \"${CAPACITY}\","
                    " policy: lru},"
                    " index: {type: memory, capacity: 16MiB}}")
KILN_COMPRESSING_STORE_CONTRACT(compression_of_what_shrinks,
                                "{type: compression, min_size: 100B, inner: {type: memory, capacity: 256MiB},"
                                " index: {type: memory, capacity: 16MiB}}")
KILN_COMPRESSING_STORE_CONTRACT(compression_on_disk,
                                "{type: compression, min_size: 1KiB, inner: {type: filesystem, path: "
                                "\"${FOLDER}/blobs\", capacity: 512MiB},"
                                " index: {type: filesystem, path: \"${FOLDER}/index\", capacity: 64MiB}}")
// What it writes is true to its digests, whatever stands below.
KILN_COMPRESSING_STORE_CONTRACT(
    compression_over_two_shards,
    "{type: compression, min_size: 1KiB, index: {type: filesystem, path: \"${FOLDER}/index\", capacity: "
    "64MiB},"
    " inner: {type: verify, inner: {type: shard, stores: ["
    "{name: one, store: {type: filesystem, path: \"${FOLDER}/one\", capacity: 256MiB}},"
    "{name: two, store: {type: filesystem, path: \"${FOLDER}/two\", capacity: 256MiB}}]}}}")
