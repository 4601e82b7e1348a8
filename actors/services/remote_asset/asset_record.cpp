#include "actors/services/remote_asset/asset_record.hpp"

#include <algorithm>

#include "actors/services/common/result_rules.hpp"
#include "build/bazel/remote/execution/v2/remote_execution.pb.h"
#include "core/digest/hasher.hpp"
#include "core/wire/digests.hpp"
#include "core/wire/message.hpp"
#include "core/wire/times.hpp"
#include "kiln/asset/v1/asset.pb.h"

namespace kiln {
namespace v2 = build::bazel::remote::execution::v2;
namespace {

void add_file(v2::ActionResult& result, std::string path, const digest& blob) {
  auto* file = result.add_output_files();
  file->set_path(std::move(path));
  to_wire(blob, file->mutable_digest());
}

void add_directory(v2::ActionResult& result, std::string path, const digest& root) {
  auto* directory = result.add_output_directories();
  directory->set_path(std::move(path));
  to_wire(root, directory->mutable_root_directory_digest());
}

asset::v1::Asset about(const asset_record& from) {
  asset::v1::Asset about;
  about.set_uri(from.uri);
  for (const auto& one : from.qualifiers) {
    auto* added = about.add_qualifiers();
    added->set_name(one.name);
    added->set_value(one.value);
  }
  to_wire(from.stored_at, about.mutable_stored_at());
  if (from.expire_at) to_wire(*from.expire_at, about.mutable_expire_at());
  return about;
}

expected<asset_record> read_about(const asset::v1::Asset& from) {
  asset_record record;
  record.uri = from.uri();
  for (const auto& one : from.qualifiers()) record.qualifiers.push_back({one.name(), one.value()});
  auto stored = from_wire(from.stored_at());
  if (!stored) return failure(stored.error());
  record.stored_at = *stored;
  if (!from.has_expire_at()) return record;
  auto expires = from_wire(from.expire_at());
  if (!expires) return failure(expires.error());
  record.expire_at = *expires;
  return record;
}

}  // namespace

digest asset_key(asset_kind kind, digest_function function, std::string_view uri,
                 const std::vector<qualifier>& name) {
  hasher mixed(digest_function::sha256);  // never a weak one, for clients choose the text
  auto add = [&](std::string_view text) {
    mixed.update(fmt::format("{}:", text.size()));
    mixed.update(text);
  };
  add(kind == asset_kind::blob ? "kiln asset v1, a blob" : "kiln asset v1, a directory");
  add(info_of(function).name);
  add(uri);
  for (const auto& one : name) {
    add(one.name);
    add(one.value);
  }
  return mixed.finish();
}

expected<bytes> to_result(const asset_record& from) {
  v2::ActionResult result;
  if (from.kind == asset_kind::blob)
    add_file(result, "asset", from.content);
  else
    add_directory(result, "asset", from.content);
  for (std::size_t i = 0; i < from.blobs.size(); ++i)
    add_file(result, fmt::format("references/{}", i), from.blobs[i]);
  for (std::size_t i = 0; i < from.directories.size(); ++i)
    add_directory(result, fmt::format("references/{}", i), from.directories[i]);
  result.mutable_execution_metadata()->set_worker("remote asset");
  result.mutable_execution_metadata()->add_auxiliary_metadata()->PackFrom(about(from));
  if (auto good = check_result(result, from.content); !good) return failure(good.error());
  return serialise(result);
}

expected<asset_record> from_result(const bytes& result, digest_function function) {
  auto parsed = parse<v2::ActionResult>(result);
  if (!parsed) return failure(parsed.error());
  asset::v1::Asset about;
  const auto& notes = parsed->execution_metadata().auxiliary_metadata();
  bool told =
      std::any_of(notes.begin(), notes.end(), [&](const auto& note) { return note.UnpackTo(&about); });
  bool is_blob = parsed->output_files_size() > 0 && parsed->output_files(0).path() == "asset";
  bool is_directory =
      parsed->output_directories_size() > 0 && parsed->output_directories(0).path() == "asset";
  if (!told || is_blob == is_directory) return fail(errc::data_loss, "the result is no asset's");
  auto record = read_about(about);
  if (!record) return record;
  record->kind = is_blob ? asset_kind::blob : asset_kind::directory;
  auto content = from_wire(
      is_blob ? parsed->output_files(0).digest() : parsed->output_directories(0).root_directory_digest(),
      function);
  if (!content) return failure(content.error());
  record->content = *content;
  return record;
}

}  // namespace kiln
