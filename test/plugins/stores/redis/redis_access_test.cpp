#include <fstream>

#include "test/harness/certificates.hpp"
#include "test/plugins/stores/redis/redis_server.hpp"
#include "test/plugins/stores/redis/redis_stage.hpp"

using namespace kiln;

BOOST_AUTO_TEST_SUITE(redis_access)

using namespace kiln::contract;

namespace {

using kiln::test::redis_at;
using kiln::test::redis_cli;
using kiln::test::redis_server;

std::string in_quotes_of(const std::string& endpoint) {
  return "\"" + endpoint + "\"";
}

// What the example of the configuration asks for.
const std::vector<std::string> least_rights = {
    "+strlen", "+getrange", "+set",  "+append", "+pexpire", "+persist", "+rename",
    "+unlink", "+multi",    "+exec", "+select", "+ping",    "+role",    "+client|setname",
};

std::vector<std::string> user_with(const std::string& name, std::vector<std::string> rights) {
  std::vector<std::string> words{"ACL", "SETUSER", name, "on", ">secret", "~kiln:*"};
  words.insert(words.end(), rights.begin(), rights.end());
  return words;
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_password_opens_and_who_has_none_is_told_where_and_who) {
  redis_server server({"--requirepass", "secret"});
  const auto endpoint = in_quotes_of(server.endpoint());
  for (const char* login : {"", ", password: wrong", ", user: nobody, password: secret"}) {
    stage on(redis_at(endpoint, login));
    auto refused = on.tell(find_missing{{digest_of("x")}});
    BOOST_TEST(code_of(refused) == "FAILED_PRECONDITION", text_of(refused));
    BOOST_TEST(text_of(refused).find(server.endpoint()) != std::string::npos);
    BOOST_TEST(text_of(refused).find(std::string(login).find("nobody") != std::string::npos
                                         ? "nobody"
                                         : "default") != std::string::npos);
    BOOST_TEST(text_of(refused).find("secret") == std::string::npos);
  }
  stage on(redis_at(endpoint, ", password: secret, database: 3"));
  BOOST_TEST((put(on, "let in") == digest_of("let in")));
  redis_cli cli(server.endpoint());
  cli.ask({"AUTH", "secret"});
  cli.ask({"SELECT", "3"});
  BOOST_TEST(cli.number({"DBSIZE"}) == 1);
}

BOOST_AUTO_TEST_CASE(a_password_comes_from_a_file_and_may_change) {
  redis_server server({"--requirepass", "first"});
  const auto path = (server.folder() / "password").string();
  std::ofstream(path) << "first\n";
  stage on(redis_at(in_quotes_of(server.endpoint()), ", password_file: \"" + path + "\""));
  digest blob = put(on, "let in");
  std::ofstream(path) << "second";
  redis_cli cli(server.endpoint());
  cli.ask({"AUTH", "first"});
  cli.ask({"CONFIG", "SET", "requirepass", "second"});
  cli.ask({"CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"});
  BOOST_TEST(kiln::test::comes_true([&] { return on.tell(find_missing{{blob}}).has_value(); }));
  stage nowhere(redis_at(in_quotes_of(server.endpoint()), ", password_file: \"" + path + ".not\""));
  auto refused = nowhere.tell(find_missing{{blob}});
  BOOST_TEST(code_of(refused) == "FAILED_PRECONDITION");
  BOOST_TEST(text_of(refused).find(path + ".not") != std::string::npos, text_of(refused));
}

BOOST_AUTO_TEST_CASE(a_user_with_the_least_rights_can_do_everything) {
  redis_server server;
  server.ask(user_with("kiln", least_rights));
  stage on(redis_at(in_quotes_of(server.endpoint()),
                    ", user: kiln, password: secret, chunk_size: 16KiB, ttl: 1h"));
  for (std::size_t size : {10U, 10'000U, 200'000U}) {
    digest blob = put(on, noise(size));
    BOOST_TEST((read(on, blob) == noise(size)));
    BOOST_TEST((read(on, blob, 3, 5) == noise(size).substr(3, 5)));
    BOOST_TEST(code_of(on.tell(read_blobs{{blob}})->results[0]) == "OK");
    BOOST_TEST(on.tell(forget_blob{blob})->was_present);
    BOOST_TEST(is_missing(on, blob));
  }
  stage for_ever(
      redis_at(in_quotes_of(server.endpoint()), ", user: kiln, password: secret, chunk_size: 16KiB"));
  BOOST_TEST(put(for_ever, noise(200'000)).size == 200'000);
}

BOOST_AUTO_TEST_CASE(a_right_that_lacks_is_an_error_that_names_the_user) {
  redis_server server;
  server.ask(user_with("reader", {"+strlen", "+getrange", "+role", "+multi", "+exec"}));
  stage on(redis_at(in_quotes_of(server.endpoint()), ", user: reader, password: secret, chunk_size: 16KiB"));
  BOOST_TEST(is_missing(on, digest_of("x")));
  for (std::size_t size : {10U, 100'000U}) {
    std::string content = noise(size);
    auto refused = write(on, digest_of(content), content);
    BOOST_TEST(code_of(refused) == "FAILED_PRECONDITION");
    BOOST_TEST(text_of(refused).find("user reader") != std::string::npos, text_of(refused));
  }
}

BOOST_AUTO_TEST_CASE(speaks_tls_with_a_server_whom_it_believes) {
  kiln::test::certificates ours, theirs;
  ours.issue("server");
  ours.issue("client");
  theirs.issue("client");
  int port = 0;
  auto server = kiln::test::start_at_some_port(port, [&](int at) {
    return std::vector<std::string>{"--port",
                                    "0",
                                    "--tls-port",
                                    std::to_string(at),
                                    "--tls-cert-file",
                                    ours.cert("server"),
                                    "--tls-key-file",
                                    ours.key("server"),
                                    "--tls-ca-cert-file",
                                    ours.authority()};
  });
  const auto endpoint = in_quotes_of("rediss://127.0.0.1:" + std::to_string(port));
  auto tls = [&](const std::string& ca, const kiln::test::certificates& identity) {
    return ", fail_fast_after: 300ms, tls: {ca: \"" + ca + "\", cert: \"" + identity.cert("client") +
           "\", key: \"" + identity.key("client") + "\"}";
  };
  stage on(redis_at(endpoint, tls(ours.authority(), ours) + ", chunk_size: 16KiB"));
  for (std::size_t size : {10U, 3'000'000U}) {
    digest blob = put(on, noise(size));
    BOOST_TEST((read(on, blob) == noise(size)));
  }
  for (const auto& wrong : {tls(theirs.authority(), ours), tls(ours.authority(), theirs),
                            ", fail_fast_after: 300ms, tls: {ca: \"" + ours.authority() + "\"}",
                            tls(ours.authority(), ours).substr(0, tls(ours.authority(), ours).size() - 1) +
                                ", server_name: other.example}"}) {
    stage stranger(redis_at(endpoint, wrong));
    BOOST_TEST(code_of(stranger.tell(find_missing{{digest_of("x")}})) == "UNAVAILABLE", wrong);
  }
  stage in_the_clear(redis_at(in_quotes_of("redis://127.0.0.1:" + std::to_string(port)),
                              ", fail_fast_after: 300ms, connect_timeout: 300ms"));
  BOOST_TEST(code_of(in_the_clear.tell(find_missing{{digest_of("x")}})) == "UNAVAILABLE");
}

BOOST_AUTO_TEST_SUITE_END()
