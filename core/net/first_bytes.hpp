#pragma once

#include <cstdint>
#include <string_view>

namespace kiln {

/// What a client that has just connected wants to speak.
enum class spoken : std::uint8_t {
  unknown,  ///< not enough has come to tell
  http2,    ///< in the clear, or offered in TLS and nothing beside it: gRPC
  http1,    ///< in the clear, or offered in TLS, or TLS without an offer
  tls,      ///< TLS, where nobody expects it
  plain,    ///< in the clear, where TLS is expected
};

/// As much of what came first as is needed at most.
inline constexpr std::size_t first_bytes_needed = 17 << 10;

/// By the first bytes: the preface of HTTP/2, or the protocols that a ClientHello of TLS offers (ALPN). A
/// client that offers HTTP/1.1 as well speaks that as well, and no client of gRPC does.
spoken what_speaks(std::string_view first_bytes, bool encrypted);

}  // namespace kiln
