#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "core/base/error.hpp"
#include "core/digest/digest.hpp"

/// The largest of each message that is interpreted, not only kept: by the server, and by workers. A digest
/// says how large a blob is, so one that is larger is refused before a byte of it is read, wherever it is
/// named; and nothing here makes one that another part would not take.
namespace kiln {

struct message_limit {
  std::string_view message;
  std::int64_t bytes;
  std::string_view sentence;  ///< for people
};

namespace largest {

inline constexpr message_limit action{"Action", 1 << 20, "What Execute names."};
inline constexpr message_limit command{"Command", 8 << 20,
                                       "More than any system takes as arguments of a program."};
inline constexpr message_limit directory{"Directory", 16 << 20,
                                         "Some 200,000 files. GetTree sends one larger than 4 MiB alone, to "
                                         "clients that take such messages."};
inline constexpr message_limit tree{"Tree", 64 << 20, "Some 700,000 files."};
inline constexpr message_limit result{"ActionResult", (4 << 20) - (64 << 10),
                                      "What a client takes in a message by default, less its framing."};
inline constexpr message_limit layout{"layout", 8 << 20,
                                      "Of a composed blob: some 100,000 chunks. More are joined."};
inline constexpr message_limit platform{"Platform", 64 << 10, "Of an Action or a Command."};

}  // namespace largest

/// All of them, for the reference.
std::span<const message_limit> message_limits() noexcept;

/// INVALID_ARGUMENT that names the blob and the limit, unless this is no larger.
expected<void> check_size(const message_limit& of, const digest& blob);
expected<void> check_size(const message_limit& of, std::size_t bytes);

}  // namespace kiln
