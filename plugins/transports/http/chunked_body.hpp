#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "plugins/transports/http/request_head.hpp"

namespace kiln::http_plugin {

/// Takes a body apart that comes in chunks (RFC 9112, 7.1). The bytes come as they come; what stands behind
/// the body is left to the caller. Extensions and trailers are passed over. Strict, for what one reader bears
/// and another does not is where requests are smuggled: lines end with CR LF, sizes are hexadecimal digits
/// and nothing else. One thread.
class chunked_body {
public:
  struct piece {
    std::size_t used = 0;     ///< of the bytes given
    std::size_t written = 0;  ///< of the body
    bool complete = false;    ///< the body has ended
  };
  /// `bytes` is all that came and was not used so far. Uses what it can and writes at most `room`.
  tl::expected<piece, bad_request> put(std::string_view bytes, char* into, std::size_t room);

private:
  enum class state : std::uint8_t { size, data, end_of_data, trailer, complete };

  /// The line at the front, without its end; none if it has not come whole.
  tl::expected<std::optional<std::string_view>, bad_request> line_of(std::string_view bytes);
  tl::expected<bool, bad_request> step(std::string_view& rest, char*& into, std::size_t& room);

  state state_ = state::size;
  std::uint64_t left_ = 0;        // of the chunk
  std::size_t trailer_size_ = 0;  // so far
};

}  // namespace kiln::http_plugin
