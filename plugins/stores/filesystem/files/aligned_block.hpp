#pragma once

#include <cstddef>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <vector>

namespace kiln::filesystem {

/// Memory whose address and size suit writes past the page cache.
class aligned_block {
public:
  static constexpr std::size_t size = 1 << 20;
  static constexpr std::size_t alignment = 4096;  ///< of what is written, too

  /// Null if there is no memory.
  static std::unique_ptr<aligned_block> make() {
    std::unique_ptr<aligned_block> block(new aligned_block);
    return block->memory_ ? std::move(block) : nullptr;
  }
  char* data() const noexcept { return memory_.get(); }

private:
  struct freer {
    void operator()(char* memory) const noexcept { std::free(memory); }
  };
  aligned_block() : memory_(static_cast<char*>(std::aligned_alloc(alignment, size))) {}

  std::unique_ptr<char, freer> memory_;
};

/// The blocks of one store: so many at once, which are used again. Any thread.
class aligned_blocks {
public:
  static constexpr std::size_t max_blocks = 16;

  /// All that is ever kept has its place from the beginning, so that giving back needs no memory.
  aligned_blocks() { idle_.reserve(max_blocks); }

  /// Null if all are in use: then it is the page cache that is written to.
  std::unique_ptr<aligned_block> take() {
    std::lock_guard lock(mutex_);
    if (in_use_ == max_blocks) return nullptr;
    auto block = idle_.empty() ? aligned_block::make() : std::move(idle_.back());
    if (!idle_.empty()) idle_.pop_back();
    if (block) ++in_use_;
    return block;
  }
  void give_back(std::unique_ptr<aligned_block> block) noexcept {
    std::lock_guard lock(mutex_);
    --in_use_;
    idle_.push_back(std::move(block));
  }

private:
  std::mutex mutex_;
  std::size_t in_use_ = 0;
  std::vector<std::unique_ptr<aligned_block>> idle_;
};

}  // namespace kiln::filesystem
