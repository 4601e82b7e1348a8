#pragma once

#include <atomic>
#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <memory>
#include <string>

#include "actors/system/assembly.hpp"
#include "core/base/random.hpp"
#include "core/contract/transport.hpp"
#include "core/observe/log.hpp"
#include "core/observe/metrics.hpp"

namespace kiln::conformance {

/// A Kiln that breaks no rule, in this process. Nobody dials the transport that its configuration has to
/// have: whoever wants it reached opens another. It keeps its blobs in memory, for what is proven with it is
/// the suite and no store; and its actions have copies of their inputs, which costs time and keeps rule 199.
class right_server {
public:
  /// `folder` is for its actions. Throws, with all that is wrong, if it cannot be started.
  right_server(const std::string& plugin_folder, const std::string& folder);

  const router& routes() const noexcept { return running_->client_routes(); }
  /// gRPC on a socket of its own, to be dialled by its address. It must be drained and gone before the
  /// server.
  std::unique_ptr<transport> make_door();
  environment env() noexcept { return env_; }

private:
  const std::string folder_;
  std::atomic<int> doors_{0};
  std::unique_ptr<random_source> random_ = make_system_random();
  metric_registry metrics_;
  logger log_;
  environment env_{&system_clock(), random_.get(), &log_, &metrics_};
  plugin_registry plugins_;
  caf::actor_system_config config_;
  std::unique_ptr<caf::actor_system> system_;
  std::unique_ptr<assembly> running_;
};

}  // namespace kiln::conformance
