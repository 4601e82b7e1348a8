#pragma once

#include <functional>

#include "core/contract/store.hpp"

/// Batches for stores that ask somebody else who knows none: each blob is asked for by itself, few at a time.
/// Any thread; what is given is called on whichever.
namespace kiln::one_by_one {

/// Whoever waits for a T. Called once, on any thread, and must not block.
template <class T>
using done = std::function<void(expected<T>)>;

/// Whether a blob is there.
using look = std::function<void(const digest&, done<bool>)>;
using read = std::function<void(const digest&, done<bytes>)>;
using write = std::function<void(const write_blobs::entry&, done<receipt>)>;

/// Those that are asked for, each once; the empty blob is none of them in a store of content.
std::vector<digest> each_once(const std::vector<digest>& blobs, store_role what);

/// One that cannot be asked for fails all, and after it none is asked for.
void find_all(const find_missing& order, store_role what, std::size_t at_once, look one,
              done<missing_blobs> then);
/// What is named twice is read once.
void read_all(const read_blobs& order, store_role what, std::size_t at_once, read one, done<blob_batch> then);
void write_all(write_blobs order, std::size_t at_once, write one, done<receipts> then);

/// What a read of this part of a result gets of its bytes.
expected<blob_content> part_of_result(const read_blob& order, const bytes& record);

}  // namespace kiln::one_by_one
