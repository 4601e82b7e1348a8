#include "test/contract/claims.hpp"

namespace kiln::contract {
namespace {

// Whoever gave it has stopped waiting.
void begins_no_order_whose_time_is_over(const subject& what) {
  stage on(what);
  constexpr steady_time over{};
  const std::string content = noise(1000);
  const digest blob = digest_now(content), kept = digest_now("kept");
  BOOST_REQUIRE(write(on, kept, "kept"));
  BOOST_TEST(code_of(on.tell(find_missing{{kept}, over})) == "DEADLINE_EXCEEDED");
  BOOST_TEST(code_of(on.tell(read_blob{kept, 0, 0, over})) == "DEADLINE_EXCEEDED");
  BOOST_TEST(code_of(on.tell(write_blob{blob, deliver(content), {}, over})) == "DEADLINE_EXCEEDED");
  BOOST_TEST(code_of(on.tell(lease_blobs{{kept}, over})) == "DEADLINE_EXCEEDED");
  BOOST_TEST(code_of(on.tell(forget_blob{kept, over})) == "DEADLINE_EXCEEDED");
  BOOST_TEST(code_of(on.tell(measure_store{over})) == "DEADLINE_EXCEEDED");
  BOOST_TEST(code_of(on.tell(flush_store{over})) == "DEADLINE_EXCEEDED");
  // Of several stores, each may say so of its own.
  auto batch = on.tell(read_blobs{{kept}, over});
  BOOST_TEST((batch ? code_of(batch->results.at(0)) : code_of(batch)) == "DEADLINE_EXCEEDED");
  auto lent = files_of(on.tell(lend_files{{kept}, over}), 1);
  BOOST_TEST(code_of(lent.front()) == "DEADLINE_EXCEEDED");
  auto wrote = on.tell(write_blobs{{{blob, bytes::copy_of(content)}}, over});
  BOOST_TEST((wrote ? code_of(wrote->results.at(0)) : code_of(wrote)) == "DEADLINE_EXCEEDED");
  BOOST_TEST(is_missing(on, blob));
  BOOST_TEST(!is_missing(on, kept));
}

}  // namespace

std::vector<claim> late_claims() {
  return {KILN_CLAIM(begins_no_order_whose_time_is_over)};
}

}  // namespace kiln::contract
