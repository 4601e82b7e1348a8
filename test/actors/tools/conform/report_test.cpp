#include "actors/tools/conform/report.hpp"

#include <boost/test/unit_test.hpp>

using namespace kiln;
using namespace kiln::conform;

namespace conform_report {

bool holds(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

struct reported {
  std::vector<finding> findings{
      {{1, tag::must, "sizes count", needs::nothing, {}}, {}, 1.5, {}},
      {{22, tag::stated, "\"all\" | that is absent", needs::nothing, {}},
       {outcome::fail, "OK", "NOT_FOUND: no such blob"},
       2,
       {{"/a.B/First", {}, {}, "OK: "}, {"/a.B/Find", {{"size: 1"}, 1}, {{}, 0}, "NOT_FOUND: no such blob"}}},
      {{49, tag::stated, "an absent root", needs::nothing, {}},
       {outcome::unimplemented, "/a.B/GetTree", {}},
       0,
       {}},
      {{64, tag::choice, "chunks", needs::nothing, {}}, {outcome::skipped, "not announced", {}}, 0, {}},
  };
};

}  // namespace conform_report

BOOST_FIXTURE_TEST_SUITE(conform_report, reported)

BOOST_AUTO_TEST_CASE(only_failures_tell_what_was_said) {
  auto text = as_text(findings);
  BOOST_TEST(holds(text, "1. Digests"));
  BOOST_TEST(holds(text, "    1 M  pass           sizes count\n"));
  BOOST_TEST(holds(text, "asked     /a.B/Find\n"));
  BOOST_TEST(holds(text, "sent      size: 1\n"));
  BOOST_TEST(holds(text, "expected  OK\n"));
  BOOST_TEST(holds(text, "received  NOT_FOUND: no such blob\n"));
  BOOST_TEST(!holds(text, "/a.B/First"));
  BOOST_TEST(holds(text, "chunks (not announced)"));
}

BOOST_AUTO_TEST_CASE(outcomes_are_counted_by_tag) {
  auto text = as_text(findings);
  BOOST_TEST(holds(text, "M          1     0              0        0\n"));
  BOOST_TEST(holds(text, "D          0     1              1        0\n"));
  BOOST_TEST(holds(text, "all        1     1              1        1\n"));
}

BOOST_AUTO_TEST_CASE(a_failure_fails_the_run_and_nothing_else_does) {
  BOOST_TEST(any_failed(findings));
  findings.erase(findings.begin() + 1);
  BOOST_TEST(!any_failed(findings));
}

BOOST_AUTO_TEST_CASE(the_json_has_the_whole_exchange_and_quotes_what_it_must) {
  facts server;
  server.instance = "main\n";
  auto text = as_json(server, "localhost:8980", findings);
  BOOST_TEST(holds(text, R"("instance": "main\u000a")"));
  BOOST_TEST(holds(text, R"("sentence": "\"all\" | that is absent", "outcome": "FAIL")"));
  BOOST_TEST(holds(text, R"({"method": "/a.B/First")"));
  BOOST_TEST(holds(text, R"("sent": ["size: 1"], "sent_count": 1)"));
  BOOST_TEST(holds(text, R"("pass": 1, "FAIL": 1, "unimplemented": 1, "skipped": 1)"));
}

BOOST_AUTO_TEST_CASE(markdown_is_one_table_a_section) {
  auto text = as_markdown(findings);
  BOOST_TEST(holds(text, "## 2. FindMissingBlobs"));
  BOOST_TEST(holds(text, "| 22 | D | \"all\" \\| that is absent | FAIL |\n"));
  BOOST_TEST(holds(text, "| 64 | X | chunks | skipped: not announced |\n"));
  BOOST_TEST(holds(as_markdown({findings[0].about}), "| 1 | M | sizes count |\n"));
}

BOOST_AUTO_TEST_CASE(a_long_message_is_shown_short) {
  v2::FindMissingBlobsRequest request;
  for (int i = 0; i < 100'000; ++i) request.add_blob_digests()->set_hash("abc");
  auto text = conform::shown(request);
  BOOST_TEST(text.size() < 400u);
  BOOST_TEST(holds(text, "(99996 more of blob_digests)"));
  v2::BatchUpdateBlobsRequest update;
  update.add_requests()->set_data(std::string(5000, 'x') + '\0');
  BOOST_TEST(holds(conform::shown(update), "x\"... (5001 bytes)"));
}

BOOST_AUTO_TEST_CASE(of_many_messages_the_first_and_the_last_are_kept) {
  said many;
  for (int i = 0; i < 1000; ++i) many.note(std::to_string(i));
  BOOST_TEST(many.count == 1000u);
  BOOST_TEST(many.kept.size() < 10u);
  BOOST_TEST(many.kept.front() == "0");
  BOOST_TEST(many.kept.back() == "999");
}

BOOST_AUTO_TEST_SUITE_END()
