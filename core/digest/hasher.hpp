#pragma once

#include <memory>
#include <string_view>

#include "core/base/bytes.hpp"
#include "core/digest/digest.hpp"

namespace kiln {

/// Hashes a stream piece by piece. One thread at a time; SHA-256 costs about 0.6 ms per MiB, so not in an
/// event-based actor for anything large.
class hasher {
public:
  explicit hasher(digest_function function);
  hasher(hasher&&) noexcept;
  hasher& operator=(hasher&&) noexcept;
  ~hasher();

  void update(std::string_view piece);
  void update(const byte_chain& pieces);
  /// Bytes seen so far.
  std::int64_t size() const noexcept { return size_; }
  /// Another hasher that has seen the same bytes: for many blobs with one beginning.
  hasher clone() const;
  /// The digest of all that was seen. The hasher is done then.
  digest finish();

  class engine;

private:
  hasher(std::unique_ptr<engine> engine, digest_function function, std::int64_t size);
  std::unique_ptr<engine> engine_;
  digest_function function_;
  std::int64_t size_ = 0;
};

}  // namespace kiln
