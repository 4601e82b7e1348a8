#include <boost/test/unit_test.hpp>

#include "core/observe/prometheus.hpp"
#include "test/contract/claims.hpp"
#include "test/contract/sources.hpp"

using namespace kiln;

KILN_STORE_CONTRACT(ref, "{type: ref, store: {type: memory, capacity: \"${CAPACITY}\"}}")
KILN_RESULT_STORE_CONTRACT(ref_to_results, "{type: ref, store: {type: memory, capacity: \"${CAPACITY}\"}}")
KILN_STORE_CONTRACT(cache_metrics, "{type: cache_metrics, inner: {type: memory, capacity: \"${CAPACITY}\"}}")
KILN_RESULT_STORE_CONTRACT(cache_metrics_of_results,
                           "{type: cache_metrics, inner: {type: memory, capacity: \"${CAPACITY}\"}}")

BOOST_AUTO_TEST_SUITE(small_wrappers)

using namespace kiln::contract;

namespace {

const subject nothing{"{type: noop}"};
const subject measured{"{type: cache_metrics, cache: disk, inner: {type: memory, capacity: 1MiB}}"};

std::uint64_t outcomes(stage& on, const char* operation, const char* outcome) {
  const auto text = prometheus_text(on.metrics());
  const auto line = fmt::format(
      "kiln_cache_outcomes_total{{cache=\"disk\",operation=\"{}\",outcome=\"{}\"}} ", operation, outcome);
  auto at = text.find(line);
  BOOST_REQUIRE_MESSAGE(at != std::string::npos, "no line " << line);
  return std::stoull(text.substr(at + line.size()));
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_noop_store_takes_all_and_finds_nothing) {
  stage on(nothing);
  const auto content = noise(300'000);
  const auto blob = digest_now(content);
  auto kept = write(on, blob, content);
  BOOST_REQUIRE(kept);
  BOOST_TEST(kept->size == content.size());
  BOOST_TEST(!kept->was_present);
  auto batch = on.tell(write_blobs{{{blob, bytes::copy_of(content)}}});
  BOOST_REQUIRE(batch);
  BOOST_TEST(batch->results.at(0).has_value());
  BOOST_TEST(is_missing(on, blob));
  BOOST_TEST(code_of(read(on, blob)) == "NOT_FOUND");
  BOOST_TEST(code_of(on.lend(blob)) == "NOT_FOUND");
  auto lease = on.tell(lease_blobs{{blob}});
  BOOST_REQUIRE(lease);
  BOOST_TEST((lease->missing == std::vector{blob}));
  BOOST_TEST(!on.tell(forget_blob{blob})->was_present);
}

BOOST_AUTO_TEST_CASE(a_noop_store_tells_a_writer_of_its_fault) {
  stage on(nothing);
  auto written = on.tell(write_blob{digest_now("text"), failing_source({errc::data_loss, "torn"})});
  BOOST_TEST(code_of(written) == "DATA_LOSS");
}

BOOST_AUTO_TEST_CASE(a_noop_store_of_content_has_the_empty_blob_and_one_of_results_has_nothing) {
  stage content(nothing);
  BOOST_TEST(!is_missing(content, digest_now("")));
  BOOST_TEST(*read(content, digest_now("")) == "");
  stage results({"{type: noop}", store_role::results});
  BOOST_TEST(is_missing(results, digest_now("")));
}

BOOST_AUTO_TEST_CASE(a_read_only_store_serves_what_it_refuses_to_change) {
  stage on({"{type: read_only, inner: {type: memory, capacity: 1MiB}}"});
  const auto content = noise(5000);
  const auto blob = digest_now(content);
  const write_blobs order{{{blob, bytes::copy_of(content)}}};
  BOOST_TEST(code_of(write(on, blob, content)) == "PERMISSION_DENIED");
  BOOST_TEST(code_of(on.tell(order)) == "PERMISSION_DENIED");
  BOOST_TEST(is_missing(on, blob));
  BOOST_REQUIRE(wait(on.ask(on.within("inner"), order)));
  BOOST_TEST(code_of(on.tell(forget_blob{blob})) == "PERMISSION_DENIED");
  BOOST_TEST(!is_missing(on, blob));
  BOOST_TEST((*read(on, blob) == content));
}

BOOST_AUTO_TEST_CASE(cache_metrics_count_hits_misses_and_bytes_by_a_name) {
  stage on(measured);
  const auto content = noise(100'000);
  const auto blob = put(on, content);
  BOOST_REQUIRE(write(on, blob, content));
  BOOST_TEST((*read(on, blob) == content));
  BOOST_TEST(code_of(read(on, digest_now("absent"))) == "NOT_FOUND");
  BOOST_REQUIRE(on.tell(find_missing{{blob, digest_now("absent"), digest_now("gone")}}));
  BOOST_REQUIRE(on.tell(read_blobs{{blob, digest_now("absent")}}));
  BOOST_TEST(outcomes(on, "write", "miss") == 1U);
  BOOST_TEST(outcomes(on, "write", "hit") == 1U);
  BOOST_TEST(outcomes(on, "read", "hit") == 2U);
  BOOST_TEST(outcomes(on, "read", "miss") == 2U);
  BOOST_TEST(outcomes(on, "find", "hit") == 1U);
  BOOST_TEST(outcomes(on, "find", "miss") == 2U);
  const auto text = prometheus_text(on.metrics());
  BOOST_TEST(text.find("kiln_cache_read_bytes_total{cache=\"disk\"} 200000") != std::string::npos);
  BOOST_TEST(text.find("kiln_cache_written_bytes_total{cache=\"disk\"} 100000") != std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()
