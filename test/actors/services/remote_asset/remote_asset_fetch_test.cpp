#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <semaphore>

#include "test/actors/services/remote_asset/remote_asset_bench.hpp"
#include "test/actors/services/remote_asset/web_peer.hpp"
#include "test/harness/details.hpp"
#include "test/harness/temporary_folder.hpp"

using namespace kiln;
using namespace kiln::test;
using namespace std::chrono_literals;

namespace remote_asset_fetch {

const std::string content = "content";
const remote_asset_bench::named_values checked{
    {"checksum.sri", "sha256-7XACtDnprIRfIjV9giusFERzD722AW0+yUMil7nsn3M="}};

/// A page of which nothing ever comes.
class silent_page {
public:
  silent_page(web_peer& on, const std::string& path) {
    on.on(path, [reached = reached_](int connection) {
      reached->release();
      web_peer::wait_until_gone(connection);
    });
  }
  void wait_until_reached() { reached_->acquire(); }

private:
  std::shared_ptr<std::counting_semaphore<>> reached_ = std::make_shared<std::counting_semaphore<>>(0);
};

struct bench : remote_asset_bench {
  bench() { allow({"127.0.0.1:" + web.port()}); }
  // Whatever became of them, no transfer leaves a file behind.
  ~bench() { BOOST_TEST(std::filesystem::is_empty(temp.path())); }

  web_fetch_settings allowing(const std::vector<std::string>& hosts) const {
    web_fetch_settings settings;
    settings.hosts = hosts;
    settings.schemes = {web_scheme::http};
    settings.timeout = settings.connect_timeout = settings.stall_timeout = 60s;
    settings.redirects = 3;
    settings.at_once = 1;
    settings.temp_folder = temp.path().string();
    return settings;
  }
  void allow(const std::vector<std::string>& hosts) { serve({.fetch = allowing(hosts)}); }

  /// With threads that fetch while the test does something else.
  void serve_on_threads(const web_fetch_settings& settings) {
    auto real = env();
    real.pools = &thread_pools();
    on_threads =
        own(spawn_remote_asset(actors(), {real, lookup, results, blobs, limits, {.fetch = settings}}));
    add_routes(routes, on_threads);
  }

  v1::FetchBlobResponse get(const std::string& path) { return fetch(fetching({web.url(path)}, checked)); }
  errc outcome_of(const std::string& path) { return static_cast<errc>(get(path).status().code()); }
  bool nothing_is_kept() {
    return ask<store_stats>(blobs, measure_store{}).value().blobs == 0 &&
           ask<store_stats>(results, measure_store{}).value().blobs == 0;
  }

  temporary_folder temp;
  web_peer web;
  remote_asset_actor on_threads;
};

}  // namespace remote_asset_fetch

BOOST_FIXTURE_TEST_SUITE(remote_asset_fetch, bench)

BOOST_AUTO_TEST_CASE(what_nobody_pushed_is_fetched_once_and_kept) {
  web.on("/archive", web_peer::ok(content));
  for (int round = 0; round < 3; ++round) {
    auto found = get("/archive");
    BOOST_TEST(found.status().code() == 0, found.status().message());
    BOOST_TEST(found.uri() == web.url("/archive"));
    BOOST_TEST(found.blob_digest().hash() == digest_of(content).hex());
    BOOST_TEST(found.qualifiers(0).value() == checked[0].second);
  }
  BOOST_TEST(has(digest_of(content)));
  BOOST_TEST(web.heads().size() == 1u);
  forget(digest_of(content));
  BOOST_TEST(outcome_of("/archive") == errc::ok);
  BOOST_TEST(web.heads().size() == 2u);
}

BOOST_AUTO_TEST_CASE(a_large_body_comes_through_whole) {
  std::string large(5 << 20, 'x');
  web.on("/large", web_peer::ok(large));
  auto settings = allowing({"127.0.0.1:" + web.port()});
  settings.unchecked = 1h;
  serve({.fetch = settings});
  auto found = fetch(fetching({web.url("/large")}));
  BOOST_TEST(found.blob_digest().hash() == digest_of(large).hex());
  BOOST_TEST(has(digest_of(large)));
}

