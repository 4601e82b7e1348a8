#pragma once

#include <string_view>
#include <vector>

#include "core/base/bytes.hpp"
#include "core/base/error.hpp"
#include "core/digest/digest.hpp"

/// What the messages that describe folders refer to, read where they lie: no message is made of them, which
/// would take several times their memory. Plain functions.
namespace kiln {

struct referred_blobs {
  std::vector<digest> files;
  std::vector<digest> directories;

  std::size_t size() const noexcept { return files.size() + directories.size(); }
};

/// Adds what one Directory names. INVALID_ARGUMENT if it is none.
expected<void> read_directory(std::string_view directory, digest_function function, referred_blobs& into);

/// The files of a whole Tree. INVALID_ARGUMENT if it is none; NOT_FOUND if a directory in it names one that
/// is not in it: what below that belongs to the tree nobody knows.
expected<std::vector<digest>> files_of_tree(const byte_chain& tree, digest_function function);

}  // namespace kiln
