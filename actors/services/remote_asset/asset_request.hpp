#pragma once

#include <optional>
#include <string>
#include <vector>

#include "actors/services/remote_asset/asset_qualifiers.hpp"
#include "actors/services/remote_asset/asset_record.hpp"
#include "actors/services/remote_asset/integrity.hpp"
#include "build/bazel/remote/asset/v1/remote_asset.pb.h"

/// What clients of the Remote Asset API say, looked at once and then plain. Errors are INVALID_ARGUMENT, and
/// where qualifiers are at fault a BadRequest names each of them.
namespace kiln {

struct asset_question {
  asset_kind kind = asset_kind::blob;
  std::string instance;
  digest_function function = digest_function::sha256;
  std::vector<std::string> uris;      ///< at least one
  std::vector<qualifier> qualifiers;  ///< that tell assets of one URI apart, sorted
  std::vector<qualifier> shown;       ///< with the checksum, to be kept
  std::optional<integrity> checksum;  ///< of a blob
  std::vector<asset_header> headers;
  std::vector<qualifier> header_qualifiers;  ///< what the headers came in, sorted
  std::optional<wall_time> oldest;
  std::optional<duration> timeout;

  /// What an asset that is kept for this very question is called.
  std::vector<qualifier> full_name() const;
  /// All the names under which an asset would be an answer, the most special first: what was got without a
  /// secret does for those who know one, but not the other way round.
  std::vector<std::vector<qualifier>> names() const;
  bool accepts(const asset_record& found, wall_time now) const;
};

struct asset_statement {
  std::string instance;
  std::vector<std::string> uris;
  std::vector<qualifier> qualifiers;  ///< that tell assets of one URI apart, sorted
  std::optional<integrity> checksum;
  asset_record record;  ///< but for its URI

  /// All the names under which it is kept: who does not ask for a checksum finds it as well.
  std::vector<std::vector<qualifier>> names() const;
};

expected<asset_question> read_question(const asset_v1::FetchBlobRequest& from, const asset_rules& rules);
expected<asset_question> read_question(const asset_v1::FetchDirectoryRequest& from, const asset_rules& rules);
expected<asset_statement> read_statement(const asset_v1::PushBlobRequest& from, const asset_rules& rules,
                                         wall_time now);
expected<asset_statement> read_statement(const asset_v1::PushDirectoryRequest& from, const asset_rules& rules,
                                         wall_time now);

}  // namespace kiln
