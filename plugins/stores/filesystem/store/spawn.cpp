#include "plugins/stores/filesystem/store/spawn.hpp"

#include <algorithm>
#include <caf/actor_system.hpp>

#include "core/base/descriptors.hpp"
#include "core/base/memory_limit.hpp"
#include "core/observe/log.hpp"
#include "core/observe/memory_budget.hpp"
#include "plugins/stores/filesystem/shared/spawn_shared.hpp"
#include "plugins/stores/filesystem/store/filesystem_store.hpp"

namespace kiln::filesystem {
namespace {

constexpr std::uint64_t least_capacity = 64 << 10;
// Some packs full of tiny ones: fewer could not leave one by one.
constexpr std::size_t least_blobs = 256 << 10;
// In a smaller store few packs would make up all of it, and each that leaves a good part of it.
constexpr std::uint64_t least_packed_capacity = 64 << 20;
constexpr std::uint64_t files_at_once = 256;  // read, written and lent that are no packs

}  // namespace

expected<store_actor> spawn_filesystem_store(const store_options& options, const store_context& context) {
  disk& on = *context.env.files;
  return spawn_filesystem_store(
      options, context, {&on, context.env.pools->make("disk", options.io_threads), current_boot_id(on)});
}

expected<store_actor> spawn_filesystem_store(const store_options& options, const store_context& context,
                                             store_environment on) {
  if (options.shared) return spawn_shared_store(options, context, std::move(on));
  bool durable = options.keep == durability::durable;
  // Whoever reads a message about it should find it, wherever the process was started.
  auto path = absolute_path(options.path);
  auto folder =
      store_folder::open(*on.on, path, context.what, on.boot_id, durable, context.env.random->next());
  if (!folder) return fail(folder.error());
  (*folder)->tell_damaged_format(context.env.log, context.name);
  auto room = on.on->room((*folder)->root());
  if (!room) return fail(room.error().in_words(fmt::format("asking for the size of {}", path)));
  if (auto lost = forget_lost_packs(**folder); !lost.empty() && context.env.log)
    context.env.log->warn(
        "packs are gone from a store's folder, and what was in them",
        {{"store", context.name}, {"path", path}, {"packs", lost.size()}, {"first", lost.front()}});
  auto packs = list_packs(**folder);
  if (!packs) return fail(packs.error());
  std::uint64_t capacity = options.capacity.bytes_of(room->total);
  if (capacity < least_capacity)
    return fail(errc::invalid_argument, "a capacity of {} bytes holds next to nothing; give at least {}",
                capacity, least_capacity);
  bool packing = context.what == store_role::results ||
                 (options.packed_below.bytes > 0 && capacity >= least_packed_capacity);
  start_state from;
  from.pack_size = std::clamp<std::uint64_t>(capacity / 64, 16 << 10, 64 << 20);
  from.order = read_order(**folder, *packs);
  from.packs = std::move(*packs);
  from.bounds.capacity = capacity;
  // A pack is closed by the record with which it is full.
  from.bounds.spare = packing ? 2 * (from.pack_size + options.packed_below.bytes) : 0;
  // Every pack is open, at the start its index, too; of other files as many as are read, written and lent at
  // once.
  if (packing) expect_descriptors(2 * (capacity / from.pack_size) + 2);
  expect_descriptors(files_at_once);
  from.bounds.hot_memory = hot_bytes(options);
  from.bounds.overwritten = context.what == store_role::results;
  claim_memory(context.env.metrics, {"store " + context.name, "hot_memory", from.bounds.hot_memory});
  const auto for_index = options.index_memory.bytes_of(memory_limit());
  from.bounds.blobs = std::max<std::size_t>(least_blobs, for_index / blob_index::memory_of_blob);
  claim_memory(context.env.metrics,
               {"store " + context.name, "index_memory", from.bounds.blobs * blob_index::memory_of_blob});
  if (context.env.log)
    context.env.log->info(
        "a store opens",
        {{"store", context.name}, {"path", path}, {"max_bytes", capacity}, {"max_blobs", from.bounds.blobs}});
  auto with = std::make_shared<const engine>(
      engine{{*folder, std::move(on.pool), options, context.what, context.name, context.env},
             *folder,
             packing ? options.packed_below.bytes : 0});
  return store_actor(context.system.spawn<store>(std::move(with), std::move(from)));
}

}  // namespace kiln::filesystem
