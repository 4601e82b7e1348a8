#include "plugins/stores/filesystem/store/filesystem_options.hpp"

#include <limits.h>

#include "core/base/memory_limit.hpp"
#include "core/config/memory_share.hpp"

namespace kiln::filesystem {
namespace {

expected<void> check_shared(const store_options& chosen) {
  if (chosen.shared) {
    if (!chosen.hot_memory) return {};
    return fail(
        errc::invalid_argument,
        "hot_memory is for a store that has its folder alone: with shared, what is hot is in the page cache");
  }
  if (chosen.locks == lock_choice::fine && !chosen.network_folder) return {};
  return fail(errc::invalid_argument, "locks and network_folder are for a folder that is shared");
}

}  // namespace

schema<store_options> filesystem_schema() {
  using namespace std::chrono_literals;
  using namespace config_literals;
  using namespace std::chrono_literals;
  return schema<store_options>{
      "Keeps blobs as files in a folder of this machine. What it acknowledged survives a kill and, if "
      "durable, a power cut; what is used least leaves when the capacity is reached."}
      .required(
          "path", &store_options::path,
          "The folder. It is made if it is missing, and belongs to this store with all that lies in it.",
          own_folder{}, at_most(PATH_MAX - 1))
      .field("capacity", &store_options::capacity,
             "How much of the disk the blobs may take, in bytes or as a share of the file system.",
             at_least(64_KiB))
      .choice(
          "durability", &store_options::keep,
          {{"durable", durability::durable}, {"relaxed", durability::relaxed}},
          "Acknowledge a write when it would survive a power cut, or as soon as it is written. Relaxed is "
          "for what can be had again: the cache of a worker.")
      .field(
          "sync_every", &store_options::sync_every,
          "How long a relaxed store waits with a sync after it wrote something. What was not synced before a "
          "power cut is hashed before it is trusted again.",
          at_least(1s), at_most(1h))
      .field("verify", &store_options::verify,
             "Hash every blob on its way in. Off trusts whoever writes; only where something above verifies.")
      .field(
          "packed_below", &store_options::packed_below,
          "Blobs up to this size lie together in packs, which makes writing and finding them many times "
          "cheaper than a file for each. 0B gives every blob a file, which suits a worker whose inputs are "
          "all lent out as files.",
          at_most(1_MiB))
      .field(
          "hot_memory", &store_options::hot_memory,
          "Memory for small blobs that were read last, so that reading them again costs no "
          "system call; a percentage is one of the memory the process may use. auto is 256MiB, but at most "
          "4%.",
          or_word("auto"))
      .field("index_memory", &store_options::index_memory,
             "Memory for knowing which blobs there are, in bytes or as a share of the process's memory. It "
             "bounds their number: each takes 120 bytes, whatever its size, and what is used least leaves.")
      .field(
          "prove_again_after", &store_options::prove_again_after,
          "How long a file may be trusted that was hashed and found right, for reads of a part of it and for "
          "lending: all files are read again in this time, when nobody else wants the disk if that can be. "
          "What is read whole is hashed each time. With never, a file is trusted as long as its time stands.",
          at_least(duration(1min)), or_word("never"))
      .field("io_threads", &store_options::io_threads, "Threads that read, write and hash.", at_least(1),
             at_most(64))
      .field(
          "shared", &store_options::shared,
          "Several processes of this machine serve the folder together, up to 64. Each says so, with the "
          "same "
          "capacity and durability. Then every blob has a file of its own, and nothing is kept in memory: "
          "packed_below, hot_memory and index_memory say nothing. A folder is shared from its beginning, or "
          "never.")
      .choice(
          "locks", &store_options::locks, {{"fine", lock_choice::fine}, {"coarse", lock_choice::coarse}},
          "How processes that share the folder keep out of each other's way: by a lock for each blob, where "
          "the file system has such locks, or by one for all. Coarse, no blob leaves while any process has "
          "one leased, and nobody sees that a blob is being brought by somebody else.")
      .field("network_folder", &store_options::network_folder,
             "Share a folder that is on NFS, SMB, FUSE or the like. There locks may be missing or hang, so "
             "it is "
             "refused otherwise; say it only where all processes are on one machine and locks are known to "
             "work.")
      .field(
          "wait_for_room", &store_options::wait_for_room,
          "How long a write waits for room in a shared folder while blobs leave it, and others' uploads end.",
          at_least(duration(0)), at_most(1h))
      .check(check_shared);
}

expected<store_promises> filesystem_promises(const store_options& options, const promises_of&) {
  store_promises all;
  all.durable = options.keep == durability::durable;
  all.lends_files = true;
  all.leases = true;
  // Of what other processes write and take away it hears nothing.
  all.shared = options.shared;
  all.tells_news = !options.shared;
  return all;
}

std::uint64_t hot_bytes(const store_options& options) {
  return memory_share(options.hot_memory, {256 << 20}, 4, memory_limit());
}

}  // namespace kiln::filesystem
