#include "core/admission/admission.hpp"

#include <boost/test/unit_test.hpp>

#include "test/harness/print.hpp"

using namespace kiln;

namespace admissions {

class silent_call final : public call {
public:
  const call_info& info() const noexcept override { return info_; }
  void read(message_in) override {}
  void write(byte_chain, std::function<void(bool)>) override {}
  void finish(error status) override {
    if (!last) last = std::move(status);
  }
  void reply(byte_chain) override { finish({}); }
  void on_cancel(std::function<void()>) override {}
  bool cancelled() const noexcept override { return gone; }

  bool gone = false;
  std::optional<error> last;

private:
  call_info info_;
};

struct admission_fixture {
  call_info from(std::string peer, std::string method = "/a.B/C") const {
    call_info info;
    info.method = std::move(method);
    info.peer = std::move(peer);
    return info;
  }
  std::shared_ptr<admission> make(call_limits limits = {10, 10, 1000, 1000}) {
    return std::make_shared<admission>(limits, call_stats(&metrics, "in"), accounts, time, &hooks);
  }
  errc code_of(admission& admits, call_info info) {
    auto entered = admits.admit(info, routes);
    return entered ? errc::ok : entered.error().code();
  }

  admission_fixture() {
    routes.add("/a.B/C", {requests::one, [](const call_ptr&, const byte_chain&) {}});
  }
  router routes;
  manual_clock time;
  metric_registry metrics;
  call_hooks hooks;
  std::shared_ptr<quota_table> accounts = std::make_shared<quota_table>();
};

}  // namespace admissions

BOOST_FIXTURE_TEST_SUITE(admissions, admission_fixture)

BOOST_AUTO_TEST_CASE(a_call_is_let_in_or_told_why_not) {
  auto admits = make();
  BOOST_TEST(code_of(*admits, from("ipv4:1.2.3.4:5")) == errc::ok);
  BOOST_TEST(code_of(*admits, from("ipv4:1.2.3.4:5", "/a.B/D")) == errc::unimplemented);
  auto late = from("ipv4:1.2.3.4:5");
  late.deadline = time.now();
  BOOST_TEST(code_of(*admits, late) == errc::deadline_exceeded);
  admits->close();
  BOOST_TEST(code_of(*admits, from("ipv4:1.2.3.4:5")) == errc::unavailable);
  BOOST_TEST(admits->turned_away() == 1u);
  BOOST_TEST(metrics.counters("kiln_refused_total", "", {"transport"}).with({"in"}).value() == 3u);
}

BOOST_AUTO_TEST_CASE(admissions_with_one_ledger_give_a_client_one_share) {
  auto one = make({10, 2, 1000, 100});
  auto other = make({10, 2, 1000, 100});
  auto info = from("ipv4:1.2.3.4:5");
  auto first = one->admit(info, routes).value();
  auto again = from("ipv4:1.2.3.4:6");
  auto second = other->admit(again, routes).value();
  BOOST_TEST(code_of(*one, from("ipv4:1.2.3.4:7")) == errc::resource_exhausted);
  BOOST_TEST(code_of(*one, from("ipv4:1.2.3.5:7")) == errc::ok);
  auto held = first.call->take(60);
  BOOST_TEST(!second.call->take(60).has_value());
  held = byte_charge();
  BOOST_TEST(second.call->take(60).has_value());
  second.call->settle(again, {});
  BOOST_TEST(code_of(*one, from("ipv4:1.2.3.4:7")) == errc::ok);
}

BOOST_AUTO_TEST_CASE(bytes_are_held_as_long_as_their_message_whatever_became_of_the_call) {
  auto admits = make();
  auto info = from("ipv4:1.2.3.4:5");
  auto entered = admits->admit(info, routes).value();
  auto held = entered.call->take(500).value();
  entered.call->settle(info, {});
  entered.call.reset();
  BOOST_TEST(admits->held().bytes == 500u);
  BOOST_TEST(admits->held().calls == 0u);
  held = byte_charge();
  BOOST_TEST(admits->held().bytes == 0u);
}

