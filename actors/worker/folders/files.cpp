#include "actors/worker/folders/files.hpp"

#include <fcntl.h>

#include <cerrno>
#include <string_view>

#include "actors/worker/fault_owners.hpp"

namespace kiln {

file_mark mark_of(const file_facts& facts) noexcept {
  return {facts.device, facts.inode, facts.size, duration(facts.written.time_since_epoch()).count(),
          facts.mode};
}

expected<void> make_owned_folder(disk& on, const descriptor& in, const std::string& name, user_number owner) {
  if (auto made = on.make_folder(in, name.c_str(), 0777); !made)
    return failure(fault_of(purpose::inputs, made.error().number, "making folder " + name));
  if (owner == same_user) return {};
  if (auto given = on.set_owner(in, name.c_str(), owner); !given)
    return failure(fault_of(purpose::own_folder, given.error().number,
                            "giving folder " + name + " to the user of the action"));
  return {};
}

expected<void> make_folders(disk& on, const descriptor& root, const std::string& path, user_number owner) {
  for (std::size_t end = 0; end != std::string::npos;) {
    end = path.find('/', end == 0 ? 0 : end + 1);
    std::string part = path.substr(0, end);
    std::size_t slash = part.rfind('/');
    std::string above = slash == std::string::npos ? "" : part.substr(0, slash);
    std::string name = slash == std::string::npos ? part : part.substr(slash + 1);
    auto folder = on.open_beneath(root, above, O_PATH | O_DIRECTORY, follow::all);
    if (!folder && folder.error().number == ENOENT)
      return fail(errc::failed_precondition, "no folder can be made in \"{}\", for it is not there", above);
    if (!folder)
      return failure(fault_of(purpose::outputs, folder.error().number, "making a folder in " + above));
    if (auto made = make_owned_folder(on, *folder, name, owner); made)
      continue;
    else if (!on.facts(*folder, name.c_str()))
      return made;
    if (!on.open_beneath(root, part, O_PATH | O_DIRECTORY, follow::all))
      return fail(errc::failed_precondition, "\"{}\" is to be a folder, and something else is there", part);
  }
  return {};
}

expected<copied_by> copy_content(disk& on, const descriptor& from, const descriptor& to,
                                 const std::atomic<bool>& stop) {
  if (on.share(from, to)) return copied_by::sharing_blocks;
  constexpr std::uint64_t at_once = 16U << 20;
  for (std::uint64_t offset = 0;;) {
    if (stop.load(std::memory_order_relaxed)) return fail(errc::cancelled, "the action was stopped");
    auto copied = on.copy(from, to, offset, at_once);
    if (!copied) return failure(fault_of(purpose::inputs, copied.error().number, "copying a file"));
    if (*copied == 0) return copied_by::bytes;
    offset += *copied;
  }
}

}  // namespace kiln
