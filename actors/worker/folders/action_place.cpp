#include "actors/worker/folders/action_place.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "actors/worker/fault_owners.hpp"

namespace kiln {
namespace {

constexpr mode_t stream_mode = 0600;
// A root with more names than this has grown; a new one is small again.
constexpr std::size_t most_names = 1000;

mode_t home_mode(user_number user) {
  return user == same_user ? 0755 : 0711;
}
mode_t root_mode(user_number user) {
  return user == same_user ? 0755 : 0700;
}

expected<descriptor> make_folder(const descriptor& in, const std::string& name, mode_t mode,
                                 user_number user) {
  if (::mkdirat(in.number(), name.c_str(), mode) != 0)
    return failure(fault_of(purpose::own_folder, errno, "making folder " + name));
  descriptor made = open_beneath(in, name, O_RDONLY | O_DIRECTORY, follow::none);
  // Whatever the umask says: what is made is what an emptied place is held against.
  if (!made || ::fchmod(made.number(), mode) != 0 || ::fchown(made.number(), user, user) != 0)
    return failure(fault_of(purpose::own_folder, errno, "opening folder " + name));
  return made;
}

expected<descriptor> make_stream(const descriptor& in, const char* name, user_number user) {
  descriptor made = open_beneath(in, name, O_RDWR | O_APPEND | O_CREAT | O_EXCL, follow::none, stream_mode);
  // The action's own, for many a script opens /dev/stderr anew.
  if (!made || ::fchmod(made.number(), stream_mode) != 0 || ::fchown(made.number(), user, user) != 0)
    return failure(fault_of(purpose::own_folder, errno, "making a file for a standard stream"));
  return made;
}

bool cut_short(const descriptor& stream) {
  struct stat facts {};
  if (::fstat(stream.number(), &facts) != 0) return false;
  return facts.st_size == 0 || ::ftruncate(stream.number(), 0) == 0;
}

/// The name has not been given to something else meanwhile.
bool is_still(const action_place& place, const char* name, const descriptor& what) {
  struct stat named {
  }, open{};
  return ::fstatat(place.home.number(), name, &named, AT_SYMLINK_NOFOLLOW) == 0 &&
         ::fstat(what.number(), &open) == 0 && named.st_ino == open.st_ino && named.st_dev == open.st_dev;
}

/// Of this user, with these bits and without attributes; and for a file, under one name and now empty.
bool is_as_made(const descriptor& what, mode_t bits, user_number user) {
  struct stat facts {};
  if (::fstat(what.number(), &facts) != 0) return false;
  bool plain = (facts.st_mode & 07777) == bits && facts.st_uid == (user == same_user ? ::geteuid() : user);
  if (S_ISREG(facts.st_mode)) plain = plain && facts.st_nlink == 1 && facts.st_size == 0;
  return plain && ::flistxattr(what.number(), nullptr, 0) <= 0;
}

}  // namespace

expected<action_place> make_action_place(const descriptor& in, std::string name, user_number user) {
  auto home = make_folder(in, name, home_mode(user), same_user);
  if (!home) return failure(std::move(home).error());
  auto root = make_folder(*home, "root", root_mode(user), user);
  if (!root) return failure(std::move(root).error());
  auto out = make_stream(*home, "stdout", user);
  if (!out) return failure(std::move(out).error());
  auto err = make_stream(*home, "stderr", user);
  if (!err) return failure(std::move(err).error());
  return action_place{std::move(name), user,           std::move(*home), std::move(*root),
                      std::move(*out), std::move(*err)};
}

bool empty_action_place(const action_place& place) {
  auto beside = names_in(place.home, 4);
  if (!beside || beside->size() != 3) return false;
  auto left = names_in(place.root, most_names);
  if (!left || left->size() == most_names) return false;
  for (const auto& name : *left)
    if (!remove_tree(place.root, name)) return false;
  const auto user = place.user;
  return cut_short(place.out) && cut_short(place.err) && is_as_made(place.home, home_mode(user), same_user) &&
         is_still(place, "root", place.root) && is_as_made(place.root, root_mode(user), user) &&
         is_still(place, "stdout", place.out) && is_as_made(place.out, stream_mode, user) &&
         is_still(place, "stderr", place.err) && is_as_made(place.err, stream_mode, user);
}

}  // namespace kiln
