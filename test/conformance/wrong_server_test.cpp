#include "test/conformance/wrong_server.hpp"

#include <fmt/ranges.h>

#include <array>
#include <atomic>
#include <boost/test/unit_test.hpp>
#include <future>
#include <set>
#include <thread>

#include "actors/tools/conform/conform_runner.hpp"
#include "test/conformance/right_server.hpp"
#include "test/harness/temporary_folder.hpp"
#include "test/places.hpp"

using namespace kiln;

namespace wrong_server {

// Rules that look at a clock: what they find counts only if they find it again, for other tests and other
// runs of the suite share the machine. What a lie breaks stays broken.
bool is_timed(const conform::rule& about) {
  return about.number == 60 || about.number == 156 || about.number == 205;
}

/// What the suite says of a server that tells this lie.
struct judgement {
  std::string broken;  ///< the rules, by number
  std::string report;
};

/// A wrong server with a door of its own, and who examines it.
class examination {
public:
  explicit examination(conformance::right_server& right)
      : right_(right), wrong_(right.routes()), door_(right.make_door()) {
    if (auto opened = door_->serve(wrong_.routes()); !opened)
      throw std::runtime_error(opened.error().to_string());
    for (auto& way : ways_) way = door_->dial(door_->addresses().front());
  }
  ~examination() {
    std::promise<void> drained;
    door_->drain(std::chrono::seconds(1), [&] { drained.set_value(); });
    drained.get_future().wait();
  }

  judgement judge(std::shared_ptr<const conformance::lie> told) {
    wrong_.tell(std::move(told));
    conform::run_settings settings;
    settings.how.dial = [this] { return ways_[next_way_++ % ways_.size()]; };
    settings.how.time = right_.env().time;
    settings.how.nonce = right_.env().random->next();
    settings.how.quick = true;
    settings.at_once = 16;
    auto server = conform::learn(settings);
    if (!server) return {"no answer", server.error().to_string()};
    auto findings = conform::examine(conform::all_rules(), *server, settings);
    std::set<int> broken;
    for (auto& one : findings) {
      for (int again = 0; again < 3 && one.result.what == conform::outcome::fail && is_timed(one.about);
           ++again) {
        settings.how.nonce = right_.env().random->next();
        one = conform::examine({one.about}, *server, settings).front();
      }
      if (one.result.what == conform::outcome::fail) broken.insert(one.about.number);
    }
    return {fmt::format("{}", fmt::join(broken, ", ")), conform::as_text(findings)};
  }

private:
  conformance::right_server& right_;
  conformance::wrong_server wrong_;
  std::unique_ptr<transport> door_;
  /// Taken in turn: a connection for each rule of each run would cost an eighth of the time.
  std::array<std::shared_ptr<channel>, 24> ways_;
  std::atomic<std::size_t> next_way_{0};
};

struct wrong_server_fixture {
  test::temporary_folder folder;
  conformance::right_server right{KILN_PLUGIN_FOLDER, folder.path().string()};
};

}  // namespace wrong_server

BOOST_FIXTURE_TEST_SUITE(wrong_server, wrong_server_fixture)

BOOST_AUTO_TEST_CASE(the_suite_finds_nothing_wrong_with_a_right_server) {
  auto found = examination(right).judge(nullptr);
  BOOST_TEST(found.broken == "", found.report);
}

// Each is told to a whole run of the suite. Some runs go side by side, for much of one is spent in waiting.
BOOST_AUTO_TEST_CASE(the_suite_names_exactly_the_rule_that_is_broken) {
  const auto lies = conformance::all_lies();
  BOOST_TEST(lies.size() >= 80u);
  std::vector<judgement> found(lies.size());
  std::atomic<std::size_t> next{0};
  auto judge_some = [&](examination& by) {
    for (auto mine = next++; mine < lies.size(); mine = next++)
      found[mine] = by.judge(std::make_shared<const conformance::lie>(lies[mine]));
  };
  examination one(right), another(right), third(right);
  {
    std::vector<std::jthread> judges;
    for (auto* by : {&one, &another, &third}) judges.emplace_back([&, by] { judge_some(*by); });
  }
  for (std::size_t i = 0; i < lies.size(); ++i)
    BOOST_TEST_CONTEXT("rule " << lies[i].rule << " broken in " << lies[i].method << "; the suite says\n"
                               << found[i].report)
  BOOST_TEST(found[i].broken == fmt::format("{}", lies[i].rule));
}

BOOST_AUTO_TEST_SUITE_END()
