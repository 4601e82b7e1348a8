#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/digest/digest.hpp"

namespace kiln {

/// What the path of a request names.
struct http_path {
  enum class kind : std::uint8_t {
    blob,    ///< {/instance}/cas/{function/}{hash}
    result,  ///< {/instance}/ac/{function/}{hash}
    value,   ///< anything else: the client's own
    folder,  ///< ... that ends with a slash
    metrics,
    health,
    readiness,
  };
  kind what = kind::value;
  std::string instance;
  digest name;       ///< of a blob or a result, of size 0
  std::string text;  ///< of a value, without query
};

/// `target` is what stands behind the method ("/cas/0b1c...?x"). A hash without a function is of the first of
/// `functions` whose hashes have its length. INVALID_ARGUMENT for a path that names a blob or a result badly.
expected<http_path> read_http_path(std::string_view target, const std::vector<digest_function>& functions);

/// The instance in front of "cas" or "ac", as it was sent; empty where there is none.
std::string_view instance_in(std::string_view target);

/// "GET" and "/cas/..." out of "/kiln.http/GET/cas/...".
struct http_words {
  std::string_view method;
  std::string_view target;
};
http_words words_of(std::string_view method_path);

}  // namespace kiln
