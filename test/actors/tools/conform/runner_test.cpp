#include "actors/tools/conform/conform_runner.hpp"

#include <atomic>
#include <boost/test/unit_test.hpp>
#include <map>
#include <set>
#include <thread>

using namespace kiln;
using namespace kiln::conform;

namespace conform_runner {

// A server that says one thing to each method, or nothing at all.
class scripted_call final : public outbound_call {
public:
  explicit scripted_call(std::optional<expected<byte_chain>> says) : says_(std::move(says)) {}
  void write(byte_chain, std::function<void(bool)> then) override { then(true); }
  void writes_done() override {}
  void cancel() override {}
  void read(std::function<void(expected<std::optional<byte_chain>>)> then) override {
    if (!says_) return kept_.push_back(std::move(then));
    if (!*says_) return then(failure(says_->error()));
    if (std::exchange(told_, true)) return then(std::nullopt);
    then(**says_);
  }

private:
  std::optional<expected<byte_chain>> says_;
  bool told_ = false;
  std::vector<std::function<void(expected<std::optional<byte_chain>>)>> kept_;
};

class scripted_channel final : public channel {
public:
  std::map<std::string, expected<byte_chain>> answers;
  std::atomic<int> calls{0};
  std::shared_ptr<outbound_call> start(outbound_request request) override {
    ++calls;
    auto found = answers.find(request.method);
    if (found == answers.end()) return std::make_shared<scripted_call>(std::nullopt);
    return std::make_shared<scripted_call>(found->second);
  }
};

const std::string find = probe::reapi("ContentAddressableStorage/FindMissingBlobs");
const std::string tree = probe::reapi("ContentAddressableStorage/GetTree");
const std::string capabilities = probe::reapi("Capabilities/GetCapabilities");

struct examined {
  std::shared_ptr<scripted_channel> server = std::make_shared<scripted_channel>();
  run_settings settings;
  facts known;

  examined() {
    settings.how.dial = [this] { return server; };
    settings.how.time = &system_clock();
    settings.how.patience = std::chrono::seconds(5);
    known.announced.mutable_cache_capabilities()->add_digest_functions(v2::DigestFunction::SHA256);
    server->answers = {{find, serialise(v2::FindMissingBlobsResponse())},
                       {tree, fail(errc::unimplemented, "no such method")}};
  }
  finding finding_of(std::function<void(probe&)> body, needs what = needs::cache) {
    return examine({{22, tag::must, "a rule", what, std::move(body)}}, known, settings).front();
  }
};

void ask_for_nothing(probe& ask) {
  ask.ok(ask.find_missing(std::vector<v2::Digest>()));
}

}  // namespace conform_runner

BOOST_FIXTURE_TEST_SUITE(conform_runner, examined)

BOOST_AUTO_TEST_CASE(a_body_that_comes_to_its_end_passes) {
  BOOST_TEST((finding_of(ask_for_nothing).result.what == outcome::pass));
}

BOOST_AUTO_TEST_CASE(a_wrong_answer_fails_with_the_exchange) {
  bool went_on = false;
  auto found = finding_of([&](probe& ask) {
    ask.expect(ask.find_missing(ask.fresh()), {errc::not_found, errc::invalid_argument});
    went_on = true;
  });
  BOOST_TEST((found.result.what == outcome::fail));
  BOOST_TEST(found.result.reason == "NOT_FOUND or INVALID_ARGUMENT");
  BOOST_TEST(found.result.received.starts_with("OK"));
  BOOST_TEST_REQUIRE(found.exchanges.size() == 1u);
  BOOST_TEST(found.exchanges[0].method == find);
  BOOST_TEST(found.exchanges[0].sent.kept.front().find("size_bytes: 100") != std::string::npos);
  BOOST_TEST(!went_on);
}

BOOST_AUTO_TEST_CASE(silence_fails_and_does_not_hang) {
  settings.how.patience = std::chrono::milliseconds(1);
  auto found = finding_of([](probe& ask) { ask.ok(ask.get_result(ask.fresh().digest)); });
  BOOST_TEST((found.result.what == outcome::fail));
  BOOST_TEST(found.result.received == "no answer in time");
}

