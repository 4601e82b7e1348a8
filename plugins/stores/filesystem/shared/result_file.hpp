#pragma once

#include "core/base/bytes.hpp"
#include "plugins/stores/filesystem/files/file_upload.hpp"
#include "plugins/stores/filesystem/files/inspect.hpp"
#include "plugins/stores/filesystem/shared/shared_engine.hpp"

namespace kiln::filesystem {

/// A result in a file of its own: a header that proves it, for its digest names an action and says nothing of
/// the bytes; then the bytes. What proves it is a checksum over its name and all of it, with a key that no
/// client knows: a file under another's name, or of another's making, is no result.

/// No result is larger.
inline constexpr std::uint64_t largest_result = 16 << 20;
/// Bytes of a file before those of the result.
inline constexpr std::uint64_t result_header_size = 24;

/// In a file that has no name yet.
expected<std::shared_ptr<uploaded>> store_result_file(const shared_engine_ptr& with, const digest& name,
                                                      const bytes& content);

/// The bytes of the result that this name has; NOT_FOUND if there is none or it is damaged, UNAVAILABLE if
/// the disk cannot read it. For thread pool threads. `stamp` is that of the file, if there was one.
expected<bytes> read_result(const shared_engine& with, const digest& name, file_stamp& stamp);

}  // namespace kiln::filesystem
