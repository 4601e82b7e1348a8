#pragma once

#include "core/config/schema.hpp"
#include "core/config/units.hpp"
#include "core/plugin/promises.hpp"

namespace kiln {

struct completeness_checking_options {
  results_ref inner;
  content_ref content;
  byte_size index_memory{64 << 20};
};

schema<completeness_checking_options> completeness_checking_schema();
/// Those of the store below, but for news and leases: a result is gone with any blob that it names.
expected<store_promises> completeness_checking_promises(const completeness_checking_options& options,
                                                        const promises_of& of);

}  // namespace kiln
