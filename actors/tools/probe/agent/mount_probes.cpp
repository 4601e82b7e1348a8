#include <sys/mount.h>
#include <sys/syscall.h>

#include <cerrno>

#include "actors/tools/probe/agent/looking.hpp"

// Mounts and roots. Every question is refused for want of rights before the kernel looks at what is wrong
// with it, and something is: where it is allowed, nothing comes of it.
namespace kiln::probe_agent {
namespace {

constexpr const char* nowhere = "kiln-probe-nothing";

void mounts(answer& found) {
  found.must_be_refused(mount("none", ".", "kiln_none", 0, nullptr));
}
void unmounts(answer& found) {
  // A folder at which nothing is mounted.
  constexpr const char* folder = "kiln-probe-folder";
  mkdir(folder, 0700);
  const int done = umount2(folder, 0);
  const int why = errno;
  rmdir(folder);
  errno = why;
  found.must_be_refused(done);
}
void pivots(answer& found) {
  found.must_be_refused(syscall(SYS_pivot_root, nowhere, nowhere));
}
void roots(answer& found) {
  // In this child alone.
  found.must_be_refused(chroot("."));
}
void file_systems(answer& found) {
  // One that is mounted nowhere.
  found.must_be_refused(syscall(SYS_fsopen, "tmpfs", 0));
}
void trees(answer& found) {
  // A copy that is attached nowhere.
  found.must_be_refused(syscall(SYS_open_tree, AT_FDCWD, ".", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC));
}
void moves(answer& found) {
  found.must_be_refused(
      syscall(SYS_move_mount, -1, "", -1, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH));
}
void handles(answer& found) {
  // A number that is no file's.
  struct {
    unsigned size = 8;
    int kind = 0x7f;
    unsigned char bytes[8] = {1, 2, 3, 4, 5, 6, 7, 8};
  } handle;
  found.must_be_refused(syscall(SYS_open_by_handle_at, AT_FDCWD, &handle, O_RDONLY), {EOPNOTSUPP});
}
void watches(answer& found) {
  // Of whole file systems: ordinary users may watch files they see.
  found.must_be_refused(syscall(SYS_fanotify_init, 0x4 | 0x1, O_RDONLY));
}
void swaps(answer& found) {
  found.must_be_refused(syscall(SYS_swapon, nowhere, 0));
}

constexpr probe probes[] = {
    {"system calls", "mount", mounts},          {"system calls", "umount", unmounts},
    {"system calls", "pivot_root", pivots},     {"system calls", "chroot", roots},
    {"system calls", "fsopen", file_systems},   {"system calls", "open_tree", trees},
    {"system calls", "move_mount", moves},      {"system calls", "open_by_handle_at", handles},
    {"system calls", "fanotify_init", watches}, {"system calls", "swapon", swaps},
};

}  // namespace

std::span<const probe> mount_probes() noexcept {
  return probes;
}

}  // namespace kiln::probe_agent
