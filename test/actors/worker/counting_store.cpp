#include "test/actors/worker/counting_store.hpp"

#include <caf/actor_system.hpp>

#include "core/store_kit/store_wrapper.hpp"

namespace kiln::test {
namespace {

class counter final : public store_wrapper {
public:
  counter(resumable_store::pointer self, store_actor inner, std::shared_ptr<read_counts> counts)
      : store_wrapper(self, std::move(inner)), counts_(std::move(counts)) {}

  caf::result<missing_blobs> take(find_missing& order) {
    counts_->count_checks(order.blobs.size());
    return pass_on(order);
  }
  caf::result<blob_content> take(read_blob& order) {
    counts_->count(order.blob);
    return pass_on(order);
  }
  caf::result<blob_batch> take(read_blobs& order) {
    for (const auto& blob : order.blobs) counts_->count(blob);
    return pass_on(order);
  }

private:
  const std::shared_ptr<read_counts> counts_;
};

}  // namespace

counting_store spawn_counting_store(caf::actor_system& system, store_actor inner) {
  auto counts = std::make_shared<read_counts>();
  environment env;
  env.time = &system_clock();
  return {spawn_store<counter>(system, env, std::move(inner), counts), counts};
}

}  // namespace kiln::test