BOOST_AUTO_TEST_CASE(nothing_is_fetched_where_that_is_off) {
  serve({});
  BOOST_TEST(outcome_of("/archive") == errc::not_found);
  BOOST_TEST(web.connections() == 0u);
}

BOOST_AUTO_TEST_CASE(directories_and_other_schemes_are_not_fetched) {
  BOOST_TEST(outcome(fetching_directory({web.url("/archive")})) == errc::not_found);
  for (std::string uri : {"urn:fdc:example:1", "file:///etc/passwd", "ftp://127.0.0.1/x", "http://",
                          "http://user:word@127.0.0.1/"})
    BOOST_TEST(outcome(fetching({uri}, checked)) == errc::not_found, uri);
  BOOST_TEST(web.connections() == 0u);
}

BOOST_AUTO_TEST_CASE(a_host_that_is_not_listed_is_never_contacted) {
  allow({"example.com", "127.0.0.1"});
  BOOST_TEST(outcome_of("/archive") == errc::permission_denied);
  BOOST_TEST(web.connections() == 0u);
}

BOOST_AUTO_TEST_CASE(a_listed_name_that_leads_inside_is_refused_before_the_connection) {
  web.on("/archive", web_peer::ok(content));
  auto request = fetching({web.url("/archive", "localhost")}, checked);
  allow({"localhost:" + web.port()});
  BOOST_TEST(outcome(request) == errc::permission_denied);
  BOOST_TEST(web.connections() == 0u);
  allow({"localhost:" + web.port(), "127.0.0.1:" + web.port()});
  BOOST_TEST(outcome(request) == errc::ok);
}

BOOST_AUTO_TEST_CASE(redirects_are_followed_as_far_as_they_are_allowed) {
  web.on("/archive", web_peer::ok(content));
  web.on("/one", web_peer::redirect("two?x=y"));
  web.on("/two?x=y", web_peer::redirect(web.url("/archive")));
  BOOST_TEST(outcome_of("/one") == errc::ok);
  web.on("/round", web_peer::redirect("/round"));
  BOOST_TEST(outcome_of("/round") == errc::aborted);
  BOOST_TEST(web.heads().size() == 3u + 4u);
}

BOOST_AUTO_TEST_CASE(a_redirect_does_not_lead_where_a_url_may_not) {
  web_peer other;
  other.on("/archive", web_peer::ok(content));
  for (const auto& away :
       {other.url("/archive"), web.url("/archive", "localhost"), std::string("file:///etc/passwd"),
        std::string("http://169.254.169.254/latest"), std::string("https://127.0.0.1/")}) {
    web.on("/away", web_peer::redirect(away));
    BOOST_TEST(outcome_of("/away") == errc::permission_denied, away);
  }
  BOOST_TEST(other.connections() == 0u);
  BOOST_TEST(web.connections() == 5u);
  web.on("/away", web_peer::redirect("http://"));
  BOOST_TEST(outcome_of("/away") == errc::aborted);
  BOOST_TEST(nothing_is_kept());
}

BOOST_AUTO_TEST_CASE(headers_go_to_their_own_uri_and_no_further) {
  web_peer other;
  allow({"127.0.0.1:" + web.port(), "127.0.0.1:" + other.port()});
  web.on("/archive", web_peer::redirect(other.url("/archive")));
  other.on("/archive", web_peer::ok(content));
  auto qualifiers = checked;
  qualifiers.emplace_back("http_header:X-All", "to all");
  qualifiers.emplace_back("http_header_url:1:Authorization", "Bearer secret");
  BOOST_TEST(outcome(fetching({web.url("/none"), web.url("/archive")}, qualifiers)) == errc::ok);
  auto heads = web.heads();
  BOOST_TEST_REQUIRE(heads.size() == 2u);
  BOOST_TEST(heads[0].find("X-All: to all\r\n") != std::string::npos);
  BOOST_TEST(heads[0].find("secret") == std::string::npos);
  BOOST_TEST(heads[1].find("Authorization: Bearer secret\r\n") != std::string::npos);
  BOOST_TEST(other.heads().at(0).find("X-All") == std::string::npos);
  BOOST_TEST(other.heads().at(0).find("secret") == std::string::npos);
}

