#pragma once

#include <google/protobuf/message.h>

#include <string>
#include <string_view>
#include <vector>

#include "core/base/error.hpp"

/// What was said between us and the server, kept so that a failure can be shown. Long things are cut.
namespace kiln::conform {

/// On one line, in the manner of protobuf's text format; bytes and repeated fields are shortened.
std::string shown(const google::protobuf::Message& message);
/// With its details, unpacked where we know them.
std::string shown(const error& status);
/// Printable, and not longer than a line takes.
std::string shown(std::string_view bytes);

/// The messages of one direction: the first five, and the last.
struct said {
  std::vector<std::string> kept;
  std::size_t count = 0;

  void note(std::string message);
};

/// One RPC.
struct exchange {
  std::string method;
  said sent, received;
  std::string status;  ///< empty while it runs
};

}  // namespace kiln::conform
