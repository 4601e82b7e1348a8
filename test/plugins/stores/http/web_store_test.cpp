#include <atomic>
#include <boost/make_shared.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "core/compress/zstd.hpp"
#include "core/wire/action_record.hpp"
#include "test/contract/claims.hpp"
#include "test/harness/http_relay.hpp"
#include "test/plugins/stores/http/nginx_server.hpp"

using namespace kiln;

namespace web_store_contract {
namespace {

boost::test_tools::assertion_result has_nginx(boost::unit_test::test_unit_id) {
  boost::test_tools::assertion_result is(kiln::test::nginx_server::is_there());
  if (!is) is.message() << "there is no nginx (fetch_clients)";
  return is;
}

kiln::test::nginx_server& nginx() {
  static kiln::test::nginx_server only;
  return only;
}

struct nginx_for_suite {
  nginx_for_suite() { ::setenv("KILN_TEST_NGINX", nginx().url().c_str(), 1); }
};

// The folder of each stage is a folder there: it stays the same across its restarts, and no two have the
// same.
kiln::contract::subject nginx_subject(store_role what) {
  return {"{type: http, url: \"${KILN_TEST_NGINX}${FOLDER}\"}", what, {}, false, {digest_function::sha256}};
}

}  // namespace

static const kiln::contract::registration of_content("http", nginx_subject(store_role::content), __FILE__,
                                                     __LINE__);

namespace {

struct nginx_for_claims {
  nginx_for_claims() {
    using namespace boost::unit_test;
    for (const char* name : {"http"}) {
      auto id = framework::current_auto_test_suite().get(std::string("store_contract_") + name);
      auto& suite = framework::get<test_suite>(id);
      suite.add_precondition(has_nginx);
      suite.p_fixtures.value.push_back(boost::make_shared<class_based_fixture<nginx_for_suite>>());
    }
  }
};
const nginx_for_claims nginx_added;

}  // namespace
}  // namespace web_store_contract

BOOST_AUTO_TEST_SUITE(web_store, *boost::unit_test::precondition(web_store_contract::has_nginx))

using namespace kiln::contract;

namespace {

using kiln::test::http_relay;
using kiln::test::nginx_server;

subject at_url(const std::string& url, const std::string& more = {}, store_role what = store_role::content) {
  return {"{type: http, url: \"" + url + "\", retry_delay: 5ms" + more + "}", what};
}

void put_file(const std::filesystem::path& path, const std::string& content) {
  std::filesystem::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary) << content;
}

std::size_t files_in(const std::filesystem::path& folder) {
  std::size_t count = 0;
  if (!std::filesystem::exists(folder)) return 0;
  for (const auto& one : std::filesystem::recursive_directory_iterator(folder))
    count += one.is_regular_file();
  return count;
}

http_relay::verdict saying(std::string text) {
  http_relay::verdict how;
  how.answer = std::move(text);
  return how;
}

}  // namespace

BOOST_AUTO_TEST_CASE(what_others_put_is_found_and_what_is_put_is_found_by_others) {
  nginx_server server;
  stage on(at_url(server.url()));
  stage results(at_url(server.url(), {}, store_role::results));
  const auto large = noise(3'000'000);
  put_file(server.files() / "cas" / digest_of("theirs").hex(), "theirs");
  put_file(server.files() / "cas" / digest_of(large).hex(), large);
  BOOST_TEST((read(on, digest_of("theirs")) == "theirs"));
  BOOST_TEST((read(on, digest_of(large)) == large));
  BOOST_TEST((read(on, digest_of(large), 1'000'000, 1'500'000) == large.substr(1'000'000, 1'500'000)));
  const digest blob = put(on, "ours");
  BOOST_TEST(std::filesystem::file_size(server.files() / "cas" / blob.hex()) == 4U);
  // Of results others see the plain message, and the store's own record is made of it again.
  const std::string record(wrap_result(bytes::copy_of("a result")).view());
  BOOST_REQUIRE(write(results, blob, record));
  BOOST_TEST(std::filesystem::file_size(server.files() / "ac" / blob.hex()) == 8U);
  BOOST_TEST((read(results, blob) == record));
  BOOST_TEST(code_of(write(results, blob, "no record")) == "INVALID_ARGUMENT");
  BOOST_TEST(results.shares_names());
}

