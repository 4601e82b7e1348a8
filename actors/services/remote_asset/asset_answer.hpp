#pragma once

#include "actors/services/remote_asset/asset_record.hpp"
#include "core/base/bytes.hpp"
#include "core/base/error.hpp"

namespace kiln {

/// A serialised FetchBlobResponse or FetchDirectoryResponse with this asset.
bytes answer_with(const asset_record& found);

/// Either of them with why there is none: that is an answer too, and no failure of the call.
bytes answer_without(const error& why);

}  // namespace kiln
