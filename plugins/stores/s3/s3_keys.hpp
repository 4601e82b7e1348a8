#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "core/base/clock.hpp"
#include "core/base/error.hpp"
#include "plugins/stores/s3/s3_options.hpp"

/// The keys of S3, and the forms in which they are handed out. None of these may stand in an error.
namespace kiln::s3_store {

struct s3_keys {
  std::string access_key;
  std::string secret_key;
  std::string session_token;
  std::optional<wall_time> until{};

  bool is_none() const noexcept { return access_key.empty(); }
};

using variable_of = std::function<std::string(const char* name)>;

/// What a process knows of where keys come from, decided once at the start.
struct s3_key_source {
  s3_keys_from from = s3_keys_from::nowhere;
  s3_keys fixed;
  std::string file;          ///< of shared keys, or with the token
  std::string profile;       ///< of the shared file
  std::string role;          ///< web identity
  std::string session_name;  ///< the same
  std::string service;       ///< URL of who hands them out
};
/// `is_file`: whether a file of this name is there.
expected<s3_key_source> key_source_of(const s3_options& options, const variable_of& variable,
                                      const std::function<bool(const std::string&)>& is_file);

/// "[profile]", "aws_access_key_id = ..." and so on.
expected<s3_keys> keys_in_shared_file(std::string_view text, std::string_view profile);
/// What AssumeRoleWithWebIdentity answers.
expected<s3_keys> keys_in_role_answer(std::string_view xml);
/// What an instance says of its role, in JSON.
expected<s3_keys> keys_in_instance_answer(std::string_view json);
/// "2026-11-29T18:42:55Z", with or without parts of seconds.
std::optional<wall_time> parse_iso_time(std::string_view text);

}  // namespace kiln::s3_store
