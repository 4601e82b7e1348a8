#pragma once

#include <cstdint>

/// What a sandbox is put together from. All with an errno where they fail.
namespace kiln::launcher {

inline constexpr int no_identities = -1;

/// A mount that is nowhere yet, read-only or whatever else `attributes` (MOUNT_ATTR_*) say; -1 if it cannot
/// be made. `whole`: with all that is mounted below `path`. `identities`: a user namespace, by which owners
/// are mapped.
int detached(const char* path, std::uint64_t attributes, bool whole = true, int identities = no_identities);
/// Takes it.
bool attach(int tree, const char* where);

bool make_file(const char* path);
/// With the folders above it. `path` is relative, and as long as PATH_MAX at most.
bool make_folders(const char* path);

}  // namespace kiln::launcher
