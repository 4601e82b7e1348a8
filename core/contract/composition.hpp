#pragma once

#include <caf/fwd.hpp>
#include <vector>

#include "core/contract/store.hpp"
#include "core/contract/stream.hpp"
#include "core/digest/chunker.hpp"

/// Blobs that are made of other blobs of the same store.
namespace kiln {

/// The parts, joined in this order, are the blob.
struct composition {
  chunking_function cut_by = chunking_function::unknown;
  std::vector<digest> parts;
};

/// The bytes of a blob, told together with what it is made of. A store that gets one to write may keep the
/// composition instead of the bytes, and one that reads may answer with one; to everybody else it is a source
/// like any other. Any thread.
class composed_source final : public blob_source {
public:
  /// `joined`: where the bytes come from. Of a source to be written it ends in an error unless they are the
  /// blob (see checked).
  composed_source(composition made_of, blob_source_ptr joined);
  ~composed_source() override;

  const composition& made_of() const noexcept { return made_of_; }

  void read(next then) override;
  void cancel(const error& why) noexcept override;

private:
  const composition made_of_;
  const blob_source_ptr joined_;
};

/// What has to be read for bytes [offset, offset + limit) of the whole; limit 0 means to its end.
std::vector<read_blob> reads_of(const composition& whole, std::uint64_t offset = 0, std::uint64_t limit = 0);

/// One read after the other, as one source. The next few are asked for ahead of time, so that the disk is not
/// waited for between them; their bytes are not. The first error ends it.
blob_source_ptr join_reads(caf::actor_system& system, store_actor from, std::vector<read_blob> reads);

}  // namespace kiln
