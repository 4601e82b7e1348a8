#include <boost/test/unit_test.hpp>

#include "actors/tools/probe/probe_findings.hpp"

using namespace kiln;

namespace probe_findings {

using probing::finding;
using probing::outcome;

std::string why_not(std::string_view text) {
  auto findings = probing::parse_agent_lines(text);
  return findings ? "it was taken" : findings.error().message();
}

bool says(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

const std::vector<finding> three = {{"files", "homes", outcome::held, ""},
                                    {"system calls", "mount", outcome::leaked, "it is allowed"},
                                    {"files", "/sys", outcome::untried, "no end within 8 seconds"}};

}  // namespace probe_findings

BOOST_AUTO_TEST_SUITE(probe_findings)

BOOST_AUTO_TEST_CASE(lines_become_findings_in_their_order) {
  auto findings = probing::parse_agent_lines(
      "kiln-probe 1\n"
      "files\thomes\theld\t\n"
      "system calls\tmount\tLEAKED\tit is allowed\n"
      "files\t/sys\tuntried\tno end within 8 seconds\n"
      "end 3\n");
  BOOST_TEST_REQUIRE(findings.has_value());
  BOOST_TEST((*findings == three));
}

BOOST_AUTO_TEST_CASE(an_agent_may_have_nothing_to_say) {
  auto findings = probing::parse_agent_lines("kiln-probe 1\nend 0\n");
  BOOST_TEST_REQUIRE(findings.has_value());
  BOOST_TEST(findings->empty());
}

BOOST_AUTO_TEST_CASE(what_leaked_may_hold_anything_but_the_end_of_a_line) {
  auto findings = probing::parse_agent_lines("kiln-probe 1\nfiles\thomes\tLEAKED\tend 7\t held, \nend 1\n");
  BOOST_TEST_REQUIRE(findings.has_value());
  BOOST_TEST(findings->front().seen == "end 7\t held, ");
}

BOOST_AUTO_TEST_CASE(an_answer_that_is_cut_off_is_none) {
  BOOST_TEST(says(why_not(""), "did not begin"));
  BOOST_TEST(says(why_not("hello\n"), "did not begin"));
  BOOST_TEST(says(why_not("kiln-probe 2\nend 0\n"), "did not begin"));
  BOOST_TEST(says(why_not("kiln-probe 1\n"), "cut off after 0 probes"));
  BOOST_TEST(says(why_not("kiln-probe 1\nfiles\thomes\theld\t\n"), "cut off after 1 probes"));
  BOOST_TEST(says(why_not("kiln-probe 1\nfiles\thomes\theld\t\nend 1"), "cut off after 1 probes"));
}

BOOST_AUTO_TEST_CASE(the_last_line_has_to_count_right_and_be_the_last) {
  for (auto end : {"end 2\n", "end 0\n", "end \n", "end 1x\n", "end -1\n", "end 1\nend 1\n", "end 1\nmore"})
    BOOST_TEST(says(why_not(std::string("kiln-probe 1\nfiles\thomes\theld\t\n") + end),
                    "printed 1 probes and then"));
}

BOOST_AUTO_TEST_CASE(a_line_of_another_form_is_shown) {
  for (auto line : {"files\thomes\theld", "files\thomes\tHELD\t", "files\thomes", "files", "",
                    "\thomes\theld\t", "files\t\theld\t"})
    BOOST_TEST(
        says(why_not(std::string("kiln-probe 1\n") + line + "\nend 1\n"), std::string("\"") + line + "\""));
}

BOOST_AUTO_TEST_CASE(people_read_them_by_kind_with_what_was_seen_and_the_sums) {
  BOOST_TEST(probing::as_text(three) ==
             "files\n"
             "  held     homes\n"
             "  untried  /sys: no end within 8 seconds\n"
             "\n"
             "system calls\n"
             "  LEAKED   mount: it is allowed\n"
             "\n"
             "3 probes: 1 held, 1 LEAKED, 1 untried\n");
  BOOST_TEST(
      says(probing::as_text({{"files", "homes", outcome::held, "EPERM"}}), "  held     homes (EPERM)\n"));
}

BOOST_AUTO_TEST_CASE(only_a_leak_is_a_leak) {
  BOOST_TEST(probing::any_leaked(three));
  BOOST_TEST(!probing::any_leaked({three[0], three[2]}));
}

BOOST_AUTO_TEST_SUITE_END()
