#include "plugins/stores/shard/rendezvous.hpp"

#include <boost/test/unit_test.hpp>
#include <cmath>

using namespace kiln;

BOOST_AUTO_TEST_SUITE(shard_rendezvous)

using shard::rendezvous;
using shard::waiting_time;

using parts = std::vector<rendezvous::part>;

static digest numbered(int number, digest_function function = digest_function::sha256) {
  return digest_of("blob " + std::to_string(number), function);
}

static parts nodes(std::uint32_t count) {
  parts all;
  for (std::uint32_t i = 0; i < count; ++i) all.push_back({fmt::format("node-{:02}", i), 1 + i * i});
  return all;
}

const parts layouts[] = {
    {{"a"}, {"b"}, {"c"}}, {{"disk1"}, {"disk2"}, {"disk3", 2}}, {{"near", 7}, {"far", 3}}, nodes(16)};

// The homes of blobs 0 to 63, "a" for the first part. Calculated by a program of another language (Python,
// with numbers of any size), which shares nothing with ours but the decision that describes it.
const struct {
  digest_function function;
  int layout;
  const char* homes;
} vectors[] = {
    {digest_function::sha256, 0, "cccabaccbbcacacbccaccacbcabcccaacccbbbabcccacccbbabbcbbcbccccabb"},
    {digest_function::sha256, 1, "cacbbcbcbaacbabbbcbcbccabacccccaccbcbbcccaccccaccbccacbbccbccbcc"},
    {digest_function::sha256, 2, "aaaababaaaaabababbaaaaaaaaaabaabbababaaababaaabbabbabaaabaaaaaba"},
    {digest_function::sha256, 3, "omjpjoiijkpemjpikkmmimlnklolhiinillemmljmpikojjmpollnnipoonjnmln"},
    {digest_function::sha1, 0, "cbabaaaaabcccbaaccabcbaacbbabaaabababbbabacacaacccabccbaccabbcac"},
    {digest_function::sha1, 1, "acbbaaccaccbacbccccacccbccbacbacabcbacccbcacaccccccccaccbbccccbb"},
    {digest_function::sha1, 2, "aaaaaabaaaaabaaaabbabbaabababbbbbabaaaaaaaaabaaaaaaaaaababbaaaab"},
    {digest_function::sha1, 3, "kjkmpllmmpoiojnfnolojhokjoknkoeipkmpgpmnpnkklopompinnilpmnfmpjmn"},
    {digest_function::sha384, 0, "aaaabbbbcccbabcccbbcbabcaccaccbababbbccbcaccaacbabcacacacababacc"},
    {digest_function::sha384, 1, "cccaaccccacacbcccbccbacbacbccacaccbaccbbcbbbccbaabacbbccaccbcccc"},
    {digest_function::sha384, 2, "bababaaaaabaaaaaabaabbaaabaaaaaaaabaaaaaaaabaaabbaaaabbbaaabbbaa"},
    {digest_function::sha384, 3, "mlioipohdkgngljngfemmjogjppbimhalenphnjdofkongholgpmnnjojpikpjih"},
    {digest_function::sha512, 0, "aacaabcaacbcaacbbbbcbaccbcbaaabcaccbcabbaabaaabcbbccbbaaabbbbbba"},
    {digest_function::sha512, 1, "acccaabcabccbccccbcbcabcccbbcbccbccccbccaaabbacacbcccbbbcbaaccbc"},
    {digest_function::sha512, 2, "abaaababaaaaabaabaaaaaaabbbaaabaaaaaaaabaabbaaaaaaaaaaaabaaaabaa"},
    {digest_function::sha512, 3, "glkmponpokkejjpgmpinnkljngpkmggppnilgojoohnplkimpkpmlkoimnnpppko"},
};

const struct {
  std::uint64_t drawn, time;
} waits[] = {
    {0x0, 274877906944},
    {0x1, 274877906944},
    {0x2, 270582939648},
    {0x3, 268070544839},
    {0x3ff, 231934288043},
    {0x400, 231928233984},
    {0x401, 231922185836},
    {0x8000000000000000, 4294967296},
    {0xffffffffffffffff, 1},
    {0x123456789abcdef0, 16380065668},
    {0xfedcba9876543210, 27600685},
    {0x20000000000000, 47244640256},
    {0x3fffffffffffff, 42949672961},
};

constexpr int many = 20'000;

static std::vector<int> counts(const parts& all) {
  const rendezvous homes(all);
  std::vector<int> found(all.size());
  for (int i = 0; i < many; ++i) ++found[homes.home_of(numbered(i))];
  return found;
}

// Four standard deviations of what chance would do.
static void check_share(int found, double share) {
  const double wanted = many * share;
  BOOST_TEST(std::abs(found - wanted) < 4 * std::sqrt(wanted * (1 - share)));
}

BOOST_AUTO_TEST_CASE(homes_are_those_that_another_program_calculated) {
  for (const auto& one : vectors) {
    const rendezvous homes(layouts[one.layout]);
    std::string found;
    for (int i = 0; i < 64; ++i) found += static_cast<char>('a' + homes.home_of(numbered(i, one.function)));
    BOOST_TEST(found == one.homes);
  }
}

