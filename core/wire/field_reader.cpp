#include "core/wire/field_reader.hpp"

#include <algorithm>

namespace kiln {
namespace {

constexpr int deepest_group = 100;
constexpr int longest_tag = 5;
constexpr int longest_length = 5;  // as protobuf has it, also where the bytes beyond say nothing
constexpr int longest_varint = 10;

}  // namespace

bool field_reader::next() {
  if (broken_ || left_ == 0) return false;
  broken_ = !read_field();
  return !broken_;
}

bool field_reader::read_field() {
  if (!read_tag(number_, type_)) return false;
  switch (type_) {
    case wire_type::varint:
      return read_varint(value_, longest_varint);
    case wire_type::length: {
      std::uint64_t length = 0;
      if (!read_varint(length, longest_length) || length > left_) return false;
      length_ = static_cast<std::size_t>(length);
      if (window_.empty()) refill();
      payload_piece_ = after_ - (pieces_.empty() ? 0 : 1);
      payload_ = window_;
      return skip(length_);
    }
    default:
      return skip_value(number_, type_, 0);
  }
}

bool field_reader::read_tag(std::uint32_t& number, wire_type& type) {
  std::uint64_t tag = 0;
  if (!read_varint(tag, longest_tag)) return false;
  number = static_cast<std::uint32_t>(tag) >> 3;
  type = static_cast<wire_type>(tag & 7);
  return number != 0;
}

bool field_reader::read_varint(std::uint64_t& value, int longest) {
  value = 0;
  for (int i = 0; i < longest; ++i) {
    if (window_.empty() && !refill()) return false;
    auto byte = static_cast<std::uint8_t>(window_.front());
    window_.remove_prefix(1);
    --left_;
    value |= static_cast<std::uint64_t>(byte & 0x7f) << (7 * i);
    if (byte < 0x80) return true;
  }
  return false;
}

bool field_reader::skip(std::size_t count) {
  if (count > left_) return false;
  left_ -= count;
  while (count > window_.size()) {
    count -= window_.size();
    window_ = {};
    refill();
  }
  window_.remove_prefix(count);
  return true;
}

bool field_reader::skip_value(std::uint32_t number, wire_type type, int depth) {
  std::uint64_t value = 0;
  switch (type) {
    case wire_type::varint:
      return read_varint(value, longest_varint);
    case wire_type::fixed64:
      return skip(8);
    case wire_type::fixed32:
      return skip(4);
    case wire_type::length:
      return read_varint(value, longest_length) && value <= left_ && skip(static_cast<std::size_t>(value));
    case wire_type::group: {
      std::uint32_t inner = 0;
      while (depth < deepest_group && read_tag(inner, type)) {
        if (type == wire_type::end_group) return inner == number;
        if (!skip_value(inner, type, depth + 1)) return false;
      }
      return false;
    }
    default:
      return false;
  }
}

bool field_reader::refill() noexcept {
  if (after_ >= pieces_.size()) return false;
  window_ = pieces_[after_++].view();
  return true;
}

std::string_view field_reader::text() {
  if (length_ <= payload_.size()) return payload_.substr(0, length_);
  aside_.assign(payload_);
  for (std::size_t i = payload_piece_ + 1; aside_.size() < length_; ++i)
    aside_.append(pieces_[i].view().substr(0, length_ - aside_.size()));
  return aside_;
}

bytes field_reader::flat() const {
  if (pieces_.empty()) return bytes::copy_of(payload_.substr(0, length_));
  return chain().flatten();
}

byte_chain field_reader::chain() const {
  if (pieces_.empty()) return bytes::copy_of(payload_.substr(0, length_));
  byte_chain result;
  if (length_ == 0) return result;
  const bytes& first = pieces_[payload_piece_];
  result.append(first.slice(first.size() - payload_.size(), length_));
  for (std::size_t i = payload_piece_ + 1; result.size() < length_; ++i)
    result.append(pieces_[i].slice(0, length_ - result.size()));
  return result;
}

}  // namespace kiln
