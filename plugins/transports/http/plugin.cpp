#include "core/plugin/export.hpp"
#include "plugins/transports/http/http_transport.hpp"

KILN_TRANSPORT_PLUGIN("http", kiln::http_plugin::http_schema, kiln::http_plugin::make_http_transport)
