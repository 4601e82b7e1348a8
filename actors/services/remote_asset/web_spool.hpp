#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "core/base/disk.hpp"
#include "core/base/thread_pool.hpp"
#include "core/contract/stream.hpp"

namespace kiln {

/// Bytes that are to become a blob, while nobody knows which: a file without a name, so that it is gone with
/// whoever holds it, however that ends. It blocks: for thread pools; one thread at a time until it is read.
class web_spool {
public:
  /// In this folder, which must be on a file system that has files without names (O_TMPFILE).
  static expected<std::shared_ptr<web_spool>> open(disk& on, const std::string& folder);

  expected<void> append(std::string_view piece);
  /// Empty again.
  expected<void> clear();
  std::uint64_t size() const noexcept { return size_; }

private:
  friend blob_source_ptr source_of(std::shared_ptr<const web_spool> from, std::shared_ptr<thread_pool> pool);
  web_spool(disk& on, descriptor file) : on_(on), file_(std::move(file)) {}

  disk& on_;
  descriptor file_;
  std::uint64_t size_ = 0;
};

/// All that is in it, at most a MiB at a time, read by the thread pool. It must not grow any more.
blob_source_ptr source_of(std::shared_ptr<const web_spool> from, std::shared_ptr<thread_pool> pool);

}  // namespace kiln
