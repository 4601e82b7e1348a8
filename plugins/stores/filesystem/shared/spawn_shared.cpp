#include "plugins/stores/filesystem/shared/spawn_shared.hpp"

#include "core/base/descriptors.hpp"
#include "core/observe/log.hpp"
#include "plugins/stores/filesystem/shared/shared_store.hpp"

namespace kiln::filesystem {
namespace {

constexpr std::uint64_t least_shared_capacity = 64 << 10;
constexpr std::uint64_t shared_files_at_once = 256;  // read, written and lent
// So many bytes of the capacity have a place for when they were used last: blobs are rarely smaller.
constexpr std::uint64_t bytes_for_use_time = 16 << 10;

/// An error is one sentence that says which file.
template <class T>
expected<T> or_sentence(disk_result<T> opened, const std::string& path) {
  if (!opened) return fail(opened.error().in_words(fmt::format("opening the lock files in {}/locks", path)));
  return std::move(*opened);
}

void tell_opened(const shared_engine& with) {
  if (!with.env.log) return;
  const shared_folder& folder = *with.folder;
  with.env.log->info("a shared store opens", {{"store", with.name},
                                              {"path", folder.path()},
                                              {"max_bytes", with.capacity},
                                              {"slot", folder.slot()},
                                              {"locks", name_of(folder.mode())}});
  folder.tell_damaged_format(with.env.log, with.name);
  if (folder.why_coarse())
    with.env.log->warn(
        "a shared store has one lock for all blobs: while one is leased, no other process evicts any",
        {{"store", with.name}, {"path", folder.path()}, {"error", *folder.why_coarse()}});
}

}  // namespace

expected<store_actor> spawn_shared_store(const store_options& options, const store_context& context,
                                         store_environment on) {
  const auto path = absolute_path(options.path);
  expect_descriptors(lock_descriptors + shared_files_at_once);
  auto& chance = *context.env.random;
  const sharing how{context.what,
                    on.boot_id,
                    options.keep == durability::durable,
                    options.locks == lock_choice::coarse,
                    options.network_folder,
                    chance.next(),
                    chance.next()};
  auto folder = shared_folder::open(*on.on, path, how);
  if (!folder) return fail(std::move(folder).error());
  auto room = on.on->room((*folder)->root());
  if (!room) return fail(room.error().in_words(fmt::format("asking for the size of {}", path)));
  const std::uint64_t capacity = options.capacity.bytes_of(room->total);
  if (capacity < least_shared_capacity)
    return fail(errc::invalid_argument, "a capacity of {} bytes holds next to nothing; give at least {}",
                capacity, least_shared_capacity);
  auto uses = or_sentence(
      use_times::open(*on.on, (*folder)->locks(), capacity / bytes_for_use_time, *context.env.time), path);
  if (!uses) return fail(std::move(uses).error());
  auto with = std::make_shared<const shared_engine>(
      shared_engine{{*folder, std::move(on.pool), options, context.what, context.name, context.env},
                    *folder,
                    std::make_shared<use_times>(std::move(*uses)),
                    capacity});
  auto from = std::make_shared<shared_start>();
  auto locks =
      or_sentence(lock_files::open(*on.on, (*folder)->locks(), (*folder)->mode(), (*folder)->slot()), path);
  if (!locks) return fail(std::move(locks).error());
  auto publishing = or_sentence(publisher::open(with), path);
  if (!publishing) return fail(std::move(publishing).error());
  auto rooms = or_sentence(room_book::open(with), path);
  if (!rooms) return fail(std::move(rooms).error());
  auto evicting = or_sentence(evictor::open(with), path);
  if (!evicting) return fail(std::move(evicting).error());
  from->locks = std::move(*locks);
  from->watcher = on.watcher;
  from->publishing = std::make_shared<publisher>(std::move(*publishing));
  from->rooms = std::make_shared<room_book>(std::move(*rooms));
  from->evicting = std::make_shared<evictor>(std::move(*evicting));
  tell_opened(*with);
  return spawn_store<shared_store>(context.system, context.env, shared_engine_ptr(with), std::move(from));
}

}  // namespace kiln::filesystem
