#pragma once

#include <compare>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/bytes.hpp"
#include "core/base/clock.hpp"
#include "core/digest/digest.hpp"

/// Assets as they lie in a store of results: as results of actions that never were.
namespace kiln {

enum class asset_kind : std::uint8_t { blob, directory };

struct qualifier {
  std::string name;
  std::string value;
  auto operator<=>(const qualifier&) const = default;
};

/// What the record of an asset of this name is about (record_key.hpp). `function` is that of the digests in
/// it; `name` is all that must be equal for one asset to be found by another's question, sorted.
digest asset_key(asset_kind kind, digest_function function, std::string_view uri,
                 const std::vector<qualifier>& name);

struct asset_record {
  asset_kind kind = asset_kind::blob;
  digest content;  ///< of the blob, or of the root Directory
  std::string uri;
  std::vector<qualifier> qualifiers;  ///< sorted
  wall_time stored_at;
  std::optional<wall_time> expire_at;
  std::vector<digest> blobs;        ///< that must live as long
  std::vector<digest> directories;  ///< the same, with all below them
};

/// A serialised ActionResult: whoever checks that it is complete finds all that the asset refers to.
/// INVALID_ARGUMENT where it refers to more than fits.
expected<bytes> to_result(const asset_record& from);
/// DATA_LOSS for a result that was not made so.
expected<asset_record> from_result(const bytes& result, digest_function function);

}  // namespace kiln