BOOST_AUTO_TEST_CASE(waiting_times_are_those_that_another_program_calculated) {
  for (const auto& one : waits) BOOST_TEST(waiting_time(one.drawn) == one.time);
}

BOOST_AUTO_TEST_CASE(a_waiting_time_is_a_logarithm_and_falls_as_what_was_drawn_rises) {
  std::uint64_t drawn = 1, last = waiting_time(0);
  for (int i = 0; i < 60'000; ++i) {
    const auto time = waiting_time(drawn);
    BOOST_REQUIRE(time <= last);
    BOOST_REQUIRE(time > 0U);
    const double wanted = 64 - std::log2(static_cast<double>(drawn));
    BOOST_REQUIRE(std::abs(static_cast<double>(time) / 4294967296.0 - wanted) < 1e-6);
    last = time;
    const std::uint64_t step = drawn / 1500 + 1;
    if (drawn > ~std::uint64_t{0} - step) break;
    drawn += step;
  }
}

BOOST_AUTO_TEST_CASE(equal_weights_share_equally) {
  for (std::size_t count : {2U, 3U, 10U}) {
    parts all;
    for (std::size_t i = 0; i < count; ++i) all.push_back({"part" + std::to_string(i)});
    for (int found : counts(all)) check_share(found, 1.0 / static_cast<double>(count));
  }
}

BOOST_AUTO_TEST_CASE(a_share_is_that_of_the_weight) {
  const parts all{{"small", 1}, {"middle", 5}, {"large", 10}};
  const auto found = counts(all);
  for (std::size_t i = 0; i < all.size(); ++i) check_share(found[i], all[i].weight / 16.0);
  const auto extreme = counts({{"all", rendezvous::max_weight}, {"next to nothing", 1}});
  BOOST_TEST(extreme[1] <= 2);
}

BOOST_AUTO_TEST_CASE(weights_say_nothing_but_their_proportions) {
  const rendezvous small({{"a", 1}, {"b", 3}}), large({{"a", 333'333}, {"b", 999'999}});
  for (int i = 0; i < many; ++i) BOOST_REQUIRE(small.home_of(numbered(i)) == large.home_of(numbered(i)));
}

BOOST_AUTO_TEST_CASE(a_part_that_is_added_takes_its_share_and_moves_nothing_else) {
  const parts before{{"disk1"}, {"disk2"}}, now{{"disk1"}, {"disk2"}, {"disk3", 2}};
  const rendezvous old_homes(before), homes(now);
  int moved = 0;
  for (int i = 0; i < many; ++i) {
    const auto old_home = old_homes.home_of(numbered(i)), home = homes.home_of(numbered(i));
    if (home == old_home) continue;
    BOOST_REQUIRE(home == 2U);
    ++moved;
  }
  check_share(moved, 0.5);
}

BOOST_AUTO_TEST_CASE(a_part_that_goes_leaves_its_share_to_all_others) {
  const parts before{{"a"}, {"b"}, {"c"}, {"d"}}, now{{"a"}, {"b"}, {"c"}};
  const rendezvous old_homes(before), homes(now);
  std::vector<int> inherited(3);
  for (int i = 0; i < many; ++i) {
    const auto old_home = old_homes.home_of(numbered(i)), home = homes.home_of(numbered(i));
    if (old_home != 3)
      BOOST_REQUIRE(home == old_home);
    else
      ++inherited[home];
  }
  for (int found : inherited) check_share(found, 1.0 / 12);
}

BOOST_AUTO_TEST_CASE(a_weight_that_grows_takes_from_the_others_and_gives_nothing) {
  const rendezvous old_homes({{"a", 2}, {"b", 2}, {"c", 2}}), homes({{"a", 2}, {"b", 3}, {"c", 2}});
  for (int i = 0; i < many; ++i) {
    const auto old_home = old_homes.home_of(numbered(i)), home = homes.home_of(numbered(i));
    BOOST_REQUIRE((home == old_home || home == 1));
  }
}

BOOST_AUTO_TEST_CASE(the_order_of_the_parts_says_nothing) {
  auto all = nodes(9);
  const rendezvous homes(all);
  auto reversed = all;
  std::reverse(reversed.begin(), reversed.end());
  const rendezvous again(reversed);
  for (int i = 0; i < many; ++i)
    BOOST_REQUIRE(all[homes.home_of(numbered(i))].name == reversed[again.home_of(numbered(i))].name);
}

BOOST_AUTO_TEST_CASE(the_size_of_a_blob_says_nothing_and_its_function_does) {
  const rendezvous homes(nodes(16));
  int others = 0;
  for (int i = 0; i < 200; ++i) {
    auto blob = numbered(i), same = blob;
    same.size += 1 + i;
    BOOST_TEST(homes.home_of(blob) == homes.home_of(same));
    // As no hash would be, but a client may name it so.
    same.function = digest_function::blake3;
    others += homes.home_of(blob) != homes.home_of(same) ? 1 : 0;
  }
  BOOST_TEST(others > 100);
}

BOOST_AUTO_TEST_SUITE_END()
