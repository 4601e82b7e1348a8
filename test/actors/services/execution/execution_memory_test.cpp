#include <algorithm>

#include "test/actors/services/execution/execution_bench.hpp"

using namespace kiln;
using namespace kiln::test;

namespace memory_of_preparations {

constexpr int equal_calls = 1000;
constexpr int different_calls = 200;
constexpr int inputs_of_each = 10'000;
constexpr std::uint64_t memory = 16 << 20;

/// Looks, whenever something is parsed, at what is held meanwhile.
class watching_pool final : public thread_pool {
public:
  watching_pool(std::unique_ptr<thread_pool> pool, std::shared_ptr<work_budget> budget)
      : pool_(std::move(pool)), budget_(std::move(budget)) {}

  expected<void> post(job work) override {
    look();
    return pool_->post([this, work = std::move(work)] {
      look();
      work();
    });
  }
  void stop() override { pool_->stop(); }

  std::uint64_t most() const noexcept { return most_; }
  std::size_t jobs() const noexcept { return jobs_; }

private:
  void look() {
    most_ = std::max(most_, budget_->held());
    ++jobs_;
  }

  const std::unique_ptr<thread_pool> pool_;
  const std::shared_ptr<work_budget> budget_;
  std::uint64_t most_ = 0;
  std::size_t jobs_ = 0;
};

struct budgeted {
  std::shared_ptr<work_budget> budget = std::make_shared<work_budget>(memory);
  std::shared_ptr<watching_pool> pool = std::make_shared<watching_pool>(make_inline_pool(), budget);
};

struct memory_bench : budgeted, execution_bench {
  memory_bench() : execution_bench({}, {}, {budgeted::pool, budgeted::budget}) {
    for (int i = 0; i < inputs_of_each; ++i) {
      auto* file = inputs.add_files();
      file->set_name(fmt::format("{:06}", i));
      auto name = digest_of(std::to_string(i));
      name.size = 1;
      *file->mutable_digest() = wire(name);
    }
    folder = put(inputs);
  }

  /// What is in it is the same for all, and each looks at it for itself, for their roots differ.
  digest action_of(int number) {
    v2::Directory root;
    auto* child = root.add_directories();
    child->set_name(fmt::format("in{}", number));
    *child->mutable_digest() = wire(folder);
    return put_action(echo(), root);
  }
  /// All of them at once, to the end of their preparation: their inputs are not here, so they are over then.
  void all_end(const std::vector<digest>& actions) {
    std::vector<std::shared_ptr<direct_call>> calls;
    for (const auto& action : actions)
      calls.push_back(start(execute_method, serialise(request(action)), "ipv4:10.0.0.1:1"));
    run();
    for (const auto& call : calls) {
      BOOST_TEST_REQUIRE(call->status().has_value());
      BOOST_TEST_REQUIRE(heard(*call).size() == 1u);
    }
    BOOST_TEST(budget->held() == 0u);
    // The one that came first never waits, so it may be beyond the bound by what it needs: its directory,
    // parsed, and all that it has found.
    BOOST_TEST(budgeted::pool->most() > 0u);
    const auto one = 4 * inputs.ByteSizeLong() + inputs_of_each * 200;
    BOOST_TEST(budgeted::pool->most() <= memory + one);
    BOOST_TEST_MESSAGE(fmt::format("{} calls, {} digests each: {} bytes held at most of {}; {} jobs",
                                   actions.size(), inputs_of_each, budgeted::pool->most(), memory,
                                   budgeted::pool->jobs()));
  }

  v2::Directory inputs;
  digest folder;
};

}  // namespace memory_of_preparations

BOOST_FIXTURE_TEST_SUITE(memory_of_preparations, memory_bench)

BOOST_AUTO_TEST_CASE(equal_actions_by_the_thousand_are_looked_at_together) {
  all_end(std::vector<digest>(equal_calls, action_of(1)));
  // Whoever comes while it is looked at does not share its failure: once more, for all of them.
  BOOST_TEST(budgeted::pool->jobs() <= 8u);
}

BOOST_AUTO_TEST_CASE(different_actions_at_once_wait_for_the_memory_of_others) {
  std::vector<digest> actions;
  for (int i = 0; i < different_calls; ++i) actions.push_back(action_of(i));
  all_end(actions);
}

BOOST_AUTO_TEST_SUITE_END()
