#include "core/wire/message_writer.hpp"

#include <array>

#include "core/wire/field_reader.hpp"

namespace kiln {
namespace {

// Below this, copying is cheaper than one more piece on the way to the socket.
constexpr std::size_t least_shared = 8 * 1024;

std::size_t length_of(std::uint64_t value) noexcept {
  std::size_t length = 1;
  while (value >= 0x80) {
    value >>= 7;
    ++length;
  }
  return length;
}

std::uint64_t tag_of(std::uint32_t field, wire_type type) noexcept {
  return static_cast<std::uint64_t>(field) << 3 | static_cast<std::uint64_t>(type);
}

// Digest: hash = 1, size_bytes = 2.
std::size_t digest_length(const digest& value) noexcept {
  return message_writer::data_size(1, value.hash_bytes().size() * 2) +
         message_writer::varint_size(2, static_cast<std::uint64_t>(value.size));
}

}  // namespace

void message_writer::varint(std::uint32_t field, std::uint64_t value) {
  if (value == 0) return;
  raw_varint(tag_of(field, wire_type::varint));
  raw_varint(value);
}

void message_writer::text(std::uint32_t field, std::string_view value) {
  if (value.empty()) return;
  open(field, value.size());
  tail_.append(value);
}

void message_writer::data(std::uint32_t field, const bytes& value) {
  if (value.empty()) return;
  open(field, value.size());
  append(value);
}

void message_writer::data(std::uint32_t field, const byte_chain& value) {
  if (value.empty()) return;
  open(field, value.size());
  for (const auto& piece : value.pieces()) append(piece);
}

void message_writer::open(std::uint32_t field, std::size_t size) {
  raw_varint(tag_of(field, wire_type::length));
  raw_varint(size);
}

void message_writer::message(std::uint32_t field, std::string_view encoded) {
  open(field, encoded.size());
  tail_.append(encoded);
}

void message_writer::put(std::uint32_t field, const digest& value) {
  static constexpr std::string_view digits = "0123456789abcdef";
  open(field, digest_length(value));
  open(1, value.hash_bytes().size() * 2);
  std::array<char, 2 * digest::max_hash_size> hex;
  std::size_t end = 0;
  for (auto byte : value.hash_bytes()) {
    hex[end++] = digits[byte >> 4];
    hex[end++] = digits[byte & 15];
  }
  tail_.append(hex.data(), end);
  varint(2, static_cast<std::uint64_t>(value.size));
}

byte_chain message_writer::finish() {
  flush();
  byte_chain result = std::move(whole_);
  whole_.clear();
  return result;
}

std::size_t message_writer::varint_size(std::uint32_t field, std::uint64_t value) noexcept {
  return value == 0 ? 0 : length_of(tag_of(field, wire_type::varint)) + length_of(value);
}

std::size_t message_writer::data_size(std::uint32_t field, std::size_t length) noexcept {
  return length == 0 ? 0 : message_size(field, length);
}

std::size_t message_writer::message_size(std::uint32_t field, std::size_t length) noexcept {
  return length_of(tag_of(field, wire_type::length)) + length_of(length) + length;
}

std::size_t message_writer::digest_size(std::uint32_t field, const digest& value) noexcept {
  return message_size(field, digest_length(value));
}

void message_writer::raw_varint(std::uint64_t value) {
  while (value >= 0x80) {
    tail_.push_back(static_cast<char>(value | 0x80));
    value >>= 7;
  }
  tail_.push_back(static_cast<char>(value));
}

void message_writer::append(const bytes& encoded) {
  if (encoded.size() < least_shared) {
    tail_.append(encoded.view());
    return;
  }
  flush();
  whole_.append(encoded);
}

void message_writer::flush() {
  if (tail_.empty()) return;
  whole_.append(bytes::adopt(std::move(tail_)));
  tail_.clear();
}

}  // namespace kiln
