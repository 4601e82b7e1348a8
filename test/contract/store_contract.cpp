#include "test/contract/store_contract.hpp"

#include "test/contract/claims.hpp"

namespace kiln::contract {

registration::registration(const char* name, subject store, const char* file, int line) {
  using boost::unit_test::test_suite;
  auto* suite = new test_suite(std::string("store_contract_") + name, file, static_cast<std::size_t>(line));
  auto add = [&](const std::vector<claim>& claims) {
    for (const claim& each : claims)
      suite->add(boost::unit_test::make_test_case(
          [store, each] {
            for (const auto& one : digest_functions())
              if (store.proves(one.function)) prove_under(one.function, each, store);
          },
          each.name, file, static_cast<std::size_t>(line)));
  };
  add(late_claims());
  if (store.what == store_role::results) {
    add(result_claims());
    if (store.has_folder()) add(result_restart_claims());
  } else {
    add(presence_claims());
    add(reading_claims());
    add(writing_claims());
    add(broken_writing_claims());
    add(batch_claims());
    if (store.is_bounded()) add(eviction_claims());
    if (store.is_bounded()) add(news_claims());
    if (store.has_folder()) add(restart_claims());
  }
  boost::unit_test::framework::current_auto_test_suite().add(suite);
}

}  // namespace kiln::contract
