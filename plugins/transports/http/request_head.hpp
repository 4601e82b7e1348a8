#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "core/base/error.hpp"
#include "core/contract/call.hpp"

namespace kiln::http_plugin {

/// What stands in front of a request's body.
struct request_head {
  std::string method;  ///< "GET"
  std::string target;  ///< "/cas/0b1c...?query", as it was sent, without scheme and host
  call_metadata fields;
  bool keep_alive = true;
  bool awaits_continue = false;
  bool old = false;                     ///< HTTP/1.0
  bool chunked = false;                 ///< else:
  std::optional<std::uint64_t> length;  ///< as declared
};

/// What is wrong with a request, and the status that says so.
struct bad_request {
  int status = 400;
  std::string why;
};

/// Parses one request. The bytes come as they come; what belongs to the body, or to the next request, is left
/// to the caller. One thread.
class request_parser {
public:
  static constexpr std::size_t largest_head = 16 << 10;

  request_parser();
  ~request_parser();
  request_parser(request_parser&&) noexcept;
  request_parser& operator=(request_parser&&) noexcept;

  struct progress {
    std::size_t used = 0;  ///< of the bytes given
    bool complete = false;
  };
  /// `bytes` is all that came and was not used so far.
  tl::expected<progress, bad_request> put_head(std::string_view bytes);
  /// Once the head is complete.
  tl::expected<request_head, bad_request> head() const;

private:
  struct state;
  std::unique_ptr<state> state_;
};

}  // namespace kiln::http_plugin
