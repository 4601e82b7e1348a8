#include "test/end_to_end/health_watch.hpp"

#include <grpc/health/v1/health.pb.h>

namespace kiln::end_to_end {

namespace health = grpc::health::v1;

health_watch::health_watch(const remote& server) {
  server.client().follow(
      "/grpc.health.v1.Health/Watch", health::HealthCheckRequest(),
      [state = state_](byte_chain message) {
        auto answer = parse<health::HealthCheckResponse>(message);
        if (!answer) return;
        std::lock_guard lock(state->mutex);
        state->status = answer->status();
        state->changed.notify_all();
      },
      [](expected<void>) {});
}

bool health_watch::says(bool serving) {
  auto wanted = serving ? health::HealthCheckResponse::SERVING : health::HealthCheckResponse::NOT_SERVING;
  std::unique_lock lock(state_->mutex);
  return state_->changed.wait_for(lock, std::chrono::seconds(60), [&] { return state_->status == wanted; });
}

}  // namespace kiln::end_to_end