BOOST_AUTO_TEST_CASE(what_was_got_with_a_secret_is_not_for_those_without) {
  web.on("/archive", web_peer::ok(content));
  auto secret = checked;
  secret.emplace_back("bazel.auth_headers",
                      R"({")" + web.url("/archive") + R"(": {"Authorization": "Basic x"}})");
  auto found = fetch(fetching({web.url("/archive")}, secret));
  BOOST_TEST(found.status().code() == 0);
  BOOST_TEST(found.qualifiers_size() == 1);
  BOOST_TEST(web.heads().at(0).find("Authorization: Basic x\r\n") != std::string::npos);
  BOOST_TEST(outcome(fetching({web.url("/archive")}, secret)) == errc::ok);
  BOOST_TEST(web.heads().size() == 1u);
  web.on("/archive", web_peer::status(401));
  BOOST_TEST(outcome_of("/archive") == errc::permission_denied);
  BOOST_TEST(web.heads().size() == 2u);
}

BOOST_AUTO_TEST_CASE(a_body_with_another_checksum_is_not_kept) {
  web.on("/archive", web_peer::ok("other content"));
  auto answer = get("/archive");
  BOOST_TEST(static_cast<errc>(answer.status().code()) == errc::aborted);
  BOOST_TEST(answer.status().message().find(digest_of("other content").hex()) != std::string::npos);
  BOOST_TEST(!answer.has_blob_digest());
  BOOST_TEST(nothing_is_kept());
}

BOOST_AUTO_TEST_CASE(the_checksum_need_not_be_of_the_digests_function) {
  web.on("/archive", web_peer::ok(content));
  web.on("/other", web_peer::ok("other content"));
  auto request = fetching({web.url("/archive")}, checked);
  request.set_digest_function(v2::DigestFunction::BLAKE3);
  auto found = fetch(request);
  BOOST_TEST(found.blob_digest().hash() == digest_of(content, digest_function::blake3).hex());
  BOOST_TEST(found.digest_function() == v2::DigestFunction::BLAKE3);
  BOOST_TEST(outcome(request) == errc::ok);
  BOOST_TEST(web.heads().size() == 1u);
  request.set_uris(0, web.url("/other"));
  BOOST_TEST(outcome(request) == errc::aborted);
}

BOOST_AUTO_TEST_CASE(without_a_checksum_nothing_is_fetched_unless_that_is_wanted) {
  web.on("/archive", web_peer::ok(content));
  BOOST_TEST(outcome(fetching({web.url("/archive")})) == errc::permission_denied);
  BOOST_TEST(web.connections() == 0u);
  auto settings = allowing({"127.0.0.1:" + web.port()});
  settings.unchecked = 10s;
  serve({.fetch = settings});
  auto found = fetch(fetching({web.url("/archive")}));
  BOOST_TEST((from_wire(found.expires_at()).value() == env().time->wall() + 10s));
  BOOST_TEST(outcome(fetching({web.url("/archive")})) == errc::ok);
  BOOST_TEST(web.heads().size() == 1u);
  pass(10s);
  BOOST_TEST(outcome(fetching({web.url("/archive")})) == errc::ok);
  BOOST_TEST(web.heads().size() == 2u);
}

BOOST_AUTO_TEST_CASE(what_is_too_large_is_refused_by_its_head_or_midway) {
  auto settings = allowing({"127.0.0.1:" + web.port()});
  settings.max_size = byte_size{1 << 20};
  serve({.fetch = settings});
  web.on("/told", web_peer::ok(std::string((1 << 20) + 1, 'x')));
  web.on("/endless", [](int connection) {
    std::string block(64 << 10, 'x');
    bool there = web_peer::send(connection, "HTTP/1.1 200 OK\r\n\r\n");
    while (there) there = web_peer::send(connection, block);
  });
  for (std::string path : {"/told", "/endless"}) BOOST_TEST(outcome_of(path) == errc::aborted, path);
  BOOST_TEST(nothing_is_kept());
  settings.max_size = std::nullopt;
  limits.max_blob_size = byte_size{1 << 20};
  serve({.fetch = settings});
  BOOST_TEST(outcome_of("/endless") == errc::aborted);
}

