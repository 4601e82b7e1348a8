#include "test/contract/store_contract.hpp"

KILN_STORE_CONTRACT(shard,
                    "{type: shard, stores: ["
                    "{name: a, store: {type: memory, capacity: \"${CAPACITY}\"}},"
                    "{name: b, store: {type: memory, capacity: \"${CAPACITY}\"}}]}")
KILN_STORE_CONTRACT(
    shard_on_disk,
    "{type: shard, stores: ["
    "{name: a, store: {type: filesystem, path: \"${FOLDER}/a\", capacity: 256MiB}},"
    "{name: b, weight: 2, store: {type: filesystem, path: \"${FOLDER}/b\", capacity: 512MiB}}]}")
// While everything is on its way.
KILN_STORE_CONTRACT(shard_that_moves,
                    "{type: shard, stores: [{name: a, store: {type: memory, capacity: 512MiB}}],"
                    " was: [{name: b, store: {type: memory, capacity: 512MiB}}]}")
KILN_STORE_CONTRACT(shard_that_moves_on_disk,
                    "{type: shard, stores: ["
                    "{name: a, store: {type: filesystem, path: \"${FOLDER}/a\", capacity: 512MiB}}],"
                    " was: [{name: b, store: {type: filesystem, path: \"${FOLDER}/b\", capacity: 512MiB}}]}")
KILN_RESULT_STORE_CONTRACT(shard_of_results,
                           "{type: shard, stores: ["
                           "{name: a, store: {type: memory, capacity: \"${CAPACITY}\"}},"
                           "{name: b, store: {type: memory, capacity: \"${CAPACITY}\"}}]}")
KILN_RESULT_STORE_CONTRACT(
    shard_of_results_that_move_on_disk,
    "{type: shard, stores: [{name: a, store: {type: filesystem, path: \"${FOLDER}/a\", capacity: 64MiB}}],"
    " was: [{name: b, store: {type: filesystem, path: \"${FOLDER}/b\", capacity: 64MiB}}]}")
