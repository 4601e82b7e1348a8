#include "plugins/stores/filesystem/spawn.hpp"

#include <caf/actor_system.hpp>

#include "plugins/stores/filesystem/store.hpp"

namespace kiln::filesystem {

expected<store_actor> spawn_filesystem_store(const options& wishes, const store_context& context) {
  disk& on = system_disk();
  return spawn_filesystem_store(
      wishes, context, {&on, context.env.crews->make("disk", wishes.io_threads), current_boot_id(on)});
}

expected<store_actor> spawn_filesystem_store(const options& wishes, const store_context& context, ground on) {
  bool durable = wishes.keep == durability::durable;
  auto folder = store_folder::open(*on.on, wishes.path, context.what, on.boot_id, durable);
  if (!folder) return fail(folder.error().in_context(fmt::format("store {}", context.name)));
  auto room = on.on->room((*folder)->root());
  if (!room)
    return fail(
        room.error().in_words(fmt::format("store {}: asking for the size of {}", context.name, wishes.path)));
  blob_index::limits bounds;
  bounds.capacity = wishes.capacity.bytes_of(room->total);
  bounds.hot_memory = wishes.hot_memory.bytes;
  if (bounds.capacity < blob_index::block)
    return fail(errc::invalid_argument, "store {}: a capacity of {} bytes holds no blob; give at least {}",
                context.name, bounds.capacity, blob_index::block);
  auto with = std::make_shared<const engine>(
      engine{std::move(*folder), std::move(on.hands), wishes, context.what, context.name, context.env});
  return store_actor(context.system.spawn<store>(std::move(with), bounds));
}

}  // namespace kiln::filesystem
