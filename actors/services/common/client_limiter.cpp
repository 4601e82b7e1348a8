#include "actors/services/common/client_limiter.hpp"

#include <utility>

#include "actors/services/common/rpc.hpp"

namespace kiln {

client_limiter::client_limiter(std::size_t places, std::string what)
    : places_(places), what_(std::move(what)) {}

expected<client_limiter::place> client_limiter::enter(std::string_view client) {
  std::string name(client);
  if (all_->taken >= places_) return fail(busy("too many " + what_));
  auto& mine = all_->by_client[name];
  // Rounded up, so that there is one for everybody.
  if (mine >= (places_ + 1) / 2)
    return fail(busy(fmt::format("too many {}: client {} has {}, which is its share", what_, name, mine)));
  ++mine;
  ++all_->taken;
  return place(nullptr, [all = all_, name = std::move(name)](const void*) {
    --all->taken;
    if (auto left = all->by_client.find(name); --left->second == 0) all->by_client.erase(left);
  });
}

}  // namespace kiln