BOOST_AUTO_TEST_CASE(a_body_that_breaks_off_is_not_kept_and_may_be_tried_again) {
  auto whole = web_peer::ok(content);
  web.on("/archive", whole.substr(0, whole.size() - 1));
  auto status = ask_service(fetch_blob_method, fetching({web.url("/archive")}, checked))->status().value();
  BOOST_TEST(status.code() == errc::unavailable);
  BOOST_TEST(asks_to_try_again(status));
  BOOST_TEST(nothing_is_kept());
}

BOOST_AUTO_TEST_CASE(each_refusal_of_the_other_server_has_its_meaning) {
  for (auto [status, meaning] : std::vector<std::pair<int, errc>>{{404, errc::not_found},
                                                                  {410, errc::not_found},
                                                                  {401, errc::permission_denied},
                                                                  {403, errc::permission_denied},
                                                                  {204, errc::aborted},
                                                                  {206, errc::aborted},
                                                                  {302, errc::aborted},
                                                                  {418, errc::aborted}}) {
    web.on("/archive", web_peer::status(status));
    BOOST_TEST(outcome_of("/archive") == meaning, status);
  }
  for (int status : {429, 500, 503}) {
    web.on("/archive", web_peer::status(status));
    BOOST_TEST(code_of(fetch_blob_method, fetching({web.url("/archive")}, checked)) == errc::unavailable,
               status);
  }
}

BOOST_AUTO_TEST_CASE(uris_are_tried_in_order_and_the_telling_error_is_told) {
  web.on("/archive", web_peer::ok(content));
  web.on("/broken", web_peer::status(500));
  web.on("/wrong", web_peer::ok("wrong"));
  auto urls = [&](const std::vector<std::string>& paths) {
    std::vector<std::string> all;
    for (const auto& path : paths) all.push_back(path.starts_with('/') ? web.url(path) : path);
    return fetching(all, checked);
  };
  auto found = fetch(urls({"urn:x", "http://not.listed/", "/none", "/broken", "/wrong", "/archive"}));
  BOOST_TEST(found.status().code() == 0);
  BOOST_TEST(found.uri() == web.url("/archive"));
  BOOST_TEST(outcome(urls({"/archive", "http://not.listed/"})) == errc::ok);
  BOOST_TEST(outcome(urls({"/none", "http://not.listed/", "urn:x"})) == errc::permission_denied);
  BOOST_TEST(outcome(urls({"/wrong", "/none"})) == errc::aborted);
  BOOST_TEST(code_of(fetch_blob_method, urls({"/broken", "/wrong", "/none"})) == errc::unavailable);
}

BOOST_AUTO_TEST_CASE(a_server_that_is_silent_is_given_up_in_time) {
  web.on("/silent", web_peer::wait_until_gone);
  auto request = fetching({web.url("/silent")}, checked);
  request.mutable_timeout()->set_nanos(50'000'000);
  BOOST_TEST(outcome(request) == errc::deadline_exceeded);
  request.mutable_timeout()->set_nanos(0);
  BOOST_TEST(outcome(request) == errc::deadline_exceeded);
}

BOOST_AUTO_TEST_CASE(nobody_listening_is_unavailable) {
  auto port = [] { return web_peer().port(); }();
  allow({"127.0.0.1:" + port});
  BOOST_TEST(code_of(fetch_blob_method, fetching({"http://127.0.0.1:" + port + "/x"}, checked)) ==
             errc::unavailable);
}

BOOST_AUTO_TEST_CASE(equal_questions_at_one_time_are_one_fetch) {
  web.on("/archive", web_peer::ok(content));
  std::vector<std::shared_ptr<direct_call>> calls;
  for (int i = 0; i < 5; ++i)
    calls.push_back(start(fetch_blob_method, serialise(fetching({web.url("/archive")}, checked))));
  calls[0]->cancel();
  run();
  for (int i = 1; i < 5; ++i) BOOST_TEST(only_answer<v1::FetchBlobResponse>(*calls[i]).status().code() == 0);
  BOOST_TEST(web.heads().size() == 1u);
}

