#include "core/plugin/export.hpp"
#include "plugins/stores/grpc/grpc_store.hpp"
#include "plugins/stores/grpc/grpc_store_options.hpp"

KILN_STORE_PLUGIN("grpc", kiln::grpc_store_schema, kiln::spawn_grpc_store, kiln::grpc_store_promises)
