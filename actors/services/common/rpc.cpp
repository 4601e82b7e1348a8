#include "actors/services/common/rpc.hpp"

#include "core/wire/status.hpp"

namespace kiln {

error busy(std::string message) {
  return try_again(errc::resource_exhausted, std::move(message));
}

}  // namespace kiln
