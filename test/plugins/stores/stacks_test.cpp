#include "test/contract/store_contract.hpp"

// Stores three deep: each layer passes on what the ones below can do, and what the top acknowledged outlives
// a restart where the bottom is durable. In full, for whoever is a good store alone may be a bad one in the
// middle.
namespace {

using kiln::contract::registration;
using kiln::contract::subject;

std::string memory(const std::string& capacity = "512MiB") {
  return "{type: memory, capacity: \"" + capacity + "\", policy: lru}";
}
std::string disk(const std::string& name, const std::string& capacity = "512MiB") {
  return "{type: filesystem, path: \"${FOLDER}/" + name + "\", capacity: \"" + capacity + "\"}";
}
std::string two_disks(const std::string& capacity = "512MiB") {
  return "{type: shard, stores: [{name: a, store: " + disk("a", capacity) +
         "}, {name: b, store: " + disk("b", capacity) + "}]}";
}

// What each store does with the others is proved by its own suite.
const std::vector<kiln::digest_function> functions{kiln::digest_function::sha256,
                                                   kiln::digest_function::sha512};

subject content(std::string yaml, bool is_lost = false) {
  return {std::move(yaml), kiln::store_role::content, {}, is_lost, functions};
}
subject results(std::string yaml) {
  return {std::move(yaml), kiln::store_role::results, {}, false, functions};
}

#define KILN_STACK(name, what) const registration stack_##name("stack_of_" #name, what, __FILE__, __LINE__)

KILN_STACK(
    verify_existence_cache_fast_slow_memory_filesystem,
    content("{type: verify, inner: {type: existence_cache, touch_every: 0s, inner: {type: fast_slow, fast: " +
            memory("1MiB") + ", slow: " + disk("slow", "${CAPACITY}") + "}}}"));
KILN_STACK(
    verify_existence_cache_fast_slow_filesystem_memory,
    content("{type: verify, inner: {type: existence_cache, touch_every: 0s, inner: {type: fast_slow, fast: " +
                disk("fast", "256MiB") + ", slow: " + memory() + "}}}",
            true));
KILN_STACK(chunked_shard_filesystem_filesystem,
           content("{type: chunked, min_size: 1B, layouts: " + disk("layouts", "64MiB") +
                   ", inner: " + two_disks() + "}"));
KILN_STACK(verify_mirror_filesystem_memory, content("{type: verify, inner: {type: mirror, stores: [" +
                                                    disk("near") + ", " + memory() + "]}}"));
KILN_STACK(cache_metrics_fast_slow_memory_shard,
           content("{type: cache_metrics, inner: {type: fast_slow, fast: " + memory("2MiB") +
                   ", slow: " + two_disks("${CAPACITY}") + "}}"));
KILN_STACK(
    existence_cache_size_partitioning_memory_filesystem,
    content(
        "{type: existence_cache, touch_every: 0s, inner: {type: size_partitioning, threshold: 50KB, small: " +
            memory("${CAPACITY}") + ", large: " + disk("large", "${CAPACITY}") + "}}",
        true));
KILN_STACK(ref_verify_shard,
           content("{type: ref, store: {type: verify, inner: " + two_disks("${CAPACITY}") + "}}"));
KILN_STACK(mirror_of_a_shard_and_a_fast_slow,
           content("{type: mirror, stores: [" + two_disks() + ", {type: fast_slow, fast: " + memory("2MiB") +
                   ", slow: " + disk("far", "1GiB") + "}]}"));
KILN_STACK(
    shard_that_moves_from_a_mirror_to_an_existence_cache,
    content("{type: shard, stores: [{name: a, store: {type: existence_cache, touch_every: 0s, inner: " +
            disk("a") + "}}], was: [{name: b, store: {type: mirror, stores: [" + disk("b") + ", " + memory() +
            "]}}]}"));
KILN_STACK(size_partitioning_of_a_fast_slow_and_a_shard,
           content("{type: size_partitioning, threshold: 50KB, small: {type: fast_slow, fast: " +
                   memory("1MiB") + ", slow: " + disk("small", "${CAPACITY}") +
                   "}, large: " + two_disks("${CAPACITY}") + "}"));
KILN_STACK(fast_slow_of_results_over_a_shard,
           results("{type: cache_metrics, inner: {type: fast_slow, fast: " + memory("1MiB") +
                   ", slow: " + two_disks("64MiB") + "}}"));
KILN_STACK(mirror_of_results_in_a_shard_and_a_fast_slow,
           results("{type: ref, store: {type: mirror, stores: [" + two_disks("64MiB") +
                   ", {type: fast_slow, fast: " + memory("1MiB") + ", slow: " + disk("far", "64MiB") +
                   "}]}}"));
KILN_STACK(
    existence_cache_of_results_over_a_shard_of_shards,
    results("{type: existence_cache, touch_every: 0s, inner: {type: shard, stores: [{name: x, store: " +
            two_disks("64MiB") + "}, {name: y, store: " + disk("y", "64MiB") + "}]}}"));

#undef KILN_STACK

}  // namespace