BOOST_AUTO_TEST_CASE(a_proxy_is_used_only_where_one_is_configured) {
  web_peer proxy;
  proxy.on(web.url("/archive"), web_peer::ok(content));
  web.on("/direct", web_peer::ok(content));
  ::setenv("http_proxy", proxy.url("").c_str(), 1);
  ::setenv("all_proxy", proxy.url("").c_str(), 1);
  BOOST_TEST(outcome_of("/direct") == errc::ok);
  ::unsetenv("http_proxy");
  ::unsetenv("all_proxy");
  BOOST_TEST(proxy.connections() == 0u);
  auto settings = allowing({"127.0.0.1:" + web.port()});
  settings.proxy = proxy.url("");
  serve({.fetch = settings});
  BOOST_TEST(outcome_of("/archive") == errc::ok);
  BOOST_TEST(proxy.connections() == 1u);
  BOOST_TEST(outcome(fetching({"http://not.listed/x"}, checked)) == errc::permission_denied);
}

BOOST_AUTO_TEST_CASE(a_temp_folder_that_is_not_there_is_our_own_fault) {
  auto settings = allowing({"127.0.0.1:" + web.port()});
  settings.temp_folder = (temp / "none").string();
  serve({.fetch = settings});
  BOOST_TEST(code_of(fetch_blob_method, fetching({web.url("/archive")}, checked)) == errc::internal);
}

BOOST_AUTO_TEST_CASE(a_transfer_ends_with_the_server_that_wanted_it) {
  std::atomic<bool> stop = false;
  web.on("/silent", [&](int connection) {
    stop = true;
    web_peer::wait_until_gone(connection);
  });
  web_fetcher fetcher(allowing({"127.0.0.1:" + web.port()}), {}, {&system_clock()});
  auto asked = read_question(fetching({web.url("/silent")}, checked), {}).value();
  BOOST_TEST(fetcher.fetch(asked, stop).error().code() == errc::unavailable);
}

// Its clients may come back for it, so it goes on; but not in the way of somebody who is there.
BOOST_AUTO_TEST_CASE(a_fetch_that_nobody_waits_for_makes_way) {
  silent_page silent(web, "/silent");
  web.on("/archive", web_peer::ok(content));
  serve_on_threads(allowing({"127.0.0.1:" + web.port()}));
  auto left = start(fetch_blob_method, serialise(fetching({web.url("/silent")}, checked)));
  run();
  silent.wait_until_reached();
  left->cancel();
  run();
  auto there = start(fetch_blob_method, serialise(fetching({web.url("/archive")}, checked)));
  run_until([&] { return there->status().has_value(); });
  BOOST_TEST(only_answer<v1::FetchBlobResponse>(*there).status().code() == 0);
}

BOOST_AUTO_TEST_CASE(a_client_whose_servers_are_slow_does_not_keep_others_waiting) {
  web_peer slow;
  silent_page silent(slow, "/silent");
  web.on("/archive", web_peer::ok(content));
  auto settings = allowing({"127.0.0.1:" + web.port(), "127.0.0.1:" + slow.port()});
  settings.at_once = 2;
  serve_on_threads(settings);
  std::vector<std::shared_ptr<direct_call>> calls;
  for (int i = 0; i < 4; ++i)
    calls.push_back(
        start(fetch_blob_method,
              serialise(fetching({slow.url("/silent"), slow.url(fmt::format("/{}", i))}, checked))));
  run();
  silent.wait_until_reached();
  auto there =
      start(fetch_blob_method, serialise(fetching({web.url("/archive")}, checked)), "ipv4:10.0.0.2:1");
  run_until([&] { return there->status().has_value(); });
  BOOST_TEST(only_answer<v1::FetchBlobResponse>(*there).status().code() == 0);
  for (const auto& call : calls) BOOST_TEST(!call->status());
  end(on_threads);
}

BOOST_AUTO_TEST_SUITE_END()
