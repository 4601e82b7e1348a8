#pragma once

#include <cstdint>
#include <string>

/// Frames of zstd by hand (RFC 8878), so that what is refused does not hang on what an encoder would make.
namespace kiln::test {

inline std::string little_endian(std::uint64_t value, int bytes) {
  std::string text;
  for (int i = 0; i < bytes; ++i) text += static_cast<char>(value >> (8 * i));
  return text;
}

inline const std::string zstd_magic = little_endian(0xFD2FB528, 4);

enum class zstd_block : std::uint8_t { raw = 0, repeated = 1 };

/// `size` bytes of content: the bytes themselves, or the one that is repeated.
inline std::string block_of(zstd_block type, std::size_t size, const std::string& data, bool last = true) {
  return little_endian((last ? 1 : 0) | static_cast<std::uint64_t>(type) << 1 | size << 3, 3) + data;
}
inline std::string block_of(const std::string& data, bool last = true) {
  return block_of(zstd_block::raw, data.size(), data, last);
}

/// A frame with a window that does not say how much it holds.
inline std::string frame_with_window(unsigned window_log, const std::string& blocks) {
  return zstd_magic + '\0' + static_cast<char>((window_log - 10) << 3) + blocks;
}
/// A frame that says how much it holds, which is also its window.
inline std::string frame_declaring(std::uint64_t size, const std::string& blocks) {
  return zstd_magic + '\xe0' + little_endian(size, 8) + blocks;
}
/// A frame that readers are to pass over.
inline std::string skippable(const std::string& content) {
  return little_endian(0x184D2A53, 4) + little_endian(content.size(), 4) + content;
}

/// Some 4 bytes for each 128 KiB of one letter.
inline std::string zstd_bomb(std::size_t blocks, unsigned window_log = 20) {
  std::string text;
  for (std::size_t i = 0; i < blocks; ++i)
    text += block_of(zstd_block::repeated, 128 << 10, "b", i + 1 == blocks);
  return frame_with_window(window_log, text);
}

}  // namespace kiln::test
