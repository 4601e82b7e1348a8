#pragma once

#include <boost/container/small_vector.hpp>
#include <cstddef>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace kiln {

/// A shared, immutable run of bytes: a view and whoever keeps it alive. Copying shares, slicing shares,
/// nothing is ever written after it was published. Any thread may read and drop it.
class bytes {
public:
  bytes() noexcept = default;
  /// `owner` keeps `data` alive. Transports wrap the buffers they received this way.
  bytes(const char* data, std::size_t size, std::shared_ptr<const void> owner) noexcept
      : owner_(std::move(owner)), data_(data), size_(size) {}

  static bytes copy_of(std::string_view text);
  static bytes adopt(std::string text);
  /// Outlives the process: literals and tables.
  static bytes of_static(std::string_view text) noexcept { return {text.data(), text.size(), nullptr}; }

  const char* data() const noexcept { return data_; }
  std::size_t size() const noexcept { return size_; }
  bool empty() const noexcept { return size_ == 0; }
  std::string_view view() const noexcept { return {data_, size_}; }

  /// Shares [offset, offset + count), cut at the end. `offset` must not lie behind the end.
  bytes slice(std::size_t offset, std::size_t count = std::string_view::npos) const noexcept;

private:
  std::shared_ptr<const void> owner_;
  const char* data_ = nullptr;
  std::size_t size_ = 0;
};

/// Memory to be filled once and then frozen into bytes. Not initialised.
class buffer {
public:
  explicit buffer(std::size_t capacity);

  char* data() noexcept { return data_.get(); }
  std::size_t capacity() const noexcept { return capacity_; }
  /// The first `size` bytes, without a copy. The buffer is empty afterwards.
  bytes freeze(std::size_t size) noexcept;

private:
  std::shared_ptr<char[]> data_;
  std::size_t capacity_;
};

/// Bytes in several pieces, in order: a message as it lay on the wire, or what is about to be sent.
class byte_chain {
public:
  byte_chain() = default;
  byte_chain(bytes only) { append(std::move(only)); }  // NOLINT: a single piece is a chain

  void append(bytes piece);
  void append(byte_chain pieces);

  std::size_t size() const noexcept { return size_; }
  bool empty() const noexcept { return size_ == 0; }
  std::span<const bytes> pieces() const noexcept { return {pieces_.data(), pieces_.size()}; }

  /// Shares [offset, offset + count), cut at the end.
  byte_chain slice(std::size_t offset, std::size_t count = std::string_view::npos) const;
  /// One piece: shared if there is only one, copied together otherwise.
  bytes flatten() const;
  void clear() noexcept;

private:
  boost::container::small_vector<bytes, 2> pieces_;
  std::size_t size_ = 0;
};

}  // namespace kiln
