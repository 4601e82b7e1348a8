#include "actors/tools/run/run_place.hpp"

#include <stdlib.h>

#include <cerrno>
#include <utility>

#include "actors/worker/open_worker_resources.hpp"

namespace kiln::rehearsal {
namespace {

std::string temporary_parent() {
  const char* said = ::getenv("TMPDIR");
  return said != nullptr && said[0] == '/' ? absolute_path(said) : "/tmp";
}

std::string name_in_parent(const std::string& path) {
  return path.substr(path.rfind('/') + 1);
}

/// An empty folder is as good as none; whatever else is there stays.
expected<void> make_way(disk& on, const descriptor& parent, const std::string& folder) {
  const auto name = name_in_parent(folder);
  auto gone = name.empty() ? tl::unexpected(disk_error{ENOTEMPTY}) : on.remove_folder(parent, name.c_str());
  if (gone || gone.error().number == ENOENT) return {};
  if (gone.error().number == ENOTEMPTY || gone.error().number == EEXIST || gone.error().number == ENOTDIR)
    return fail(errc::invalid_argument, "--folder {}: there is something already; name a folder that is not",
                folder);
  return fail(gone.error().in_words("making room for --folder " + folder));
}

}  // namespace

expected<std::unique_ptr<run_place>> run_place::open(worker_options options, const environment& env,
                                                     const std::string& folder) {
  std::unique_ptr<run_place> made(
      new run_place(*env.files, folder.empty() ? std::string() : absolute_path(folder)));
  if (auto ready = made->make_temporary(); !ready) return failure(std::move(ready).error());
  options.work_root = made->parent_path_ + "/" + made->temporary_;
  auto worker = open_own_resources(options, env, 1);
  if (!worker) return failure(std::move(worker).error());
  made->worker_ = std::move(*worker);
  return made;
}

/// Beside the folder that stays: on its disk, and reached by whoever reaches that.
expected<void> run_place::make_temporary() {
  parent_path_ = stays() ? folder_.substr(0, folder_.rfind('/')) : temporary_parent();
  auto parent = on_.open_folder(parent_path_.empty() ? "/" : parent_path_);
  if (!parent)
    return fail(parent.error().in_words(stays() ? "opening what --folder " + folder_ + " lies in"
                                                : "opening the temporary folder " + parent_path_));
  parent_ = std::move(*parent);
  if (stays())
    if (auto free = make_way(on_, parent_, folder_); !free) return free;
  std::string path = parent_path_ + "/kiln-run-XXXXXX";
  if (::mkdtemp(path.data()) == nullptr)
    return fail(system_error(errno, "making a temporary folder in " + parent_path_));
  temporary_ = name_in_parent(path);
  return {};
}

expected<void> run_place::make_folder() {
  auto made = stays() ? worker_->root->make_lasting_folder(parent_, name_in_parent(folder_))
                      : worker_->root->make_action_folder();
  if (!made) return failure(std::move(made).error());
  action_ = std::move(*made);
  // What an action has made may be executed as its user (setuid), which is then ours: by nobody else.
  if (stays() && action_->user() == same_user)
    if (auto closed = on_.set_mode(parent_, name_in_parent(folder_).c_str(), 0700); !closed)
      return fail(closed.error().in_words("keeping others out of --folder " + folder_));
  return {};
}

run_place::~run_place() {
  action_.reset();
  if (worker_) {
    // What is left to be removed by and by is removed with all the rest.
    worker_->pool->stop();
    worker_.reset();
  }
  if (!temporary_.empty()) (void)remove_tree(on_, parent_, temporary_);
}

}  // namespace kiln::rehearsal
