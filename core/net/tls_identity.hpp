#pragma once

#include <string>

#include "core/base/error.hpp"
#include "core/config/schema.hpp"
#include "core/contract/transport.hpp"

/// The files by which transports are known to others and know them: described and checked once for all of
/// them. An error names the file that cannot be read, is no PEM, or does not fit the other.
namespace kiln {

/// Of what is listened to.
schema<tls_files> server_tls_schema();

struct tls_identity {
  std::string cert;  ///< PEM, and so is the key
  std::string key;
};
expected<tls_identity> read_identity(const tls_files& files);
/// PEM with one certificate at least.
expected<std::string> read_authorities(const std::string& path);

/// Cert and key, or neither; and those that are named can be used.
expected<void> check_tls_files(const tls_files& files);

}  // namespace kiln
