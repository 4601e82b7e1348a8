#include <algorithm>

#include "plugins/stores/filesystem/store/filesystem_store.hpp"

namespace kiln::filesystem {
namespace {

using namespace std::chrono_literals;

constexpr unsigned folders = 256;
// Nobody wanted anything for so long: then the disk is idle.
constexpr duration pause = 1s;

// What the disk cannot read now, it may another time: that is no reason to lose it.
expected<file_stamp> read_through(const engine& with, blob_tree tree, const digest& blob) {
  auto opened = open_blob(with, tree, blob);
  if (!opened) return fail(std::move(opened).error());
  switch (try_to_prove(with, *opened, blob)) {
    case proof::right:
      return opened->stamp;
    case proof::wrong:
      return fail(errc::not_found, "blob {} was damaged on the disk", blob);
    default:
      return fail(errc::unavailable, "the file of blob {} cannot be read", blob);
  }
}

}  // namespace

// A proof is as good as the disk, and disks rot. All files are looked through in the time that one may be
// trusted, a folder after the other; those that are not trusted anyway, for nobody has read them, are left.
void store::plan_proofs() {
  if (!deps_->verifies() || !deps_->options.prove_again_after) return;
  proofs_.folder_due = deps_->env.time->now() + *deps_->options.prove_again_after / folders;
  later(*deps_->options.prove_again_after / folders, [this] { prove_some(); });
}

void store::prove_some() {
  const auto now = deps_->env.time->now();
  const bool idle = std::exchange(proofs_.seen, orders_) == orders_;
  duration wait = pause;
  if (proofs_.left.empty()) {
    if (now >= proofs_.folder_due) return list_next_folder();
    wait = proofs_.folder_due - now;
  } else if ((idle || now >= proofs_.folder_due) && prove_next()) {
    return;
  }
  later(wait, [this] { prove_some(); });
}

void store::list_next_folder() {
  const unsigned number = proofs_.folder;
  proofs_.folder = (number + 1) % folders;
  proofs_.folder_due += *deps_->options.prove_again_after / folders;
  using names = std::vector<digest>;
  auto taken = on_pool([with = deps_, number]() -> expected<names> { return names_in_folder(*with, number); },
                       [this](expected<names> found) {
                         if (found) proofs_.left = std::move(*found);
                         prove_some();
                       });
  if (!taken) later(pause, [this] { prove_some(); });
}

// False if there was nothing to prove: what is not there any more, or is not trusted.
bool store::prove_next() {
  while (!proofs_.left.empty()) {
    auto there = index_.find(proofs_.left.back());
    proofs_.left.pop_back();
    if (!there || index_.verified(*there) == 0) continue;
    prove_file(*there, [this](const expected<bool>&) { prove_some(); });
    return true;
  }
  return false;
}

// A copy of what is packed can be made anew, so only the copy goes.
void store::prove_file(slot& which, std::function<void(expected<bool>)> then) {
  const digest blob = index_.name_of(which);
  const std::uint64_t serial = which.serial;
  const auto tree = which.packed() ? blob_tree::lent : blob_tree::content;
  if (which.packed() && !which.copied) return then(false);
  auto taken = on_pool([with = deps_, tree, blob] { return read_through(*with, tree, blob); },
                       [this, tree, blob, serial, then](expected<file_stamp> found) {
                         auto there = slot_of(blob, serial);
                         if (!there) return then(false);
                         if (found) {
                           index_.set_verified(*there, *found);
                           return then(false);
                         }
                         if (found.error().code() != errc::not_found)
                           return then(fail(std::move(found).error()));
                         if (tree == blob_tree::content) {
                           drop_broken(blob, found.error());
                         } else if (there->copied) {
                           drop_damaged_copy(*there);
                         }
                         then(true);
                       });
  if (!taken) then(fail(std::move(taken).error()));
}

}  // namespace kiln::filesystem
