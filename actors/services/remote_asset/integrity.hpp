#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/digest/digest.hpp"

namespace kiln {

/// What the qualifier `checksum.sri` demands of an asset's bytes, as in Subresource Integrity: hashes under
/// the strongest function it names, any one of which will do.
struct integrity {
  digest_function function = digest_function::sha256;
  std::vector<std::string> hashes;  ///< raw, sorted

  /// `found` is a digest of this function.
  bool accepts(const digest& found) const;
  /// Whatever meets this demand meets the other.
  bool implies(const integrity& other) const;
  /// The same text for the same demand.
  std::string to_string() const;
};

/// "sha256-<base64>", also sha384, sha512 and blake3, several with blanks between them; options behind a
/// question mark are skipped. INVALID_ARGUMENT if there is no hash that we can check, or a malformed one.
expected<integrity> parse_integrity(std::string_view text);

}  // namespace kiln
