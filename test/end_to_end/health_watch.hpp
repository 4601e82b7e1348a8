#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>

#include "test/end_to_end/remote.hpp"

namespace kiln::end_to_end {

/// A client that watches the server's health, as a load balancer does.
class health_watch {
public:
  explicit health_watch(const remote& server);

  /// Blocks until the server says whether it serves, as wanted; false if it does not.
  bool says(bool serving);

private:
  struct shared {
    std::mutex mutex;
    std::condition_variable changed;
    int status = 0;
  };
  std::shared_ptr<shared> state_ = std::make_shared<shared>();
};

}  // namespace kiln::end_to_end
