#include "core/base/bytes.hpp"

#include <algorithm>

namespace kiln {

bytes bytes::copy_of(std::string_view text) {
  buffer copy(text.size());
  if (!text.empty()) std::memcpy(copy.data(), text.data(), text.size());
  return copy.freeze(text.size());
}

bytes bytes::adopt(std::string text) {
  auto owner = std::make_shared<const std::string>(std::move(text));
  const char* data = owner->data();
  std::size_t size = owner->size();
  return {data, size, std::move(owner)};
}

bytes bytes::slice(std::size_t offset, std::size_t count) const noexcept {
  offset = std::min(offset, size_);
  return {data_ + offset, std::min(count, size_ - offset), owner_};
}

buffer::buffer(std::size_t capacity)
    : data_(std::make_shared_for_overwrite<char[]>(capacity)), capacity_(capacity) {}

bytes buffer::freeze(std::size_t size) noexcept {
  const char* start = data_.get();
  capacity_ = 0;
  return {start, size, std::move(data_)};
}

void byte_chain::append(bytes piece) {
  if (piece.empty()) return;
  size_ += piece.size();
  pieces_.push_back(std::move(piece));
}

void byte_chain::append(byte_chain pieces) {
  for (auto& piece : pieces.pieces_) append(std::move(piece));
}

byte_chain byte_chain::slice(std::size_t offset, std::size_t count) const {
  byte_chain result;
  for (const auto& piece : pieces_) {
    if (count == 0) break;
    if (offset >= piece.size()) {
      offset -= piece.size();
      continue;
    }
    bytes part = piece.slice(offset, count);
    offset = 0;
    count -= part.size();
    result.append(std::move(part));
  }
  return result;
}

bytes byte_chain::flatten() const {
  if (pieces_.empty()) return {};
  if (pieces_.size() == 1) return pieces_.front();
  buffer whole(size_);
  char* to = whole.data();
  for (const auto& piece : pieces_) {
    std::memcpy(to, piece.data(), piece.size());
    to += piece.size();
  }
  return whole.freeze(size_);
}

void byte_chain::clear() noexcept {
  pieces_.clear();
  size_ = 0;
}

}  // namespace kiln
