#include "actors/services/remote_asset/asset_request.hpp"

#include <algorithm>

#include "core/wire/digests.hpp"
#include "core/wire/resource_name.hpp"
#include "core/wire/times.hpp"

namespace kiln {
namespace {

constexpr int max_uris = 100;
expected<std::vector<std::string>> read_uris(const google::protobuf::RepeatedPtrField<std::string>& from) {
  if (from.empty() || from.size() > max_uris)
    return fail(errc::invalid_argument, "{} URIs; there must be 1 to {}", from.size(), max_uris);
  for (const auto& uri : from) {
    if (uri.empty()) return fail(errc::invalid_argument, "an empty URI");
    if (auto good = check_asset_text("URI", uri); !good) return failure(good.error());
  }
  return std::vector<std::string>(from.begin(), from.end());
}

// A question has no digest to tell the function by.
expected<digest_function> asked_function(int wire_value) {
  if (wire_value == 0) return digest_function::sha256;
  const auto* info = find_function(wire_value);
  if (info == nullptr)
    return fail(errc::invalid_argument, "digest function {} is not served here", wire_value);
  return info->function;
}

std::vector<qualifier> joined(const std::vector<qualifier>& first, const std::optional<integrity>& checksum,
                              const std::vector<qualifier>& last = {}) {
  auto name = first;
  if (checksum) name.push_back({std::string(checksum_qualifier), checksum->to_string()});
  name.insert(name.end(), last.begin(), last.end());
  return name;
}

template <class Request>
expected<asset_question> question(const Request& from, asset_kind kind, const asset_rules& rules) {
  asset_question asked;
  asked.kind = kind;
  asked.instance = from.instance_name();
  if (auto good = check_instance_name(asked.instance); !good) return failure(good.error());
  auto function = asked_function(from.digest_function());
  if (!function) return failure(function.error());
  asked.function = *function;
  auto uris = read_uris(from.uris());
  if (!uris) return failure(uris.error());
  asked.uris = std::move(*uris);
  auto sorted = sort_asset_qualifiers(from.qualifiers(), kind, asset_words::question, rules);
  if (!sorted) return failure(sorted.error());
  asked.qualifiers = std::move(sorted->compared);
  asked.shown = std::move(sorted->shown);
  asked.checksum = std::move(sorted->checksum);
  asked.header_qualifiers = std::move(sorted->headers);
  auto headers = read_asset_headers(asked.header_qualifiers, asked.uris);
  if (!headers) return failure(headers.error());
  asked.headers = std::move(*headers);
  if (from.has_oldest_content_accepted()) {
    auto oldest = from_wire(from.oldest_content_accepted());
    if (!oldest) return failure(oldest.error());
    asked.oldest = *oldest;
  }
  if (from.has_timeout()) {
    auto timeout = from_wire(from.timeout());
    if (!timeout) return failure(timeout.error());
    asked.timeout = *timeout;
  }
  return asked;
}

expected<std::vector<digest>> read_digests(
    const google::protobuf::RepeatedPtrField<build::bazel::remote::execution::v2::Digest>& from,
    digest_function function) {
  std::vector<digest> read;
  for (const auto& one : from) {
    auto name = from_wire(one, function);
    if (!name) return failure(name.error());
    read.push_back(*name);
  }
  return read;
}

template <class Request>
expected<asset_statement> statement(const Request& from, asset_kind kind,
                                    const build::bazel::remote::execution::v2::Digest& content,
                                    const asset_rules& rules, wall_time now) {
  asset_statement said;
  said.instance = from.instance_name();
  if (auto good = check_instance_name(said.instance); !good) return failure(good.error());
  auto uris = read_uris(from.uris());
  if (!uris) return failure(uris.error());
  said.uris = std::move(*uris);
  auto sorted = sort_asset_qualifiers(from.qualifiers(), kind, asset_words::statement, rules);
  if (!sorted) return failure(sorted.error());
  said.checksum = std::move(sorted->checksum);
  said.record.kind = kind;
  said.qualifiers = std::move(sorted->compared);
  said.record.qualifiers = std::move(sorted->shown);
  said.record.stored_at = now;
  auto function = resolve_function(from.digest_function(), content.hash().size());
  if (!function) return failure(function.error());
  auto name = from_wire(content, *function);
  if (!name) return failure(name.error());
  said.record.content = *name;
  auto blobs = read_digests(from.references_blobs(), *function);
  if (!blobs) return failure(blobs.error());
  said.record.blobs = std::move(*blobs);
  auto directories = read_digests(from.references_directories(), *function);
  if (!directories) return failure(directories.error());
  said.record.directories = std::move(*directories);
  if (from.has_expire_at()) {
    auto expires = from_wire(from.expire_at());
    if (!expires) return failure(expires.error());
    said.record.expire_at = *expires;
  }
  if (said.checksum && said.checksum->function == *function && !said.checksum->accepts(*name))
    return fail(errc::invalid_argument, "blob {} does not have the hash that checksum.sri tells", *name);
  return said;
}

}  // namespace

std::vector<qualifier> asset_question::full_name() const {
  return joined(qualifiers, checksum, header_qualifiers);
}

std::vector<std::vector<qualifier>> asset_question::names() const {
  std::vector<std::vector<qualifier>> all{full_name()};
  if (!header_qualifiers.empty()) all.push_back(joined(qualifiers, checksum));
  if (checksum) all.push_back(qualifiers);
  return all;
}

bool asset_question::accepts(const asset_record& found, wall_time now) const {
  if (found.kind != kind) return false;
  if (found.expire_at && *found.expire_at <= now) return false;
  if (oldest && found.stored_at < *oldest) return false;
  if (!checksum) return true;
  if (checksum->function == found.content.function) return checksum->accepts(found.content);
  // Under another function than the digest's it was told, or checked, when the asset was kept.
  return std::any_of(found.qualifiers.begin(), found.qualifiers.end(), [&](const qualifier& told) {
    if (told.name != checksum_qualifier) return false;
    auto known = parse_integrity(told.value);
    return known && known->implies(*checksum);
  });
}

std::vector<std::vector<qualifier>> asset_statement::names() const {
  std::vector<std::vector<qualifier>> all{qualifiers};
  if (checksum) all.push_back(joined(qualifiers, checksum));
  return all;
}

expected<asset_question> read_question(const asset_v1::FetchBlobRequest& from, const asset_rules& rules) {
  return question(from, asset_kind::blob, rules);
}

expected<asset_question> read_question(const asset_v1::FetchDirectoryRequest& from,
                                       const asset_rules& rules) {
  return question(from, asset_kind::directory, rules);
}

expected<asset_statement> read_statement(const asset_v1::PushBlobRequest& from, const asset_rules& rules,
                                         wall_time now) {
  return statement(from, asset_kind::blob, from.blob_digest(), rules, now);
}

expected<asset_statement> read_statement(const asset_v1::PushDirectoryRequest& from, const asset_rules& rules,
                                         wall_time now) {
  return statement(from, asset_kind::directory, from.root_directory_digest(), rules, now);
}

}  // namespace kiln
