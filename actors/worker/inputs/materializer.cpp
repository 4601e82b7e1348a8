#include "actors/worker/inputs/materializer.hpp"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <utility>

#include "actors/worker/fault_owners.hpp"

namespace kiln {
namespace {

/// The cache was made to forget it. Another try finds it elsewhere.
failure gone(const digest& blob) {
  return failure(
      owned_by(fault_owner::elsewhere,
               {errc::unavailable, fmt::format("input {} is gone from the cache that lent it", blob)}));
}

failure input_fault(const disk_error& why, const std::string& doing) {
  return failure(fault_of(purpose::inputs, why.number, doing));
}

expected<descriptor> make_file(disk& on, const descriptor& folder, const input_tree::file& file,
                               user_number owner) {
  auto made = on.open_beneath(folder, file.name, O_WRONLY | O_CREAT | O_EXCL, follow::none,
                              file.executable ? 0777 : 0666);
  auto given = made ? on.set_owner(*made, owner) : tl::unexpected(made.error());
  if (!given) return input_fault(given.error(), "making the file " + file.name);
  return std::move(*made);
}

expected<copied_by> copy_file(disk& on, const descriptor& folder, const input_tree::file& file,
                              const lent_input& from, user_number owner, const std::atomic<bool>& stop) {
  auto source = on.open(descriptor(), from.path.c_str(), O_RDONLY);
  if (!source && source.error().number == ENOENT) return gone(file.blob);
  if (!source)
    return failure(
        fault_of(purpose::own_folder, source.error().number, "opening the lent file " + from.path));
  auto made = make_file(on, folder, file, owner);
  if (!made) return failure(std::move(made).error());
  return copy_content(on, *source, *made, stop);
}

/// Whether a link failed for a reason that a copy gets around.
bool copy_helps(int number) noexcept {
  return number == EXDEV || number == EMLINK || number == EPERM || number == EOPNOTSUPP || number == EACCES;
}

class making {
public:
  making(disk& on, const descriptor& root, const input_tree& tree, user_number owner,
         const std::atomic<bool>& stop)
      : on_(on), root_(root), tree_(tree), owner_(owner), stop_(stop) {}

  expected<materialised> run() {
    for (std::uint32_t index = 0; index < tree_.folders.size(); ++index)
      if (auto made = make_folder(index); !made) return failure(std::move(made).error());
    return done_;
  }

private:
  /// The folder and the files and links directly in it. Files and links stand in the order of their folders.
  expected<void> make_folder(std::uint32_t index) {
    const auto& path = tree_.folders[index].path;
    if (index > 0) {
      auto above = on_.open_beneath(root_, parent_path(path), O_PATH | O_DIRECTORY, follow::none);
      if (!above) return input_fault(above.error(), "opening the folder of " + path);
      auto name = path.substr(path.rfind('/') + 1);
      if (auto made = make_owned_folder(on_, *above, name, owner_); !made)
        return with_context(made.error(), "input folder \"{}\"", path);
    }
    auto folder = on_.open_beneath(root_, path, O_PATH | O_DIRECTORY, follow::none);
    if (!folder) return input_fault(folder.error(), "opening folder " + path);
    for (; file_ < tree_.files.size() && tree_.files[file_].in == index; ++file_) {
      if (stop_.load(std::memory_order_relaxed)) return fail(errc::cancelled, "the action was stopped");
      if (auto made = make(*folder, tree_.files[file_]); !made)
        return with_context(made.error(), "input folder \"{}\"", path);
    }
    for (; link_ < tree_.symlinks.size() && tree_.symlinks[link_].in == index; ++link_) {
      const auto& link = tree_.symlinks[link_];
      if (auto made = on_.make_link(link.target, *folder, link.name.c_str()); !made)
        return input_fault(made.error(), "making the link " + join_path(path, link.name));
    }
    return {};
  }

  expected<void> make(const descriptor& folder, const input_tree::file& file) {
    if (is_empty_blob(file.blob)) {
      auto made = make_file(on_, folder, file, owner_);
      return made ? expected<void>() : failure(std::move(made).error());
    }
    const auto& lent = *tree_.lent.at(tree_.wanted(file));
    if (tree_.links) {
      auto linked = on_.link(descriptor(), lent.path.c_str(), folder, file.name.c_str());
      if (linked) {
        ++done_.linked;
        return {};
      }
      if (linked.error().number == ENOENT) return gone(file.blob);
      if (!copy_helps(linked.error().number))
        return input_fault(linked.error(), "linking the lent file " + lent.path);
    }
    auto copied = copy_file(on_, folder, file, lent, owner_, stop_);
    if (!copied) return failure(std::move(copied).error());
    ++(*copied == copied_by::sharing_blocks ? done_.shared : done_.copied);
    return {};
  }

  disk& on_;
  const descriptor& root_;
  const input_tree& tree_;
  const user_number owner_;
  const std::atomic<bool>& stop_;
  std::size_t file_ = 0;
  std::size_t link_ = 0;
  materialised done_;
};

expected<void> make_output_parents(disk& on, const descriptor& root, const command_plan& plan,
                                   user_number owner) {
  const auto& inside = plan.working_directory;
  if (!on.open_beneath(root, inside, O_PATH | O_DIRECTORY, follow::all))
    return fail(errc::invalid_argument, "the working directory \"{}\" is not in the input tree", inside);
  for (const auto& output : plan.outputs) {
    auto parent = parent_path(output.where);
    if (parent.empty()) continue;
    if (auto made = make_folders(on, root, parent, owner); !made)
      return with_context(made.error(), "output \"{}\"", output.path);
  }
  return {};
}

}  // namespace

expected<materialised> lay_out(disk& on, const descriptor& root, const input_tree& tree, user_number owner,
                               const std::atomic<bool>& stop) {
  return making(on, root, tree, owner, stop).run();
}

std::vector<std::string> output_parents(const command_plan& plan) {
  std::vector<std::string> parents;
  for (const auto& output : plan.outputs)
    if (auto parent = parent_path(output.where); !parent.empty()) parents.push_back(std::move(parent));
  std::sort(parents.begin(), parents.end());
  parents.erase(std::unique(parents.begin(), parents.end()), parents.end());
  return parents;
}

expected<materialised> materialise(disk& on, const descriptor& root, const input_tree& tree,
                                   const command_plan& plan, user_number owner,
                                   const std::atomic<bool>& stop) {
  auto made = lay_out(on, root, tree, owner, stop);
  if (!made) return made;
  if (auto parents = make_output_parents(on, root, plan, owner); !parents)
    return failure(std::move(parents).error());
  return made;
}

}  // namespace kiln
