#pragma once

#include <memory>
#include <string>

#include "core/contract/transport.hpp"
#include "core/plugin/loader.hpp"

namespace kiln {

/// Who we are and whom we believe when we dial over TLS: PEM files, empty for none.
struct dial_identity {
  std::string ca;
  std::string cert;
  std::string key;
};

/// The gRPC transport with all its defaults, only to dial with: for the commands that ask a server.
/// `plugins` has loaded its folder, and outlives the transport.
expected<std::unique_ptr<transport>> outbound_transport(const plugin_registry& plugins,
                                                        const environment& env,
                                                        const dial_identity& identity = {});

}  // namespace kiln
