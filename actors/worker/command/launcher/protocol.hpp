#pragma once

#include <cstdint>

/// How the worker and its launcher speak. Both come out of one build, so plain structs will do.
namespace kiln::launcher {

/// Descriptor of the launcher's end. It sends one byte when it is ready, then receives commands (see
/// command_message.hpp). When it closes, the worker is gone.
inline constexpr int control_socket = 3;

/// Exit codes of a launcher that cannot do its work.
inline constexpr int exit_no_setup = 2;
inline constexpr int exit_no_proc = 3;  ///< /proc does not list children

/// Where a command in a sandbox finds its input root, unless that is to be its /.
inline constexpr char sandbox_root[] = "/build";

/// What comes with a command; -1 is what does not. `control` is a pair of sockets of packets: reports come
/// out of it; a byte into it asks the command to end (SIGTERM); and when the worker shuts its side, the
/// command and all that descends from it is killed.
struct command_descriptors {
  int control = -1;
  int image = -1;   ///< a memory file, see command_head
  int folder = -1;  ///< where the command runs; in a sandbox, its input root
  int out = -1;
  int err = -1;
  int in = -1;          ///< none: the command reads nothing
  int identities = -1;  ///< the launcher's own affair, see identity_maps
};

inline constexpr std::uint32_t same_user = 0xffffffff;

/// The image begins with this. Behind it stand the instructions of the filter, then the strings, each with a
/// NUL: the paths of the machine that are shown in its sandbox; paths to try to execute, in order; the
/// arguments; the environment; and for a sandbox the working directory below the input root, the layers of
/// its union from the top down, the folders to be made in it, and the doors of its control group.
struct command_head {
  std::uint64_t open_files = 0;         ///< that the command may have; 0: as many as we may
  std::uint64_t largest_file = 0;       ///< that the command may write, in bytes; 0: as large as we may
  std::uint64_t changes_in_memory = 0;  ///< of a union, in bytes; 0: they lie in the command's folder
  std::uint32_t paths = 0;
  std::uint32_t arguments = 0;
  std::uint32_t variables = 0;
  /// The user and the group to run as, without any other group; `same_user` is ours.
  std::uint32_t user = same_user;
  std::uint32_t sandboxed = 0;      ///< 1: in namespaces of its own
  std::uint32_t network = 0;        ///< 1: that of the machine, 0: one of its own with nothing but a loopback
  std::uint32_t shown = 0;          ///< paths of the machine that it may read
  std::uint32_t filter = 0;         ///< instructions (sock_filter) that each of its system calls passes
  std::uint32_t layers = 0;         ///< folders below its own, in a union; 0: its own is all that there is
  std::uint32_t folders = 0;        ///< in that union, to be made before it starts
  std::uint32_t at_root = 0;        ///< 1: its input root is /, and nothing of the machine is shown
  std::uint32_t group = 0;          ///< number of its control group; 0: it is in ours
  std::uint32_t doors = 0;          ///< of that group: files; who writes 0 into each is in it
  std::uint32_t shown_size = 0;     ///< of those paths, in bytes
  std::uint32_t others_follow = 0;  ///< 1: what the sandbox of the next one is made of can be made ahead
  std::uint32_t unused = 0;
  std::uint64_t scratch_size = 0;  ///< of its /tmp, in bytes, and of its /dev/shm
};

/// Whether the layers, which the worker has made, belong to another user than the command.
constexpr bool needs_identities(const command_head& head) noexcept {
  return head.sandboxed != 0 && head.layers > 0 && head.user != same_user;
}

enum class word : std::uint32_t {
  started = 1,        ///< the command runs; from a union, with its root open as a descriptor
  not_started = 2,    ///< `number` is the errno; the last word
  ended = 3,          ///< `number` is its wait status, and no process of it is left; the last word
  lost = 4,           ///< it was killed because the launcher is gone; no process is left; the last word
  not_sandboxed = 5,  ///< `number` is the errno, `at` what failed; the last word
};

/// What making a sandbox consists of.
enum class sandbox_step : std::uint32_t {
  none,
  namespaces,
  group,
  user,
  system_folders,
  root,
  devices,
  processes,
  input_root,
  layers,
  scratch,
  network,
  privileges,
  output_folder,      ///< that with the number `index`
  working_directory,  ///< is not in the input root
  root_folders,       ///< the input root, which is to be /, has something else there
};
constexpr const char* name_of(sandbox_step which) noexcept {
  switch (which) {
    case sandbox_step::namespaces:
      return "making its namespaces";
    case sandbox_step::group:
      return "joining its control group";
    case sandbox_step::user:
      return "giving it its user";
    case sandbox_step::system_folders:
      return "showing the folders of the system";
    case sandbox_step::root:
      return "changing its root";
    case sandbox_step::devices:
      return "making /dev";
    case sandbox_step::processes:
      return "mounting /proc";
    case sandbox_step::input_root:
      return "showing the input root";
    case sandbox_step::layers:
      return "laying its inputs below its folder";
    case sandbox_step::scratch:
      return "making /tmp";
    case sandbox_step::network:
      return "starting its loopback";
    case sandbox_step::privileges:
      return "giving up privileges";
    case sandbox_step::output_folder:
      return "making a folder for its outputs";
    case sandbox_step::working_directory:
      return "entering its working directory";
    case sandbox_step::root_folders:
      return "making /dev and /proc in its input root";
    case sandbox_step::none:
      break;
  }
  return "starting it";
}

struct report {
  word what = word::ended;
  std::int32_t number = 0;
  std::int64_t elapsed_ns = 0;  ///< until the command itself ended, on the monotonic clock
  std::int64_t user_us = 0;
  std::int64_t system_us = 0;
  std::int64_t peak_kib = 0;  ///< the largest resident set among its processes
  sandbox_step at = sandbox_step::none;
  std::uint32_t index = 0;  ///< of what failed, where there are several
};

}  // namespace kiln::launcher
