#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/base/bytes.hpp"
#include "core/digest/digest.hpp"

namespace kiln {

/// Encodes a protobuf message around blobs: small things are written together, a large blob is shared and
/// stands between them as it is. Fields with proto3's default value are left out, as protobuf does.
class message_writer {
public:
  void varint(std::uint32_t field, std::uint64_t value);
  void text(std::uint32_t field, std::string_view value);
  void data(std::uint32_t field, const bytes& value);
  void data(std::uint32_t field, const byte_chain& value);
  /// Begins a nested message, of which exactly `size` bytes follow. Written even if empty.
  void open(std::uint32_t field, std::size_t size);
  /// Bytes of what was opened that are encoded already; shared when large.
  void append(const bytes& encoded);
  /// A nested message that is encoded already. Written even if empty.
  void message(std::uint32_t field, std::string_view encoded);
  /// A nested REAPI Digest.
  void put(std::uint32_t field, const digest& value);

  std::size_t size() const noexcept { return whole_.size() + tail_.size(); }
  void reserve(std::size_t more) { tail_.reserve(tail_.size() + more); }
  /// The message; the writer is empty afterwards.
  byte_chain finish();

  /// What a field will take, with its tag, for the size of what it is nested in.
  static std::size_t varint_size(std::uint32_t field, std::uint64_t value) noexcept;
  static std::size_t data_size(std::uint32_t field, std::size_t length) noexcept;
  static std::size_t message_size(std::uint32_t field, std::size_t length) noexcept;
  static std::size_t digest_size(std::uint32_t field, const digest& value) noexcept;

private:
  void raw_varint(std::uint64_t value);
  void flush();

  byte_chain whole_;
  std::string tail_;
};

}  // namespace kiln
