#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/contract/store.hpp"
#include "plugins/stores/s3/s3_options.hpp"

namespace kiln::s3_store {

struct s3_endpoint {
  std::string scheme;  ///< "https" or "http"
  std::string host;    ///< with its port, where one was given
};
expected<s3_endpoint> parse_s3_endpoint(const std::string& text);

/// Parameters of a request. In a URL they stand in order, each with its value, as signatures want it.
using s3_query = std::vector<std::pair<std::string, std::string>>;

/// Everything but letters, digits, '-', '_', '.', '~' as %XX.
std::string percent_encoded(std::string_view text);

/// Under which names a store keeps what, and where that is. Everything that can be chosen from outside stands
/// in a digest, which is letters and digits of fixed length: no two kinds of thing meet under one name, and
/// every name stands in a URL as it is. Plain class.
///
///     kiln/cas/sha256/ab/<hex>-<size>      a blob
///     kiln/ac/sha256/ab/<hex>-<size>       a result
class s3_address {
public:
  s3_address(const s3_options& options, store_role what);

  std::string key_of(const digest& blob) const;
  /// What all names of blobs (or results) begin with.
  const std::string& beginning() const noexcept { return beginning_; }
  /// Of an object, or of the bucket where the key is empty.
  std::string url_of(std::string_view key, s3_query query = {}) const;
  /// "/bucket/key": what copies are made of.
  std::string copy_source(std::string_view key) const;
  /// For messages.
  const std::string& host() const noexcept { return host_; }

private:
  std::string bucket_;
  std::string beginning_;
  std::string host_;
  std::string base_;  ///< ends with a slash
};

}  // namespace kiln::s3_store
