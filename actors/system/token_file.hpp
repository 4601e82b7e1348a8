#pragma once

#include <string>

#include "core/observe/log.hpp"
#include "core/wire/bearer_token.hpp"

/// The file with the token that a joining worker shows. Its scheduler and the worker each have a copy.
namespace kiln {

struct found_token {
  bearer_token token;
  bool made = false;     ///< just now
  bool exposed = false;  ///< others than the owner of the file may read it
};

/// The token in this file. An error names the file, and never what is in it. Blocks.
expected<found_token> read_token(const std::string& path);
/// The same for the scheduler, which draws a new token where there is no file: a file of mode 0600. Blocks.
expected<found_token> read_or_make_token(const std::string& path);

/// What people should know of it, on either side.
void tell_of(const found_token& token, const std::string& path, logger* log);

}  // namespace kiln
