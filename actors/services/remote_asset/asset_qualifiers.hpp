#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "actors/services/remote_asset/asset_record.hpp"
#include "actors/services/remote_asset/integrity.hpp"
#include "build/bazel/remote/asset/v1/remote_asset.pb.h"

/// The qualifiers of the Remote Asset API that we know, and what each is for.
namespace kiln {

namespace asset_v1 = build::bazel::remote::asset::v1;
using wire_qualifiers = google::protobuf::RepeatedPtrField<asset_v1::Qualifier>;

inline constexpr std::string_view checksum_qualifier = "checksum.sri";

/// A header for whoever is asked for the asset: nobody else may see it, for it may be a password.
struct asset_header {
  std::optional<std::size_t> only_for;  ///< the place of the one URI that it belongs to
  std::string name;
  std::string value;
};

/// `further` are names of qualifiers that are taken beside the usual ones, and compared as they are.
struct asset_rules {
  std::vector<std::string> further;
};

/// Those of one request, each put where it belongs, and sorted.
struct asset_qualifiers {
  std::vector<qualifier> compared;    ///< tell assets of one URI apart
  std::vector<qualifier> headers;     ///< say how to get it; only in questions
  std::optional<integrity> checksum;  ///< only of a blob
  std::vector<qualifier> shown;       ///< what may be told: `compared`, and the checksum as it came
};

enum class asset_words : bool { question, statement };

/// INVALID_ARGUMENT for what is malformed or stands twice; for those that are not supported, each named in a
/// BadRequest.
expected<asset_qualifiers> sort_asset_qualifiers(const wire_qualifiers& from, asset_kind kind,
                                                 asset_words what, const asset_rules& rules);

/// What the headers among them say: `http_header:NAME`, `http_header_url:N:NAME` for the URI in place N, and
/// `bazel.auth_headers`, a JSON object of URIs to objects of names to values.
expected<std::vector<asset_header>> read_asset_headers(const std::vector<qualifier>& from,
                                                       const std::vector<std::string>& uris);

/// For URIs and qualifiers: not too long, and no control characters.
expected<void> check_asset_text(std::string_view what, std::string_view text);

}  // namespace kiln
