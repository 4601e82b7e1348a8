#include "plugins/stores/memory/gather.hpp"

#include <algorithm>
#include <new>
#include <optional>
#include <utility>

#include "core/wire/status.hpp"

namespace kiln::memory {
namespace {

class gathering {
public:
  gathering(gather_limits limits, std::shared_ptr<byte_budget> room)
      : limits_(limits), room_(std::move(room)) {}
  ~gathering() { room_->give_back(size_); }

  expected<void> take(const byte_chain& pieces) try {
    if (pieces.size() > limits_.size - size_)
      return fail(errc::invalid_argument, "the writer sent more than the {} bytes it may", limits_.size);
    if (!room_->take(pieces.size()))
      return fail(try_again(errc::resource_exhausted, "too many bytes of uploads are under way"));
    size_ += pieces.size();
    std::size_t coming = pieces.size();
    for (const bytes& piece : pieces.pieces()) {
      add(piece.view(), coming);
      coming -= piece.size();
    }
    return {};
  } catch (const std::bad_alloc&) {
    return fail(errc::resource_exhausted, "no memory for an upload after {} bytes", size_);
  }

  /// Gives the room back before anybody hears of the end: who comes again at once shall find it.
  expected<byte_chain> end(expected<void> how) {
    auto content = how ? finish() : expected<byte_chain>(failure(std::move(how).error()));
    open_.reset();
    blocks_ = {};
    room_->give_back(std::exchange(size_, 0));
    return content;
  }

private:
  expected<byte_chain> finish() {
    if (limits_.exact && size_ != limits_.size)
      return fail(errc::invalid_argument, "the writer sent {} bytes instead of {}", size_, limits_.size);
    seal();
    return std::move(blocks_);
  }

  // `coming` counts what is known to follow, this piece included.
  void add(std::string_view piece, std::size_t coming) {
    while (!piece.empty()) {
      if (!open_) {
        // As much as is surely needed, or as much again as is there: many small pieces make few blocks.
        std::size_t wanted = std::max<std::size_t>(coming, blocks_.size());
        if (limits_.exact) wanted = std::min<std::size_t>(wanted, limits_.size - blocks_.size());
        open_.emplace(std::min(wanted, block_size));
      }
      std::size_t part = std::min(piece.size(), open_->capacity() - filled_);
      std::copy_n(piece.data(), part, open_->data() + filled_);
      filled_ += part;
      coming -= part;
      piece.remove_prefix(part);
      if (filled_ == open_->capacity()) seal();
    }
  }
  void seal() {
    if (!open_) return;
    blocks_.append(open_->freeze(filled_));
    open_.reset();
    filled_ = 0;
  }

  const gather_limits limits_;
  const std::shared_ptr<byte_budget> room_;
  std::uint64_t size_ = 0;
  byte_chain blocks_;
  std::optional<buffer> open_;
  std::size_t filled_ = 0;
};

}  // namespace

void gather(blob_source_ptr source, gather_limits limits, std::shared_ptr<byte_budget> room,
            std::function<void(expected<byte_chain>)> done) {
  auto all = std::make_shared<gathering>(limits, std::move(room));
  pump(
      std::move(source), [all](const byte_chain& pieces) { return all->take(pieces); },
      [all, done = std::move(done)](expected<void> how) { done(all->end(std::move(how))); });
}

byte_chain copy_into_blocks(std::string_view content) {
  byte_chain blocks;
  for (; !content.empty(); content.remove_prefix(std::min(content.size(), block_size)))
    blocks.append(bytes::copy_of(content.substr(0, block_size)));
  return blocks;
}

}  // namespace kiln::memory
