#pragma once

#include <functional>
#include <memory>

#include "core/base/bytes.hpp"
#include "core/base/error.hpp"

namespace kiln {

/// A blob on its way, pulled by whoever consumes it: demand travels from the slowest end, so nothing piles
/// up.
///
/// One read may be outstanding. Its continuation is called exactly once, on any thread, and possibly before
/// `read` returns; an empty chain is the end, an error is the end too. After either, or after `cancel`, the
/// source is not read again. Dropping the last reference cancels. What one read returns is bounded by the
/// source (see each), never the whole of a large blob.
class blob_source {
public:
  using next = std::function<void(expected<byte_chain>)>;

  virtual ~blob_source() = default;
  virtual void read(next then) = 0;
  /// The consumer gives up. A continuation still outstanding may be called with CANCELLED, or not at all.
  virtual void cancel(const error& why) noexcept { (void)why; }
};

using blob_source_ptr = std::shared_ptr<blob_source>;

/// The given bytes, then the end.
blob_source_ptr source_of(byte_chain content);

/// Only the end, as this error.
blob_source_ptr failing_source(error fault);

/// `then`, sure to be called: with CANCELLED if the source drops it, as one does whose wire is cut. For who
/// reads a source without `pump`.
blob_source::next ensure_called(blob_source::next then);

/// Reads `source` to its end without growing the stack, however often it answers at once. `chunk` is called
/// with each piece in order, on whichever thread delivered it; returning an error stops and cancels the
/// source. `done` is called exactly once. Both must not throw.
void pump(blob_source_ptr source, std::function<expected<void>(byte_chain)> chunk,
          std::function<void(expected<void>)> done);

/// All of `source` as one piece, at most `limit` bytes (RESOURCE_EXHAUSTED beyond, and the source is
/// cancelled).
void collect(blob_source_ptr source, std::size_t limit, std::function<void(expected<bytes>)> done);

}  // namespace kiln
