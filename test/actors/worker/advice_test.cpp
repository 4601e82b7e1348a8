#include <boost/test/unit_test.hpp>
#include <cerrno>

#include "actors/worker/explain/advice.hpp"

namespace kiln::test {
namespace advice {

bool names(const std::vector<std::string>& cures, std::string_view words) {
  for (const auto& cure : cures)
    if (cure.find(words) != std::string::npos) return true;
  return false;
}

machine_facts machine(bool root) {
  machine_facts facts;
  facts.root = facts.administers = root;
  facts.kernel = "6.1";
  facts.namespaces = {{"mount", "files", 0}};
  return facts;
}

worker_shortfalls without_sandbox() {
  return {"", "an action's sandbox: making its namespaces: Operation not permitted", ""};
}

}  // namespace advice

using namespace advice;

BOOST_AUTO_TEST_SUITE(explained_advice)

BOOST_AUTO_TEST_CASE(what_is_there_needs_no_advice) {
  BOOST_TEST(advice_for_sandbox(machine(false), {}).empty());
  BOOST_TEST(advice_for_users(machine(true), {}).empty());
}

BOOST_AUTO_TEST_CASE(an_ordinary_user_is_told_the_setting_that_is_in_the_way) {
  auto facts = machine(false);
  facts.unprivileged_user_namespaces = 1;
  BOOST_TEST(!names(advice_for_sandbox(facts, without_sandbox()), "sysctl"));
  facts.unprivileged_user_namespaces = 0;
  BOOST_TEST(names(advice_for_sandbox(facts, without_sandbox()), "kernel.unprivileged_userns_clone=1"));
  facts.restricted_by_apparmor = 1;
  BOOST_TEST(
      names(advice_for_sandbox(facts, without_sandbox()), "kernel.apparmor_restrict_unprivileged_userns=0"));
  facts.most_user_namespaces = 0;
  BOOST_TEST(names(advice_for_sandbox(facts, without_sandbox()), "user.max_user_namespaces="));
  BOOST_TEST(names(advice_for_sandbox(facts, without_sandbox()), "as root"));
}

BOOST_AUTO_TEST_CASE(settings_for_ordinary_users_are_nothing_to_root) {
  auto facts = machine(true);
  facts.unprivileged_user_namespaces = 0;
  facts.restricted_by_apparmor = 1;
  BOOST_TEST(!names(advice_for_sandbox(facts, without_sandbox()), "sysctl"));
}

BOOST_AUTO_TEST_CASE(a_container_is_told_its_flags) {
  for (int which = 0; which < 3; ++which) {
    auto facts = machine(true);
    facts.container = which == 0;
    facts.filtered = which == 1;
    facts.administers = which != 2;
    BOOST_TEST(names(advice_for_sandbox(facts, without_sandbox()), "--cap-add SYS_ADMIN"));
  }
}

BOOST_AUTO_TEST_CASE(a_kernel_without_a_namespace_and_one_with_too_few_are_told_apart) {
  auto facts = machine(true);
  facts.namespaces[0].refused = EINVAL;
  BOOST_TEST(names(advice_for_sandbox(facts, without_sandbox()), "a kernel with mount namespaces"));
  facts.namespaces[0].refused = ENOSPC;
  BOOST_TEST(names(advice_for_sandbox(facts, without_sandbox()), "user.max_"));
}

BOOST_AUTO_TEST_CASE(a_union_that_a_folder_does_not_bear_needs_another_folder) {
  worker_options options;
  auto said =
      advice_for_inputs(options, {"", "", "laying its inputs below: Invalid argument"}, true, "overlay");
  BOOST_TEST(said.why_not_overlay == "laying its inputs below: Invalid argument");
  BOOST_TEST(names(said.cures, "mount a volume"));
  said = advice_for_inputs(options, {"", "", "laying its inputs below: Invalid argument"}, true, "ext4");
  BOOST_TEST(names(said.cures, "a newer kernel"));
  options.kept_trees = {};
  said = advice_for_inputs(options, {}, true, "ext4");
  BOOST_TEST(names(said.cures, "`kept_trees`"));
  options.inputs = input_mode::copy;
  said = advice_for_inputs(options, {}, true, "ext4");
  BOOST_TEST(said.why_not_links == "`inputs: copy` says so");
}

BOOST_AUTO_TEST_CASE(users_that_cannot_be_had_come_with_the_way_to_have_them) {
  BOOST_TEST(names(advice_for_users(machine(false), {"kiln lacks CAP_CHOWN", "", ""}), "as root"));
  BOOST_TEST(names(advice_for_users(machine(true), {"kiln lacks CAP_CHOWN", "", ""}), "--cap-add CHOWN"));
  BOOST_TEST(
      names(advice_for_users(machine(true), {"other users may not pass through the folder /root", "", ""}),
            "chmod o+x /root"));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace kiln::test
