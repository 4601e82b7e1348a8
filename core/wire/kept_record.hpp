#pragma once

#include <string>

#include "core/base/bytes.hpp"
#include "core/base/error.hpp"

/// What stores keep of their own in a store of results (under names of core/digest/record_key.hpp).
namespace kiln {

/// It lies in an ActionResult, as the standard output of nobody, for a store of results may be another
/// server's, which keeps nothing else.
bytes write_kept_record(std::string content);
/// The content again. DATA_LOSS for a record that is torn or not ours.
expected<bytes> read_kept_record(const bytes& record);

}  // namespace kiln
