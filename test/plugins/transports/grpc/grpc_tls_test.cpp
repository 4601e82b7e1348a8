#include <boost/test/unit_test.hpp>
#include <fstream>

#include "test/harness/certificates.hpp"
#include "test/plugins/transports/grpc/grpc_fixture.hpp"

namespace kiln::test {
namespace grpc_tls {

// A server and a client that show certificates of one authority.
struct encrypted {
  encrypted() {
    known.issue("server");
    known.issue("client");
  }
  tls_files server_files() const { return {known.cert("server"), known.key("server"), ""}; }
  void dial(grpc_fixture& there, const tls_files& files) {
    auto options = default_options();
    options.dial_tls = files;
    there.client = there.make(options);
    there.way = there.client->dial("grpcs://" + there.address());
  }
  /// Why a server with these files does not begin to serve.
  std::string refusal(const tls_files& files) {
    try {
      grpc_fixture there([&](grpc_plugin::grpc_options& options) { options.tls = files; });
    } catch (const std::runtime_error& fault) {
      return fault.what();
    }
    return "";
  }
  certificates known;
};

}  // namespace grpc_tls

BOOST_FIXTURE_TEST_SUITE(grpc_tls, encrypted)

BOOST_AUTO_TEST_CASE(a_server_with_a_certificate_is_dialled_with_grpcs) {
  grpc_fixture there([&](grpc_plugin::grpc_options& options) { options.tls = server_files(); });
  dial(there, {"", "", known.authority()});
  BOOST_TEST(there.ask("Unary", "secret").value() == "secret");
}

BOOST_AUTO_TEST_CASE(a_server_whose_authority_is_unknown_is_not_believed) {
  grpc_fixture there([&](grpc_plugin::grpc_options& options) { options.tls = server_files(); });
  certificates others;
  dial(there, {"", "", others.authority()});
  BOOST_TEST((there.ask("Unary", "secret").error().code() == errc::unavailable));
}

BOOST_AUTO_TEST_CASE(a_client_in_the_clear_is_not_understood) {
  grpc_fixture there([&](grpc_plugin::grpc_options& options) { options.tls = server_files(); });
  BOOST_TEST((there.ask("Unary", "secret").error().code() == errc::unavailable));
}

BOOST_AUTO_TEST_CASE(clients_show_certificates_where_an_authority_for_them_is_named) {
  grpc_fixture there([&](grpc_plugin::grpc_options& options) {
    options.tls = server_files();
    options.tls.ca = known.authority();
  });
  dial(there, {"", "", known.authority()});
  BOOST_TEST((there.ask("Unary", "secret").error().code() == errc::unavailable));
  dial(there, {known.cert("client"), known.key("client"), known.authority()});
  BOOST_TEST(there.ask("Unary", "secret").value() == "secret");
  certificates others;
  others.issue("client");
  dial(there, {others.cert("client"), others.key("client"), known.authority()});
  BOOST_TEST((there.ask("Unary", "secret").error().code() == errc::unavailable));
}

BOOST_AUTO_TEST_CASE(files_that_do_not_fit_are_named) {
  auto good = server_files();
  auto absent = known.file("absent.pem");
  BOOST_TEST(refusal({absent, good.key, ""}) ==
             "INVALID_ARGUMENT: cannot read the certificate " + absent + ": No such file or directory");
  BOOST_TEST(refusal({good.cert, absent, ""}) ==
             "INVALID_ARGUMENT: cannot read the key " + absent + ": No such file or directory");
  BOOST_TEST(refusal({good.cert, known.key("client"), ""}) ==
             "INVALID_ARGUMENT: the key " + known.key("client") + " does not belong to the certificate " +
                 good.cert);
  auto folder = known.file("");
  BOOST_TEST(refusal({folder, good.key, ""}) ==
             "INVALID_ARGUMENT: cannot read the certificate " + folder + ": Is a directory");
  auto empty = known.file("empty.pem");
  std::ofstream(empty) << "nothing of use";
  BOOST_TEST(refusal({empty, good.key, ""}) ==
             "INVALID_ARGUMENT: the certificate " + empty + " holds no certificate in PEM");
  BOOST_TEST(refusal({good.cert, good.key, empty}) ==
             "INVALID_ARGUMENT: the file of authorities " + empty + " holds no certificate in PEM");
}

// Of several transports the one is taken that was made for the endpoint.
BOOST_AUTO_TEST_CASE(the_endpoint_says_which_transport_suits) {
  grpc_fixture there;
  auto options = default_options();
  auto plain = there.make(options);
  options.dial_tls = {"", "", known.authority()};
  auto believing = there.make(options);
  for (const char* clear : {"grpc://here:1", "here:1", "unix:/here"}) {
    BOOST_TEST((plain->suits(clear).value() == dial_fit::made_for), clear);
    BOOST_TEST((believing->suits(clear).value() == dial_fit::possible), clear);
  }
  BOOST_TEST((plain->suits("grpcs://here:1").value() == dial_fit::possible));
  BOOST_TEST((believing->suits("grpcs://here:1").value() == dial_fit::made_for));
  for (const char* none : {"http://here:1", "quic://here:1", "here", "grpc://here:0"})
    BOOST_TEST(!plain->suits(none).has_value(), none);
}

BOOST_AUTO_TEST_CASE(calls_of_a_channel_with_bad_files_say_what_is_wrong) {
  grpc_fixture there([&](grpc_plugin::grpc_options& options) { options.tls = server_files(); });
  dial(there, {known.cert("client"), known.key("server"), known.authority()});
  BOOST_TEST(there.ask("Unary", "x").error().message() == "the key " + known.key("server") +
                                                              " does not belong to the certificate " +
                                                              known.cert("client"));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace kiln::test
