#include "core/base/duration_text.hpp"

#include <boost/test/unit_test.hpp>

using namespace kiln;
using namespace std::chrono_literals;

BOOST_AUTO_TEST_SUITE(duration_text)

BOOST_AUTO_TEST_CASE(times_are_written_as_people_say_them) {
  for (const auto& [time, text] :
       std::initializer_list<std::pair<duration, const char*>>{{0s, "0 s"},
                                                               {400ns, "less than 1 ms"},
                                                               {138398868ns, "138 ms"},
                                                               {999ms, "999 ms"},
                                                               {1s, "1 s"},
                                                               {2149ms, "2.1 s"},
                                                               {59999ms, "59.9 s"},
                                                               {60s, "1 min"},
                                                               {61s, "1 min 1 s"},
                                                               {3600s, "1 h"},
                                                               {3900s, "1 h 5 min"},
                                                               {49h, "49 h"},
                                                               {-2s, "-2 s"}})
    BOOST_TEST(in_words(time) == text);
}

BOOST_AUTO_TEST_SUITE_END()