BOOST_AUTO_TEST_CASE(however_much_some_ask_for_others_find_something) {
  const call_limits limits{10, 10, 100'000, 80'000};
  auto alone = accounts->account_of("ipv4:10.0.0.1:1");
  BOOST_TEST(alone->take(80'000, limits).has_value());
  BOOST_TEST(!alone->take(1, limits).has_value());
  alone->give_back(80'000);
  std::vector<std::shared_ptr<client_account>> greedy;
  std::vector<std::uint64_t> held;
  for (int i = 0; i < 3; ++i) {
    greedy.push_back(accounts->account_of("ipv4:10.0.1." + std::to_string(i) + ":1"));
    held.push_back(0);
    while (greedy.back()->take(1, limits)) ++held.back();
    BOOST_TEST(held.back() > 0u);
  }
  auto late = accounts->account_of("ipv4:10.0.2.1:1");
  BOOST_TEST(late->take(500, limits).has_value());
  late->give_back(500);
  for (std::size_t i = 0; i < greedy.size(); ++i) greedy[i]->give_back(held[i]);
  BOOST_TEST(accounts->held().bytes == 0u);
}

BOOST_AUTO_TEST_CASE(hooks_hear_of_a_call_in_their_order_and_may_refuse_it) {
  std::vector<std::string> heard;
  hooks.authenticate.push_back([&](call_info& info) -> expected<void> {
    if (info.peer.ends_with(":666")) return fail(errc::unauthenticated, "who are you");
    info.certificate = "known";
    return {};
  });
  hooks.began.push_back([&](const call_info& info) { heard.push_back("began " + info.certificate); });
  hooks.subject = [](const call_info&, const byte_chain& first) {
    return std::string(first.pieces().front().view());
  };
  hooks.ended.push_back([&](const ended_call& call) {
    heard.push_back(fmt::format("{} {} {} {} in {} out {}", call.info.method, name_of(call.status.code()),
                                call.took / std::chrono::seconds(1), call.received, call.sent, call.subject));
  });
  auto admits = make();
  auto info = from("ipv4:1.2.3.4:5");
  auto entered = admits->admit(info, routes).value();
  entered.call->received(info, bytes::of_static("first"));
  entered.call->received(info, bytes::of_static("second"));
  BOOST_TEST(entered.call->take_answer(100).has_value());
  time.advance(std::chrono::seconds(3));
  entered.call->settle(info, {errc::not_found, "nothing"});
  entered.call->settle(info, {});
  BOOST_TEST(code_of(*admits, from("ipv4:1.2.3.4:666")) == errc::unauthenticated);
  const std::vector<std::string> wanted{"began known", "/a.B/C NOT_FOUND 3 11 in 100 out first",
                                        "/a.B/C UNAUTHENTICATED 0 0 in 0 out "};
  BOOST_TEST(heard == wanted, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(an_admission_is_empty_when_the_last_call_is_settled) {
  auto admits = make();
  int told = 0;
  auto info = from("ipv4:1.2.3.4:5");
  auto entered = admits->admit(info, routes).value();
  admits->close();
  admits->when_empty([&] { ++told; });
  BOOST_TEST(told == 0);
  entered.call.reset();
  BOOST_TEST(told == 1);
  admits->when_empty([&] { ++told; });
  BOOST_TEST(told == 2);
}

BOOST_AUTO_TEST_CASE(a_call_that_is_dropped_or_whose_handler_throws_is_answered) {
  auto dropped = std::make_shared<silent_call>();
  dispatch({requests::one, [](const call_ptr&, const byte_chain&) {}}, dropped, {});
  BOOST_TEST(dropped->last->code() == errc::internal);
  auto gone = std::make_shared<silent_call>();
  gone->gone = true;
  dispatch({requests::one, [](const call_ptr&, const byte_chain&) {}}, gone, {});
  BOOST_TEST(gone->last->code() == errc::cancelled);
  auto thrown = std::make_shared<silent_call>();
  dispatch(
      {requests::one, [](const call_ptr&, const byte_chain&) { throw std::runtime_error("out of luck"); }},
      thrown, {});
  BOOST_TEST(thrown->last->message().find("out of luck") != std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()
