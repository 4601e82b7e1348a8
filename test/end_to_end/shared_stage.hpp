#pragma once

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/send.hpp>
#include <future>
#include <memory>
#include <stdexcept>

#include "core/observe/log.hpp"
#include "core/observe/metrics.hpp"
#include "core/store_kit/answer_of.hpp"
#include "plugins/stores/filesystem/store/spawn.hpp"
#include "test/end_to_end/shared_child.hpp"
#include "test/plugins/stores/filesystem/lock_order.hpp"

namespace kiln::end_to_end {

/// The stores of one process that shares folders: one of content and one of results, and the way to ask them.
class shared_stage {
public:
  /// Throws, with the sentence, if they do not come up.
  explicit shared_stage(const shared_child_options& options);
  ~shared_stage();
  shared_stage(const shared_stage&) = delete;
  shared_stage& operator=(const shared_stage&) = delete;

  /// Sends the order and waits. Throws after a minute: then somebody waits for somebody.
  template <class Order, class Answer = answer_to<Order>>
  expected<Answer> ask(store_role whom, Order order) {
    auto heard = std::make_shared<std::promise<expected<Answer>>>();
    auto answer = heard->get_future();
    auto words = std::make_shared<Order>(std::move(order));
    system_->spawn([store = whom == store_role::content ? content_ : results_, words,
                    heard](caf::event_based_actor* self) {
      self->request(store, caf::infinite, std::move(*words))
          .then([heard](Answer& good) { heard->set_value(std::move(good)); },
                [heard](const caf::error& fault) { heard->set_value(failure(from_caf(fault))); });
    });
    if (answer.wait_for(std::chrono::minutes(1)) != std::future_status::ready)
      throw std::runtime_error("no answer came for a minute");
    return answer.get();
  }
  expected<receipt> write(store_role whom, const digest& blob, std::string content);
  expected<std::string> read(store_role whom, const digest& blob);

  const test::lock_order& order() const noexcept { return *order_; }

private:
  store_actor spawn(const shared_child_options& options, store_role what);

  std::unique_ptr<random_source> random_;
  logger log_;
  metric_registry metrics_;
  caf::actor_system_config config_;
  std::unique_ptr<caf::actor_system> system_;
  std::shared_ptr<test::lock_order> order_ = std::make_shared<test::lock_order>();
  std::shared_ptr<test::lock_order> order_of_results_ = std::make_shared<test::lock_order>();
  store_actor content_;
  store_actor results_;
};

}  // namespace kiln::end_to_end