BOOST_AUTO_TEST_CASE(a_rule_that_is_out_of_time_asks_in_vain) {
  settings.how.longest = std::chrono::seconds(0);
  auto found = finding_of([](probe& ask) { ask.ok(ask.get_result(ask.fresh().digest)); });
  BOOST_TEST((found.result.what == outcome::fail));
}

BOOST_AUTO_TEST_CASE(what_may_be_unimplemented_is_told_apart_from_what_may_not) {
  auto walk = [](probe& ask) { ask.ok(ask.get_tree(ask.fresh().digest)); };
  BOOST_TEST((finding_of(walk, needs::cache | needs::optional).result.what == outcome::unimplemented));
  BOOST_TEST((finding_of(walk, needs::cache).result.what == outcome::fail));
}

BOOST_AUTO_TEST_CASE(a_rule_that_needs_what_is_not_announced_is_skipped_unasked) {
  auto found = finding_of(ask_for_nothing, needs::cache | needs::split);
  BOOST_TEST((found.result.what == outcome::skipped));
  BOOST_TEST(found.result.reason == "SplitBlob is not announced");
  BOOST_TEST(server->calls == 0);
}

BOOST_AUTO_TEST_CASE(a_body_may_skip_itself_and_always_cleans_up) {
  int cleaned = 0;
  auto found = finding_of([&](probe& ask) {
    ask.afterwards([&] { ++cleaned; });
    ask.skip("there is nothing to ask");
  });
  BOOST_TEST((found.result.what == outcome::skipped));
  BOOST_TEST(found.result.reason == "there is nothing to ask");
  BOOST_TEST(cleaned == 1);
}

BOOST_AUTO_TEST_CASE(findings_come_in_the_order_of_the_rules_and_loners_run_by_themselves) {
  std::atomic<int> running{0};
  std::atomic<bool> disturbed{false};
  auto together = [&](probe&) {
    ++running;
    std::this_thread::yield();
    --running;
  };
  auto alone = [&](probe&) { disturbed = disturbed || running != 0; };
  std::vector<rule> rules;
  for (int i = 1; i <= 40; ++i)
    rules.push_back(i % 5 == 0 ? rule{i, tag::must, "alone", needs::alone, alone}
                               : rule{i, tag::must, "together", needs::nothing, together});
  auto findings = examine(rules, known, settings);
  BOOST_TEST_REQUIRE(findings.size() == 40u);
  for (int i = 0; i < 40; ++i) BOOST_TEST(findings[static_cast<std::size_t>(i)].about.number == i + 1);
  BOOST_TEST(!disturbed);
}

BOOST_AUTO_TEST_CASE(nothing_fresh_is_made_twice) {
  std::set<std::string> seen;
  finding_of([&](probe& ask) {
    for (int i = 0; i < 100; ++i) seen.insert(ask.fresh().digest.hash());
    for (int i = 0; i < 100; ++i) seen.insert(ask.fresh_uuid());
  });
  settings.how.nonce = 0x1234'5678'9abc'def0;
  finding_of([&](probe& ask) {
    for (int i = 0; i < 100; ++i) seen.insert(ask.fresh().digest.hash());
  });
  BOOST_TEST(seen.size() == 300u);
}

BOOST_AUTO_TEST_CASE(a_server_without_capabilities_is_an_error) {
  settings.how.patience = std::chrono::milliseconds(1);
  BOOST_TEST((learn(settings).error().code() == errc::unavailable));
  server->answers.emplace(capabilities, fail(errc::unauthenticated, "who are you"));
  BOOST_TEST((learn(settings).error().code() == errc::unauthenticated));
}

BOOST_AUTO_TEST_CASE(no_worker_is_looked_for_where_nothing_is_executed) {
  v2::ServerCapabilities announced;
  announced.mutable_cache_capabilities();
  server->answers.emplace(capabilities, serialise(announced));
  auto learnt = learn(settings);
  BOOST_TEST_REQUIRE(learnt.has_value());
  BOOST_TEST(!learnt->has_worker);
  BOOST_TEST(server->calls == 1);
}

BOOST_AUTO_TEST_SUITE_END()
