#pragma once

#include <caf/fwd.hpp>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "actors/system/guardian.hpp"
#include "actors/system/node_options.hpp"
#include "actors/worker/worker.hpp"
#include "core/contract/transport.hpp"
#include "core/plugin/environment.hpp"
#include "core/plugin/store_tree.hpp"

namespace kiln {

using dialer = std::function<expected<std::shared_ptr<channel>>(const std::string& endpoint)>;

/// The worker of a node (`refused`: see worker_context), and the way to its scheduler: in this process, or
/// across the wire.
class workplace {
public:
  static expected<std::unique_ptr<workplace>> open(caf::actor_system& system, const environment& env,
                                                   const node_options& options, const store_tree& stores,
                                                   const scheduler_actor& here, const dialer& dial,
                                                   const std::function<void(const error&)>& refused);
  ~workplace();
  workplace(const workplace&) = delete;
  workplace& operator=(const workplace&) = delete;

  const local_worker& worker() const noexcept { return worker_; }
  /// The actors that it cannot be without.
  const std::vector<guarded_actor>& guarded() const noexcept { return guarded_; }

private:
  workplace(worker_registry master, bool remote, local_worker worker, std::vector<guarded_actor> guarded);

  worker_registry master_;
  bool remote_;  ///< then the master is ours to end
  local_worker worker_;
  std::vector<guarded_actor> guarded_;
};

}  // namespace kiln
