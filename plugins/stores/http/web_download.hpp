#pragma once

#include "plugins/stores/http/web_remote.hpp"

namespace kiln::web_store {

/// Bytes [offset, offset + length) of a blob.
struct web_range {
  std::uint64_t offset = 0;
  std::uint64_t length = 0;
};

/// Asks for the range, and hands on its bytes once the server has begun to send them. A connection that
/// breaks is replaced by another request for the rest, and so is one that nobody read from for a while. Of a
/// server that knows no ranges the bytes before are dropped. A whole blob may come as zstd.
void download(remote_ptr where, const digest& blob, const web_range& range, steady_time until,
              done<blob_source_ptr> then);

}  // namespace kiln::web_store
