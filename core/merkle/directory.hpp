#pragma once

#include "core/base/error.hpp"

namespace build::bazel::remote::execution::v2 {
class Directory;
}

namespace kiln {

/// Whether a Directory is in its one canonical form, so that equal directories have equal digests and every
/// name can be made in a file system: each list sorted by name, no name twice across the three lists, every
/// name fit for an entry, symlinks with targets. INVALID_ARGUMENT naming the fault. Digests in it are not
/// looked at.
expected<void> validate_directory(const build::bazel::remote::execution::v2::Directory& directory);

}  // namespace kiln
