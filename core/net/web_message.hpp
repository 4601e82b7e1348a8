#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/bytes.hpp"
#include "core/base/clock.hpp"
#include "core/contract/stream.hpp"

/// Requests of HTTP to other servers, and their answers, as values.
namespace kiln {

using web_headers = std::vector<std::pair<std::string, std::string>>;

/// Who we are. Nothing of it may stand in an error or in the log.
struct web_identity {
  std::string user;
  std::string password;
  /// "aws:amz:REGION:SERVICE": requests are signed (AWS Signature Version 4), with the password as the key.
  /// Then `x-amz-content-sha256` must stand among the headers and the query of the URL must be in canonical
  /// form, for libcurl takes both as they are. Empty: the two are sent (Basic).
  std::string signature;
};

struct web_order {
  std::string method = "GET";
  std::string url;
  web_headers headers;
  web_identity identity;
  /// What is sent behind a PUT or a POST: this, or what `source` gives, which must be `length` bytes.
  byte_chain body;
  blob_source_ptr source;
  std::uint64_t length = 0;
  bool past_proxy = false;  ///< for what is on this machine, or beside it
  /// When nobody waits for it any more, for the answer's body neither.
  steady_time until = steady_time::max();
};

struct web_head {
  int status = 0;
  web_headers headers;  ///< names in lower case

  std::string_view header(std::string_view name) const noexcept {
    for (const auto& [key, value] : headers)
      if (key == name) return value;
    return {};
  }
  bool is_good() const noexcept { return status >= 200 && status < 300; }
  /// What it says of the size of the body.
  std::optional<std::uint64_t> length() const;
};

/// An answer whose body is still to come. The body ends with UNAVAILABLE where the connection broke, and with
/// ABORTED where nobody read it for so long that the connection was given to others: whoever wants more asks
/// again for the rest. Dropping it ends the transfer.
struct web_reply : web_head {
  blob_source_ptr body;
};

/// An answer as a whole.
struct web_answer : web_head {
  bytes body;
};

/// A date as HTTP writes it; nothing if it is none.
std::optional<wall_time> parse_web_date(std::string_view text);

}  // namespace kiln
