#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "core/contract/stream.hpp"
#include "plugins/stores/filesystem/packs/pack_writer.hpp"

namespace kiln::filesystem {

/// A small blob on its way into a pack.
struct small_blob {
  digest blob;
  bytes content;
  std::uint64_t sequence = 0;
};
/// Where it lies now; if it does not, its bytes may be tried again.
struct placed_blob {
  bytes content;
  expected<pack_place> place;
  std::uint64_t sequence = 0;
};

/// Checks each, appends those that are right, and says what became of each, in their order, on a thread pool
/// thread. Where content is verified, wrong bytes are INVALID_ARGUMENT. What is thrown fails all of them. For
/// thread pool threads.
void place_all(const engine_ptr& with, const std::shared_ptr<pack_writer>& writer,
               std::vector<small_blob> blobs, std::function<void(std::vector<placed_blob>)> then);

/// The same for one that is still to come: gathered on the threads that bring it, never more than `limit`
/// bytes. A source that lets go of its continuation has given up. `then` is called exactly once, on any
/// thread.
void gather_and_place(const engine_ptr& with, const std::shared_ptr<pack_writer>& writer, small_blob what,
                      blob_source_ptr source, std::uint64_t limit, std::function<void(placed_blob)> then);

}  // namespace kiln::filesystem
