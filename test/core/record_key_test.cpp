#include "core/digest/record_key.hpp"

#include <boost/test/unit_test.hpp>
#include <set>
#include <vector>

using namespace kiln;

BOOST_AUTO_TEST_SUITE(record_keys)

BOOST_AUTO_TEST_CASE(no_two_records_have_one_name) {
  std::vector<digest> subjects;
  for (const auto& info : digest_functions()) {
    subjects.push_back(digest_of("action", info.function));
    auto longer = subjects.back();
    ++longer.size;
    subjects.push_back(longer);
  }
  // Hashes that are the same text under two functions.
  digest twin = subjects.front();
  twin.function = digest_function::blake3;
  subjects.push_back(twin);

  std::set<digest> names(subjects.begin(), subjects.end());
  std::size_t count = names.size();
  for (auto kind : {record_kind::action_result, record_kind::asset, record_kind::blob_layout})
    for (const char* instance : {"", "a", "b", "a/b", "; sha256:"})
      for (const auto& about : subjects) {
        names.insert(record_key(kind, instance, about));
        ++count;
      }
  BOOST_TEST(names.size() == count);
}

BOOST_AUTO_TEST_CASE(the_name_of_a_record_says_nothing_to_who_makes_names_of_names) {
  auto name = record_key(record_kind::action_result, "", digest_of("action"));
  for (auto kind : {record_kind::action_result, record_kind::asset, record_kind::blob_layout})
    BOOST_TEST((record_key(kind, "", name) != name));
  BOOST_TEST((record_key(record_kind::action_result, "", digest_of("action")) == name));
}

BOOST_AUTO_TEST_CASE(in_a_store_shared_with_others_only_results_of_the_nameless_instance_have_their_names) {
  const record_names shared(true);
  const record_names own;
  const auto action = digest_of("action");
  BOOST_TEST((shared.of(record_kind::action_result, "", action) == action));
  BOOST_TEST(
      (own.of(record_kind::action_result, "", action) == record_key(record_kind::action_result, "", action)));
  BOOST_TEST((shared.of(record_kind::action_result, "a", action) ==
              record_key(record_kind::action_result, "a", action)));
  BOOST_TEST((shared.of(record_kind::asset, "", action) == record_key(record_kind::asset, "", action)));
}

BOOST_AUTO_TEST_SUITE_END()
