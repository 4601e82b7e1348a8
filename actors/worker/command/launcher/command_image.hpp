#pragma once

#include <linux/filter.h>

#include <cstdint>

#include "actors/worker/command/launcher/protocol.hpp"

namespace kiln::launcher {

/// A command as the worker sent it. What it points to is mapped for as long as the process lives.
struct command {
  command_head head;
  const char** paths = nullptr;  ///< each list ends with a null
  char** arguments = nullptr;    ///< with room for one more in front
  char** variables = nullptr;
  const char* inside = "";  ///< the working directory below the input root, in a sandbox
  const char** shown = nullptr;
  const char** layers = nullptr;
  const char** folders = nullptr;
  const char** doors = nullptr;
  sock_fprog filter{};
};

/// False, with an errno, where the image is not one.
bool read_image(int image, command& into);

}  // namespace kiln::launcher
