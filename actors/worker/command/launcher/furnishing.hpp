#pragma once

#include <cstddef>

#include "actors/worker/command/launcher/command_image.hpp"

namespace kiln::launcher {

/// What of a sandbox is not for one command alone: it can be made before it is known which that is. What it
/// points to is somebody else's.
struct furnishing {
  std::uint64_t scratch_size = 0;  ///< of its /tmp, in bytes, and of its /dev/shm
  bool network = false;            ///< that of the machine
  bool at_root = false;            ///< nothing of the machine is shown
  bool same_user = true;           ///< the command is our own user, from whom some things are hidden
  const char** shown = nullptr;    ///< paths of the machine; the list ends with a null
};

furnishing furnishing_of(const command& what) noexcept;

/// One that outlives the command that it was read from.
class kept_furnishing {
public:
  /// False where it is too large to be kept.
  bool read(const command_head& head, int image);
  /// Whether that command's is the same.
  bool is_of(const command_head& head, int image) const;
  const furnishing& get() const noexcept { return what_; }

private:
  static constexpr std::size_t most_shown = 256;
  static bool read_shown(const command_head& head, int image, char* into);

  furnishing what_;
  const char* list_[most_shown + 1];
  char text_[16384];
  std::size_t size_ = 0;
};

}  // namespace kiln::launcher
