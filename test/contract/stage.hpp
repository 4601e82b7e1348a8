#pragma once

#include <caf/actor.hpp>
#include <caf/actor_system.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/send.hpp>
#include <chrono>
#include <filesystem>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "core/observe/log.hpp"
#include "core/observe/metrics.hpp"
#include "core/plugin/store_tree.hpp"
#include "core/store_kit/answer_of.hpp"
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

/// The files of a batch, or what was wrong with it, for each of `count` blobs.
inline std::vector<expected<lent_file>> files_of(expected<lent_files> lent, std::size_t count) {
  if (!lent) return std::vector<expected<lent_file>>(count, failure(lent.error()));
  lent->results.resize(count, fail(errc::internal, "the store answered too few"));
  return std::move(lent->results);
}

/// A store under test with all it needs around it, as main would set it up. Ends it when it goes.
class stage {
public:
  /// Throws, with the sentence, if the store does not come up.
  explicit stage(const subject& what, std::uint64_t capacity = 256 << 20);
  ~stage();

  /// Ends the store in order, and starts it anew on the same folder.
  void restart();

  /// Sends the order without waiting.
  template <class Order, class Answer = answer_to<Order>>
  std::future<expected<Answer>> ask(Order order) {
    return ask(store_, std::move(order));
  }
  template <class Order, class Answer = answer_to<Order>>
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

  /// Has one file lent.
  expected<lent_file> lend(const digest& blob) { return files_of(tell(lend_files{{blob}}), 1).front(); }

  /// One of the stores within, by the option that names it.
  store_actor within(const std::string& option) const { return tree_->find("subject." + option); }

  /// What it says of the names of results.
  bool shares_names() const { return tree_->shares_names("subject"); }

  /// From now on, news of the store are kept.
  void watch();
  /// The first `count` blobs of which the news said that they left, waiting for them.
  std::vector<digest> gone(std::size_t count);
  /// What the news said last of each blob, whether it is there, once `is_so` of it: waits for that.
  using word = std::map<digest, bool>;
  word last_word(const std::function<bool(const word&)>& is_so);
  /// The most blobs that one message named.
  std::size_t longest_news() const;

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
  store_observer listener_;
};

}  // namespace kiln::contract
