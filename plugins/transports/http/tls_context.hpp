#pragma once

#include <boost/asio/ssl/context.hpp>
#include <memory>

#include "core/base/error.hpp"
#include "core/contract/transport.hpp"

namespace kiln::http_plugin {

/// Null without a certificate: in the clear. An error names the file that is of no use.
expected<std::unique_ptr<boost::asio::ssl::context>> make_tls_context(const tls_files& files);

}  // namespace kiln::http_plugin
