#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <string_view>

#include "plugins/stores/filesystem/files/folder.hpp"

/// What stands where a store's folder, or one of those in it, should be.
namespace kiln::filesystem {
namespace {

bool is_folder_name(std::string_view name) {
  return name.size() == 2 && name.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

/// As one needs to know it who is told that it is in the way.
std::string described(disk& on, const std::string& what) {
  auto target = on.read_link(descriptor(), what.c_str());
  return target ? fmt::format("{} is a symbolic link to {}", what, *target)
                : fmt::format("{} is no folder", what);
}

}  // namespace

error blob_places::unreachable(disk_error fault, std::string_view doing) const {
  for (std::size_t end = 0; end != path_.size();) {
    end = std::min(path_.find('/', end + 1), path_.size());
    const std::string part = path_.substr(0, end);
    auto opened = on_.open_folder(part);
    if (opened || !on_.facts(descriptor(), part.c_str())) continue;
    if (const int why = opened.error().number; why != ENOENT && why != ENOTDIR && why != ELOOP) continue;
    return {errc::failed_precondition,
            fmt::format(
                "{}, so the folder {} can neither be opened nor made: remove what is there, let it lead to "
                "a folder, or use another path",
                described(on_, part), path_)};
  }
  return advised(fault, fmt::format("{} the folder {}", doing, path_), path_);
}

// A link is followed on some ways to what lies behind it and not on others: what was written through one
// could not be read. So there is none below the store's own folder, and whoever put one there hears of it
// before anything is.
expected<void> store_folder::check_folders() {
  for (const char* name : {"trash", "temp", "packs", "used", "content", "lent"})
    if (auto done = check_folder(name); !done) return done;
  for (auto which : {blob_tree::content, blob_tree::lent})
    if (auto done = check_folders_of(which); !done) return done;
  return {};
}

expected<void> blob_places::check_folders_of(blob_tree which) {
  for (const auto& info : digest_functions()) {
    const std::string below = fmt::format("{}/{}", name_of(which), info.name);
    if (auto done = check_folder(below); !done) return done;
    auto tree = on_.open(root_, below.c_str(), O_RDONLY | O_DIRECTORY);
    if (!tree) continue;  // there is none yet, or making it says why
    std::string odd;
    (void)on_.list(*tree, [&](std::string_view name, file_kind kind) {
      if (kind != file_kind::folder && is_folder_name(name)) odd = name;
      return odd.empty();
    });
    if (odd.empty()) continue;
    if (auto done = check_folder(below + '/' + odd); !done) return done;
  }
  return {};
}

expected<void> blob_places::check_folder(const std::string& below) const {
  auto there = on_.facts(root_, below.c_str());
  if (!there || there->kind == file_kind::folder) return {};
  const std::string what = path_ + '/' + below;
  if (there->kind != file_kind::link)
    return fail(errc::failed_precondition, "{}: remove it, or use another folder than {}",
                described(on_, what), path_);
  return fail(
      errc::failed_precondition,
      "{}, and a store follows none within its folder: put the folder itself in the place of the link, with "
      "all that is in it; where there is no room for that, let the path of the store, {}, lead to where "
      "there is",
      described(on_, what), path_);
}

}  // namespace kiln::filesystem
