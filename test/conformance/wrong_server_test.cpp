#include "test/conformance/wrong_server.hpp"

#include <future>
#include <set>

#include "actors/conform/runner.hpp"
#include "core/config/document.hpp"
#include "core/plugin/loader.hpp"
#include "test/end_to_end/server_fixture.hpp"

using namespace kiln;

namespace {

/// A right server, and a wrong one in front of it that listens on a port of its own.
class wrong_server_fixture : public end_to_end::server_fixture {
public:
  wrong_server_fixture() {
    auto text = parse_document("listen: ['127.0.0.1:0']", "wrong server").value();
    BOOST_REQUIRE(plugins_.load(std::string(KILN_PLUGIN_FOLDER) + "/kiln_transport_grpc.so"));
    const auto* plugin = plugins_.transport("grpc");
    faults found;
    store_refs stores;
    auto options = plugin->schema()->read_any(text.root(), found, stores);
    BOOST_REQUIRE(found.as_result());
    door_ = std::move(
        *plugin->make(options, {environment{&system_clock(), random_.get(), nullptr, nullptr}, "wrong"}));
    auto opened = door_->serve(wrong_.routes());
    BOOST_REQUIRE_MESSAGE(opened, end_to_end::why(opened));
  }
  ~wrong_server_fixture() {
    std::promise<void> drained;
    door_->drain(std::chrono::seconds(1), [&] { drained.set_value(); });
    drained.get_future().wait();
  }

  /// The rules that the suite finds broken while this lie is told.
  std::set<int> broken_by(std::shared_ptr<const conformance::lie> told) {
    wrong_.tell(std::move(told));
    conform::run_settings settings;
    settings.how.dial = [this] { return dial(door_->addresses().front()); };
    settings.how.time = &system_clock();
    settings.how.nonce = random_->next();
    settings.how.quick = true;
    settings.at_once = 16;
    auto server = conform::learn(settings);
    BOOST_REQUIRE_MESSAGE(server, end_to_end::why(server));
    std::set<int> broken;
    findings_ = conform::examine(rules_, *server, settings);
    for (const auto& one : findings_)
      if (one.result.what == conform::outcome::fail) broken.insert(one.about.number);
    return broken;
  }
  void forget(int number) {
    std::erase_if(rules_, [&](const conform::rule& one) { return one.number == number; });
  }
  std::string report() const { return conform::as_text(findings_); }

private:
  end_to_end::server_process right_ = serve("all_in_one");
  conformance::wrong_server wrong_{dial(address_of(right_))};
  plugin_registry plugins_;
  std::unique_ptr<random_source> random_ = make_system_random();
  std::unique_ptr<transport> door_;
  std::vector<conform::rule> rules_ = conform::all_rules();
  std::vector<conform::finding> findings_;
};

std::string listed(const std::set<int>& rules) {
  return fmt::format("{}", fmt::join(rules, ", "));
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(wrong_server, wrong_server_fixture)

BOOST_AUTO_TEST_CASE(the_suite_names_exactly_the_rule_that_is_broken) {
  // What Kiln does otherwise (docs/conformance.md) is not asked again.
  BOOST_TEST_REQUIRE(listed(broken_by(nullptr)) == "199", report());
  forget(199);
  const auto lies = conformance::all_lies();
  BOOST_TEST(lies.size() >= 40u);
  for (const auto& told : lies) {
    auto broken = broken_by(std::make_shared<const conformance::lie>(told));
    BOOST_TEST_CONTEXT("rule " << told.rule << " broken in " << told.method)
    BOOST_TEST(listed(broken) == fmt::format("{}", told.rule));
  }
}

BOOST_AUTO_TEST_SUITE_END()
