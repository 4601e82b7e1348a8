#include "core/plugin/export.hpp"
#include "plugins/transports/grpc/grpc_transport.hpp"

KILN_TRANSPORT_PLUGIN("grpc", kiln::grpc_plugin::grpc_schema, kiln::grpc_plugin::make_grpc_transport)
