#include "core/plugin/export.hpp"
#include "plugins/stores/completeness_checking/completeness_checking_options.hpp"
#include "plugins/stores/completeness_checking/completeness_checking_store.hpp"

KILN_STORE_PLUGIN("completeness_checking", kiln::completeness_checking_schema,
                  kiln::spawn_completeness_checking_store, kiln::completeness_checking_promises)
