#pragma once

#include <caf/actor.hpp>
#include <caf/actor_system.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/send.hpp>
#include <chrono>
#include <filesystem>
#include <future>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "core/observe/log.hpp"
#include "core/observe/metrics.hpp"
#include "core/plugin/store_tree.hpp"
#include "test/contract/store_contract.hpp"

namespace kiln::contract {

/// How long anything may take before the test says that it hangs. Nothing waits this long when all is well.
inline constexpr std::chrono::seconds patience{60};

/// Rethrows nothing and never blocks for ever: a hang becomes an exception, which fails the case.
template <class T>
T wait(std::future<T> answer) {
  if (answer.wait_for(patience) != std::future_status::ready) throw std::runtime_error("no answer came");
  return answer.get();
}

/// The answer that belongs to an order.
template <class Order>
struct answer_of;
template <>
struct answer_of<find_missing> {
  using type = missing_blobs;
};
template <>
struct answer_of<read_blob> {
  using type = blob_content;
};
template <>
struct answer_of<read_blobs> {
  using type = blob_batch;
};
template <>
struct answer_of<write_blob> {
  using type = receipt;
};
template <>
struct answer_of<write_blobs> {
  using type = receipts;
};
template <>
struct answer_of<lend_file> {
  using type = lent_file;
};
template <>
struct answer_of<lease_blobs> {
  using type = leased;
};
template <>
struct answer_of<forget_blob> {
  using type = forgotten;
};
template <>
struct answer_of<measure_store> {
  using type = store_figures;
};
template <>
struct answer_of<flush_store> {
  using type = store_flushed;
};

/// A store under test with all it needs around it, as main would set it up. Ends it when it goes.
class stage {
public:
  /// Throws, with the sentence, if the store does not come up.
  explicit stage(const subject& what, std::uint64_t capacity = 256 << 20);
  ~stage();

  /// Ends the store in order, and starts it anew on the same folder.
  void restart();

  /// Sends the order without waiting.
  template <class Order, class Answer = typename answer_of<Order>::type>
  std::future<expected<Answer>> ask(Order order) {
    return ask(store_, std::move(order));
  }
  template <class Order, class Answer = typename answer_of<Order>::type>
  std::future<expected<Answer>> ask(const store_actor& whom, Order order) {
    auto heard = std::make_shared<std::promise<expected<Answer>>>();
    auto answer = heard->get_future();
    auto words = std::make_shared<Order>(std::move(order));
    askers_.push_back(system_->spawn([store = whom, words, heard](caf::event_based_actor* self) {
      self->request(store, caf::infinite, std::move(*words))
          .then([heard](Answer& good) { heard->set_value(std::move(good)); },
                [heard](const caf::error& fault) { heard->set_value(failure(from_caf(fault))); });
    }));
    return answer;
  }
  /// Sends it and waits.
  template <class Order>
  auto tell(Order order) {
    return wait(ask(std::move(order)));
  }

  /// One of the stores within, by the option that names it.
  store_actor within(const std::string& option) const { return tree_->find("subject." + option); }

  /// What it says of the names of results.
  bool shares_names() const { return tree_->shares_names("subject"); }

  /// From now on, news of the store are kept for `gone`.
  void watch();
  /// The first `count` blobs that the news named, waiting for them.
  std::vector<digest> gone(std::size_t count);

  /// What the store counted.
  const metric_registry& metrics() const noexcept { return metrics_; }

private:
  struct notebook;
  // Gone at the end, also of a stage whose store did not come up.
  struct scratch_folder {
    scratch_folder();
    ~scratch_folder();
    scratch_folder(const scratch_folder&) = delete;
    scratch_folder& operator=(const scratch_folder&) = delete;
    std::filesystem::path path;
  };

  void open();
  void close();

  const subject what_;
  const std::uint64_t capacity_;
  const scratch_folder folder_;
  std::unique_ptr<random_source> random_;
  std::unique_ptr<logger> log_;
  metric_registry metrics_;
  std::unique_ptr<caf::actor_system_config> config_;
  std::unique_ptr<caf::actor_system> system_;
  std::optional<store_tree> tree_;
  store_actor store_;
  std::vector<caf::actor> askers_;
  std::shared_ptr<notebook> news_;
  store_listener listener_;
};

}  // namespace kiln::contract
