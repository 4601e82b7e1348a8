#include "actors/services/rpc.hpp"

#include "core/wire/status.hpp"

namespace kiln {

error busy(std::string message) {
  error fault(errc::resource_exhausted, std::move(message));
  fault.add_detail(retry_info(std::chrono::seconds(1)));
  return fault;
}

}  // namespace kiln