BOOST_AUTO_TEST_CASE(nothing_is_kept_of_a_blob_that_is_not_what_it_is_called) {
  nginx_server server;
  stage on(at_url(server.url()));
  for (std::size_t size : {1000U, 5'000'000U}) {
    auto content = noise(size);
    const digest blob = digest_of(content);
    content.back() ^= 1;
    BOOST_TEST(code_of(on.tell(write_blob{blob, deliver(content, {100'000, true, {}})})) ==
               "INVALID_ARGUMENT");
    BOOST_TEST(code_of(on.tell(write_blob{
                   blob, deliver(content.substr(0, size / 2), {100'000, true, {}})})) == "INVALID_ARGUMENT");
    const delivery broken{100'000, true, error(errc::cancelled, "the client left")};
    BOOST_TEST(code_of(on.tell(write_blob{blob, deliver(content.substr(0, size / 2), broken)})) ==
               "CANCELLED");
    BOOST_TEST(is_missing(on, blob));
  }
  BOOST_TEST(files_in(server.files()) == 0U);
}

BOOST_AUTO_TEST_CASE(what_is_damaged_there_is_never_read_and_is_removed) {
  nginx_server server;
  stage on(at_url(server.url()));
  for (std::size_t size : {1000U, 3'000'000U}) {
    const digest blob = digest_of(noise(size));
    const auto path = server.files() / "cas" / blob.hex();
    put_file(path, noise(size, 2));
    auto came = on.tell(read_blob{blob});
    const auto how = came ? code_of(drain(std::move(*came))) : code_of(came);
    BOOST_TEST(how == (size == 1000U ? "NOT_FOUND" : "DATA_LOSS"));
    const auto until = system_clock().now() + patience;
    while (std::filesystem::exists(path) && system_clock().now() < until) std::this_thread::yield();
    BOOST_TEST(!std::filesystem::exists(path));
    put_file(path, noise(size - 1, 2));
    BOOST_TEST(is_missing(on, blob));
    BOOST_TEST(code_of(read(on, blob)) == "NOT_FOUND");
  }
}

BOOST_AUTO_TEST_CASE(names_sha256_alone) {
  nginx_server server;
  stage on(at_url(server.url()));
  const digest blob = digest_of("blob", digest_function::blake3);
  BOOST_TEST(is_missing(on, blob));
  BOOST_TEST(code_of(read(on, blob)) == "NOT_FOUND");
  BOOST_TEST(code_of(write(on, blob, "blob")) == "UNIMPLEMENTED");
  BOOST_TEST(files_in(server.files()) == 0U);
}

BOOST_AUTO_TEST_CASE(a_server_that_is_busy_is_asked_again_and_a_read_goes_on_where_it_broke) {
  nginx_server server;
  std::atomic<int> busy{0}, cut{0};
  http_relay relay(server.port(), [&](const http_relay::request& asked) {
    if (busy.fetch_sub(1) > 0) return saying(http_relay::answer(503, "later"));
    http_relay::verdict how;
    if (asked.method == "GET" && cut.fetch_sub(1) > 0) {
      how.change = [](std::string& answer) { answer.resize(std::min<std::size_t>(answer.size(), 900'000)); };
      how.cut = true;
    }
    return how;
  });
  stage on(at_url("http://" + relay.address() + "/cache"));
  const auto small = noise(1000), large = noise(3'000'000);
  busy = 3;
  BOOST_TEST(code_of(write(on, digest_of(small), small)) == "OK");
  busy = 3;
  BOOST_TEST((read(on, digest_of(small)) == small));
  BOOST_TEST(code_of(write(on, digest_of(large), large)) == "OK");
  cut = 3;
  BOOST_TEST((read(on, digest_of(large)) == large));
  cut = 2;
  BOOST_TEST((read(on, digest_of(large), 5, 2'500'000) == large.substr(5, 2'500'000)));
  busy = 100;
  BOOST_TEST(code_of(read(on, digest_of(small))) == "UNAVAILABLE");
}

BOOST_AUTO_TEST_CASE(a_server_that_knows_no_ranges_serves_them_all_the_same) {
  nginx_server server;
  http_relay relay(server.port(), [](const http_relay::request& asked) {
    if (asked.method != "GET") return http_relay::verdict();
    return saying(http_relay::answer(200, noise(3'000'000)));
  });
  stage on(at_url("http://" + relay.address() + "/cache"));
  const auto content = noise(3'000'000);
  BOOST_TEST((read(on, digest_of(content), 2'000'000, 10) == content.substr(2'000'000, 10)));
  BOOST_TEST((read(on, digest_of(content), 1'000'000, 1'500'000) == content.substr(1'000'000, 1'500'000)));
}

BOOST_AUTO_TEST_CASE(zstd_comes_where_the_server_has_it) {
  const auto content = std::string(2'000'000, 'a') + noise(500'000);
  const digest blob = digest_of(content);
  const auto packed = zstd_encode(content, 3, content.size() * 2);
  BOOST_REQUIRE(packed);
  std::atomic<bool> lies{false};
  http_relay server(0, [&](const http_relay::request& asked) {
    const bool takes =
        asked.headers.contains("accept-encoding") && asked.headers.at("accept-encoding") == "zstd";
    if (!takes) return saying(http_relay::answer(404, ""));
    auto body = std::string(packed->view());
    if (lies) body[body.size() / 2] ^= 1;
    return saying(http_relay::answer(200, body, {{"Content-Encoding", "zstd"}}));
  });
  stage on(at_url("http://" + server.address(), ", compression: zstd"));
  BOOST_TEST((read(on, blob) == content));
  lies = true;
  BOOST_TEST(code_of(read(on, blob)) == "DATA_LOSS");
}

BOOST_AUTO_TEST_CASE(says_who_we_are_and_never_to_others) {
  std::string seen;
  http_relay server(0, [&](const http_relay::request& asked) {
    seen = asked.headers.contains("authorization") ? asked.headers.at("authorization") : "";
    seen += asked.headers.contains("x-team") ? " team " + asked.headers.at("x-team") : "";
    return saying(http_relay::answer(401, ""));
  });
  const auto url = "http://" + server.address();
  stage basic(at_url(url, ", user: kiln, password: sesame")), bearer(at_url(url, ", token: t0ken")),
      more(at_url(url, ", headers: {X-Team: build}"));
  auto fault = read(basic, digest_of("x"));
  BOOST_TEST(code_of(fault) == "PERMISSION_DENIED");
  BOOST_TEST(seen == "Basic a2lsbjpzZXNhbWU=");
  BOOST_TEST(fault.error().message().find("sesame") == std::string::npos);
  BOOST_TEST(code_of(read(bearer, digest_of("x"))) == "PERMISSION_DENIED");
  BOOST_TEST(seen == "Bearer t0ken");
  BOOST_TEST(code_of(read(more, digest_of("x"))) == "PERMISSION_DENIED");
  BOOST_TEST(seen == " team build");
}

BOOST_AUTO_TEST_SUITE_END()
