#pragma once

#include <cstddef>
#include <memory>
#include <optional>

#include "core/base/error.hpp"
#include "plugins/stores/redis/resp_reply.hpp"

struct redisReader;

namespace kiln::redis_store {

/// Takes apart what a server sends: hiredis's reader, which makes our replies. Bounded by what has come, and
/// by `most` for one reply. One thread.
class resp_reader {
public:
  explicit resp_reader(std::size_t most);

  /// Bytes as they came. DATA_LOSS when a reply is larger than any that was asked for.
  expected<void> feed(const char* data, std::size_t size);
  /// The next reply that is whole, or none yet. DATA_LOSS for what is no RESP: then nothing more can be read.
  expected<std::optional<resp_reply>> next();

private:
  struct closer {
    void operator()(redisReader* reader) const noexcept;
  };
  std::unique_ptr<redisReader, closer> reader_;
  const std::size_t most_;
};

}  // namespace kiln::redis_store
