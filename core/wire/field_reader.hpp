#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "core/base/bytes.hpp"

namespace kiln {

enum class wire_type : std::uint8_t {
  varint = 0,
  fixed64 = 1,
  length = 2,
  group = 3,
  end_group = 4,
  fixed32 = 5
};

/// Walks the fields of one encoded protobuf message without making an object of it: for messages that carry
/// blobs, whose bytes must not be copied into strings, and for long lists of digests. Fields come in the
/// order they lie in; that the last one of a kind counts, and that a known number with another type is an
/// unknown field, is the caller's to heed. Groups are skipped.
///
/// The message must outlive the reader, and what `text` returned is good until the next `next`.
class field_reader {
public:
  explicit field_reader(const byte_chain& message) noexcept
      : pieces_(message.pieces()), left_(message.size()) {}
  explicit field_reader(std::string_view message) noexcept : window_(message), left_(message.size()) {}

  /// On to the next field; false at the end, and when the message is broken.
  bool next();
  bool broken() const noexcept { return broken_; }

  bool is(std::uint32_t number, wire_type type) const noexcept { return number_ == number && type_ == type; }
  std::uint32_t number() const noexcept { return number_; }
  wire_type type() const noexcept { return type_; }
  std::uint64_t value() const noexcept { return value_; }  ///< of a varint
  std::size_t size() const noexcept { return length_; }    ///< of a length-delimited field
  /// A length-delimited field's bytes. `text` copies aside what lies across pieces; `flat` and `chain` share.
  std::string_view text();
  bytes flat() const;
  byte_chain chain() const;

private:
  bool read_field();
  bool read_tag(std::uint32_t& number, wire_type& type);
  bool read_varint(std::uint64_t& value, int longest);
  bool skip(std::size_t count);
  bool skip_value(std::uint32_t number, wire_type type, int depth);
  bool refill() noexcept;

  std::span<const bytes> pieces_;  // none in a reader over plain text
  std::size_t after_ = 0;          // the piece behind the window
  std::string_view window_;        // unread rest of the current piece
  std::size_t left_;               // unread in all
  bool broken_ = false;

  std::uint32_t number_ = 0;
  wire_type type_ = wire_type::varint;
  std::uint64_t value_ = 0;
  std::size_t length_ = 0;
  std::size_t payload_piece_ = 0;  // index of the piece the payload begins in
  std::string_view payload_;       // from its begin to the end of that piece
  std::string aside_;
};

}  // namespace kiln
