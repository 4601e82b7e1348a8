#include <boost/make_shared.hpp>
#include <boost/test/unit_test.hpp>
#include <cstdlib>
#include <string>

#include "test/contract/store_contract.hpp"
#include "test/plugins/stores/s3/s3_stage.hpp"

// The folder of each stage is what its names begin with: it stays the same across its restarts, and no two
// have the same. All of it against a real server that checks signatures.

namespace s3_contract {
namespace {

struct s3_bucket_for_claims {
  s3_bucket_for_claims() {
    static const kiln::test::bucket_client bucket("contract");
    ::setenv("KILN_TEST_S3", ("http://127.0.0.1:" + std::to_string(kiln::test::swift().port())).c_str(), 1);
  }
};

std::string s3_yaml(const std::string& more) {
  return "{type: s3, endpoint: \"${KILN_TEST_S3}\", bucket: contract, region: eu-test-1, prefix: "
         "\"kiln${FOLDER}/\", access_key: \"test:kiln\", secret_key: kiln-secret" +
         more + "}";
}

}  // namespace

// Two functions, for every request takes this server some thirty milliseconds.
static const kiln::contract::registration of_content_in_s3("s3",
                                                           {s3_yaml(", part_size: 5MiB"),
                                                            kiln::store_role::content,
                                                            {},
                                                            false,
                                                            {kiln::digest_function::sha256,
                                                             kiln::digest_function::sha512}},
                                                           __FILE__, __LINE__);
KILN_RESULT_STORE_CONTRACT(s3_of_results, s3_yaml(""))

namespace {

// What the suites above lack: a server, and to be left out where there is none.
struct s3_server_for_claims {
  s3_server_for_claims() {
    using namespace boost::unit_test;
    for (const char* name : {"s3", "s3_of_results"}) {
      auto id = framework::current_auto_test_suite().get(std::string("store_contract_") + name);
      auto& suite = framework::get<test_suite>(id);
      suite.add_precondition(kiln::test::has_swift);
      suite.p_fixtures.value.push_back(boost::make_shared<class_based_fixture<s3_bucket_for_claims>>());
    }
  }
};
const s3_server_for_claims s3_added;

}  // namespace
}  // namespace s3_contract
