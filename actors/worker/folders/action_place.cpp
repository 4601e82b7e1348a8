#include "actors/worker/folders/action_place.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <utility>

#include "actors/worker/fault_owners.hpp"

namespace kiln {
namespace {

constexpr unsigned stream_mode = 0600;
// A root with more names than this has grown; a new one is small again.
constexpr std::size_t max_names = 1000;

unsigned home_mode(user_number user) {
  return user == same_user ? 0755 : 0711;
}
unsigned root_mode(user_number user) {
  return user == same_user ? 0755 : 0700;
}

/// Whatever the umask says: what is made is what an emptied place is held against.
disk_result<void> give(disk& on, const descriptor& made, unsigned mode, user_number user) {
  auto done = on.set_mode(made, mode);
  return done ? on.set_owner(made, user) : done;
}

expected<descriptor> make_folder(disk& on, const descriptor& in, const std::string& name, unsigned mode,
                                 user_number user) {
  if (auto made = on.make_folder(in, name.c_str(), mode); !made)
    return failure(fault_of(purpose::own_folder, made.error().number, "making folder " + name));
  auto opened = on.open_beneath(in, name, O_RDONLY | O_DIRECTORY, follow::none);
  auto given = opened ? give(on, *opened, mode, user) : tl::unexpected(opened.error());
  if (!given) return failure(fault_of(purpose::own_folder, given.error().number, "opening folder " + name));
  return std::move(*opened);
}

expected<descriptor> make_stream(disk& on, const descriptor& in, const char* name, user_number user) {
  auto made = on.open_beneath(in, name, O_RDWR | O_APPEND | O_CREAT | O_EXCL, follow::none, stream_mode);
  // The action's own, for many a script opens /dev/stderr anew.
  auto given = made ? give(on, *made, stream_mode, user) : tl::unexpected(made.error());
  if (!given)
    return failure(
        fault_of(purpose::own_folder, given.error().number, "making a file for a standard stream"));
  return std::move(*made);
}

/// Another description of the same file, of which no process has set anything.
bool open_anew(disk& on, const descriptor& in, const char* name, descriptor& stream) {
  auto opened = on.open_beneath(in, name, O_RDWR | O_APPEND, follow::none);
  if (opened) stream = std::move(*opened);
  return opened.has_value();
}

bool cut_short(disk& on, const descriptor& stream) {
  auto facts = on.facts(stream);
  return facts && (facts->size == 0 || on.resize(stream, 0));
}

bool renew_root(disk& on, action_place& place) {
  auto left = names_in(on, place.work, max_names);
  if (!left || left->size() == max_names) return false;
  for (const auto& name : *left)
    if (!remove_tree(on, place.work, name)) return false;
  if (!on.remove_folder(place.home, "root")) return false;
  auto root = make_folder(on, place.home, "root", root_mode(place.user), place.user);
  if (!root) return false;
  place.root = std::move(*root);
  return true;
}

/// The name has not been given to something else meanwhile.
bool is_still(disk& on, const action_place& place, const char* name, const descriptor& what) {
  auto named = on.facts(place.home, name);
  auto open = on.facts(what);
  return named && open && named->inode == open->inode && named->device == open->device;
}

/// Of this user, with these bits and without attributes; and for a file, under one name and now empty.
bool is_as_made(disk& on, const descriptor& what, unsigned bits, user_number user) {
  auto facts = on.facts(what);
  if (!facts) return false;
  bool plain = facts->mode == bits && facts->owner == (user == same_user ? ::geteuid() : user);
  if (facts->kind == file_kind::file) plain = plain && facts->links == 1 && facts->size == 0;
  auto attributes = on.has_attributes(what);
  return plain && !(attributes && *attributes);
}

}  // namespace

expected<action_place> make_action_place(disk& on, const descriptor& in, std::string name, user_number user) {
  auto home = make_folder(on, in, name, home_mode(user), same_user);
  if (!home) return failure(std::move(home).error());
  auto root = make_folder(on, *home, "root", root_mode(user), user);
  if (!root) return failure(std::move(root).error());
  auto out = make_stream(on, *home, "stdout", user);
  if (!out) return failure(std::move(out).error());
  auto err = make_stream(on, *home, "stderr", user);
  if (!err) return failure(std::move(err).error());
  return action_place{std::move(name), user,        std::move(*home), std::move(*root), std::move(*out),
                      std::move(*err), descriptor()};
}

expected<void> prepare_for_union(disk& on, action_place& place) {
  if (place.work) return {};
  auto work = make_folder(on, place.home, "work", 0700, same_user);
  if (!work) return failure(std::move(work).error());
  place.work = std::move(*work);
  return {};
}

bool empty_action_place(disk& on, action_place& place) {
  const std::size_t names = place.work ? 4 : 3;
  auto beside = names_in(on, place.home, names + 1);
  if (!beside || beside->size() != names) return false;
  auto left = names_in(on, place.root, max_names);
  if (!left || left->size() == max_names) return false;
  for (const auto& name : *left)
    if (!remove_tree(on, place.root, name)) return false;
  const auto user = place.user;
  if (place.work && !renew_root(on, place)) return false;
  return cut_short(on, place.out) && cut_short(on, place.err) &&
         is_as_made(on, place.home, home_mode(user), same_user) && is_still(on, place, "root", place.root) &&
         is_as_made(on, place.root, root_mode(user), user) && is_still(on, place, "stdout", place.out) &&
         is_as_made(on, place.out, stream_mode, user) && is_still(on, place, "stderr", place.err) &&
         is_as_made(on, place.err, stream_mode, user) && open_anew(on, place.home, "stdout", place.out) &&
         open_anew(on, place.home, "stderr", place.err);
}

}  // namespace kiln
