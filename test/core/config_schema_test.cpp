#include "core/config/schema.hpp"

#include "test/core/config_fixture.hpp"

using namespace kiln;
using namespace kiln::config_literals;
using namespace std::chrono_literals;

BOOST_AUTO_TEST_SUITE(config_schema)

namespace {

struct verify_options {
  store_ref inner;
  bool check_hash = true;
};

schema<verify_options> verify_schema() {
  return schema<verify_options>{
      "Refuses blobs that do not match their digest. Place it above any store whose writers you do not "
      "trust."}
      .store("inner", &verify_options::inner, "Where accepted blobs go.")
      .field("check_hash", &verify_options::check_hash, "Hash every byte; off leaves only the size check.");
}

enum class eviction { oldest, rarest };

struct peer_options {
  std::string host = "here";
  std::uint16_t port = 8980;
};

schema<peer_options> peer_schema() {
  return schema<peer_options>{"Another server."}
      .required("host", &peer_options::host, "Its name.")
      .field("port", &peer_options::port, "Its port.", at_least(1));
}

struct every_options {
  std::int32_t small = -3;
  std::uint64_t large = 7;
  double ratio = 0.5;
  std::string path;
  byte_size chunk = 64_KiB;
  capacity room = 80_percent;
  duration patience = std::chrono::seconds(30);
  std::optional<duration> timeout = std::chrono::minutes(5);
  std::optional<byte_size> limit;
  eviction policy = eviction::rarest;
  std::vector<eviction> policies = {eviction::oldest};
  std::vector<std::string> names = {"a", "b"};
  std::map<std::string, std::string> labels = {{"os", "linux"}};
  std::optional<store_ref> spare;
  std::vector<store_ref> shards;
  peer_options home;
  std::optional<peer_options> upstream;
  std::vector<peer_options> peers;
  std::map<std::string, peer_options> regions;
};

schema<every_options> every_schema() {
  return schema<every_options>{"Has one of each."}
      .field("small", &every_options::small, "A number.", at_least(-10), at_most(10))
      .field("large", &every_options::large, "A large number.")
      .field("ratio", &every_options::ratio, "A ratio.", at_least(0.0), at_most(1.0))
      .required("path", &every_options::path, "A path.")
      .field("chunk", &every_options::chunk, "A size.", at_least(4_KiB))
      .field("room", &every_options::room, "Room.", at_least(1_MiB))
      .field("patience", &every_options::patience, "A time.", at_least(1s), at_most(24h))
      .field("timeout", &every_options::timeout, "May be off.", at_least(1s), or_word("off"))
      .field("limit", &every_options::limit, "May be unlimited.", or_word("unlimited"))
      .choice("policy", &every_options::policy, {{"oldest", eviction::oldest}, {"rarest", eviction::rarest}},
              "A choice.")
      .choice("policies", &every_options::policies,
              {{"oldest", eviction::oldest}, {"rarest", eviction::rarest}}, "Several choices.")
      .field("names", &every_options::names, "Names.", at_most(3))
      .field("labels", &every_options::labels, "Labels.")
      .store("spare", &every_options::spare, "A store, perhaps.")
      .store("shards", &every_options::shards, "Stores.")
      .section("home", &every_options::home,
               schema<peer_options>{"Home."}.field("host", &peer_options::host, "A host."), "A section.")
      .section("upstream", &every_options::upstream, peer_schema(), "Perhaps a section.")
      .sections("peers", &every_options::peers, peer_schema(), "A list of sections.")
      .sections("regions", &every_options::regions, peer_schema(), "Sections by name.");
}

struct water_marks {
  std::uint64_t low = 1;
  std::uint64_t high = 2;
};

schema<water_marks> water_schema() {
  return schema<water_marks>{"Two marks."}
      .field("low", &water_marks::low, "Low.")
      .field("high", &water_marks::high, "High.")
      .check([](const water_marks& marks) -> expected<void> {
        if (marks.low < marks.high) return {};
        return fail(errc::invalid_argument, "low ({}) must lie below high ({})", marks.low, marks.high);
      });
}

using read_every = test::read_options<every_options>;
using read_verify = test::read_options<verify_options>;

/// What is needed for everything else to be a default.
const std::string least = "path: /p\nshards: [one]\n";

}  // namespace

BOOST_AUTO_TEST_CASE(what_is_not_said_has_its_default) {
  read_every read(every_schema(), least);
  BOOST_TEST(read.good, read.complaints());
  BOOST_TEST(read.options.small == -3);
  BOOST_TEST(read.options.large == 7u);
  BOOST_TEST(read.options.ratio == 0.5);
  BOOST_TEST((read.options.chunk == 64_KiB));
  BOOST_TEST((read.options.room == 80_percent));
  BOOST_TEST((read.options.patience == 30s));
  BOOST_TEST((read.options.timeout == 5min));
  BOOST_TEST(!read.options.limit.has_value());
  BOOST_TEST((read.options.policy == eviction::rarest));
  BOOST_TEST((read.options.policies == std::vector{eviction::oldest}));
  BOOST_TEST(read.options.names.size() == 2u);
  BOOST_TEST(read.options.labels.at("os") == "linux");
  BOOST_TEST(!read.options.spare.has_value());
  BOOST_TEST(read.options.home.host == "here");
  BOOST_TEST(!read.options.upstream.has_value());
  BOOST_TEST(read.options.peers.empty());
  BOOST_TEST(read.options.regions.empty());
}

BOOST_AUTO_TEST_CASE(what_is_said_is_read) {
  read_every read(every_schema(), least + R"(
small: 10
large: 18446744073709551615
ratio: 0.25
chunk: 1MiB
room: 10GiB
patience: 2h
timeout: off
limit: 1GB
policy: oldest
policies: [rarest, oldest]
names: []
labels: {a: b}
spare: two
home: {host: there}
upstream: {host: up, port: 1}
peers: [{host: one}, {host: two, port: 2}]
regions: {west: {host: w}}
)");
  BOOST_TEST(read.good, read.complaints());
  BOOST_TEST(read.options.small == 10);
  BOOST_TEST(read.options.large == std::numeric_limits<std::uint64_t>::max());
  BOOST_TEST(read.options.ratio == 0.25);
  BOOST_TEST((read.options.chunk == 1_MiB));
  BOOST_TEST((read.options.room == capacity(10_GiB)));
  BOOST_TEST((read.options.patience == 2h));
  BOOST_TEST(!read.options.timeout.has_value());
  BOOST_TEST(read.options.limit->bytes == 1'000'000'000u);
  BOOST_TEST((read.options.policy == eviction::oldest));
  BOOST_TEST((read.options.policies == std::vector{eviction::rarest, eviction::oldest}));
  BOOST_TEST(read.options.names.empty());
  BOOST_TEST((read.options.labels == std::map<std::string, std::string>{{"a", "b"}}));
  BOOST_TEST(read.options.spare->name == "two");
  BOOST_TEST(read.options.home.host == "there");
  BOOST_TEST(read.options.upstream->port == 1);
  BOOST_TEST(read.options.peers.at(0).port == 8980);
  BOOST_TEST(read.options.peers.at(1).host == "two");
  BOOST_TEST(read.options.regions.at("west").host == "w");
}

BOOST_AUTO_TEST_CASE(every_fault_is_reported_at_once_in_the_order_of_the_text) {
  read_verify read(verify_schema(), "check_hash: yes please\nchek_hash: true\ninner: [a]\ninner: b\n");
  BOOST_TEST(read.complaints() ==
             "node.yaml:1:13: check_hash: expected true or false, found \"yes please\"\n"
             "node.yaml:2:1: chek_hash: unknown key, did you mean \"check_hash\"?\n"
             "node.yaml:3:8: inner: expected the name of a store, or a section with a type, found a list\n"
             "node.yaml:4:1: inner: this key was given before in the same section\n");
}

BOOST_AUTO_TEST_CASE(faults_within_sections_name_the_whole_path) {
  read_every read(every_schema(),
                  least + "peers:\n  - host: a\n    port: 0\n  - {prot: 1}\nregions: {west: 5}\n");
  BOOST_TEST(read.complaints() ==
             "node.yaml:5:11: peers[0].port: must be at least 1, found \"0\"\n"
             "node.yaml:6:5: peers[1].host: required, but missing (text). Its name.\n"
             "node.yaml:6:6: peers[1].prot: unknown key, did you mean \"port\"?\n"
             "node.yaml:7:17: regions.west: expected a section, found \"5\"\n");
}

BOOST_AUTO_TEST_CASE(bounds_are_kept) {
  read_every read(every_schema(), least +
                                      "small: 11\nratio: -0.1\nchunk: 1KiB\nroom: 1KiB\npatience: 10ms\n"
                                      "timeout: 0s\nnames: [a, b, c, d]\n");
  BOOST_TEST(read.complaints() ==
             "node.yaml:3:8: small: must be at least -10, at most 10, found \"11\"\n"
             "node.yaml:4:8: ratio: must be at least 0, at most 1, found \"-0.1\"\n"
             "node.yaml:5:8: chunk: must be at least 4KiB, found \"1KiB\"\n"
             "node.yaml:6:7: room: must be at least 1MiB, found \"1KiB\"\n"
             "node.yaml:7:11: patience: must be at least 1s, at most 1d, found \"10ms\"\n"
             "node.yaml:8:10: timeout: must be at least 1s, found \"0s\"\n"
             "node.yaml:9:8: names: must be at most 3 entries, found a list\n");
}

BOOST_AUTO_TEST_CASE(values_of_the_wrong_type_are_refused) {
  read_every read(every_schema(), least +
                                      "small: 1.5\nlarge: -1\nratio: nan\nchunk: 5\npatience: 3 parsecs\n"
                                      "policy: oldets\nlabels: [a]\nnames: {a: b}\nspare: ''\nlimit: ~\n");
  BOOST_TEST(read.complaints() ==
             "node.yaml:3:8: small: expected a whole number, found \"1.5\"\n"
             "node.yaml:4:8: large: expected a whole number of 0 or more, found \"-1\"\n"
             "node.yaml:5:8: ratio: expected a decimal number, found \"nan\"\n"
             "node.yaml:6:8: chunk: \"5\" has no unit, write one of PiB TiB GiB MiB KiB PB TB GB MB KB B\n"
             "node.yaml:7:11: patience: \"3 parsecs\" has an unknown unit, known are d h m s ms us ns\n"
             "node.yaml:8:9: policy: unknown word \"oldets\", did you mean \"oldest\"?\n"
             "node.yaml:9:9: labels: expected a section, found a list\n"
             "node.yaml:10:8: names: expected a list, found a section\n"
             "node.yaml:11:8: spare: expected the name of a store, or a section with a type, found \"\"\n"
             "node.yaml:12:8: limit: expected a size, found nothing\n");
}

BOOST_AUTO_TEST_CASE(numbers_keep_to_their_type) {
  read_every read(every_schema(), least + "small: 2147483648\nlarge: 18446744073709551616\n");
  BOOST_TEST(
      read.complaints() ==
      "node.yaml:3:8: small: must be from -2147483648 to 2147483647, found \"2147483648\"\n"
      "node.yaml:4:8: large: must be from 0 to 18446744073709551615, found \"18446744073709551616\"\n");
}

BOOST_AUTO_TEST_CASE(a_required_option_must_be_there_and_say_something) {
  read_every read(every_schema(), "shards: []\npath: ''\n");
  BOOST_TEST(read.complaints() ==
             "node.yaml:1:9: shards: must be not empty, found a list\n"
             "node.yaml:2:7: path: must be not empty, found \"\"\n");
  read_verify nothing(verify_schema(), "");
  BOOST_TEST(nothing.complaints() ==
             "node.yaml:1:1: inner: required, but missing (store). Where accepted blobs go.\n");
}

BOOST_AUTO_TEST_CASE(a_variable_that_is_not_set_is_the_only_fault_of_its_value) {
  test::read_options<peer_options> read(peer_schema(), "host: ${NOBODY}\nport: ${NOBODY}\n");
  BOOST_TEST(
      read.complaints() ==
      "node.yaml:1:7: host: the variable NOBODY is not set and has no default, as in ${NOBODY:-value}\n"
      "node.yaml:2:7: port: the variable NOBODY is not set and has no default, as in ${NOBODY:-value}\n");
}

BOOST_AUTO_TEST_CASE(a_section_left_out_still_misses_what_it_requires) {
  struct holder {
    peer_options peer;
  };
  test::read_options<holder> read(
      schema<holder>{"Holds."}.section("peer", &holder::peer, peer_schema(), "A peer."), "{}");
  BOOST_TEST(read.complaints() == "node.yaml:1:1: peer.host: required, but missing (text). Its name.\n");
}

BOOST_AUTO_TEST_CASE(the_word_of_one_field_means_nothing_to_another) {
  read_every read(every_schema(), least + "timeout: unlimited\npatience: off\n");
  BOOST_TEST(read.collected.size() == 2u);
}

BOOST_AUTO_TEST_CASE(demands_on_several_options_are_asked_when_each_is_good) {
  test::read_options<water_marks> wrong(water_schema(), "{low: 5, high: 5}");
  BOOST_TEST(wrong.complaints() == "node.yaml:1:1: low (5) must lie below high (5)\n");
  test::read_options<water_marks> worse(water_schema(), "{low: many, high: 0}");
  BOOST_TEST(worse.collected.size() == 1u);
  BOOST_TEST(test::read_options<water_marks>(water_schema(), "{low: 1, high: 5}").good);
}

BOOST_AUTO_TEST_CASE(references_to_stores_are_noted_with_their_place) {
  read_every read(every_schema(), "path: /p\nshards: [one, {type: memory}]\nspare: two\n");
  BOOST_TEST(read.good, read.complaints());
  BOOST_TEST(read.options.shards.at(1).name == "shards[1]");
  BOOST_REQUIRE(read.stores.used.size() == 3u);
  BOOST_TEST(read.stores.used[0].name == "two");
  BOOST_TEST(read.stores.used[0].at.where().line == 3u);
  BOOST_TEST(read.stores.used[1].name == "one");
  BOOST_REQUIRE(read.stores.inline_stores.size() == 1u);
  BOOST_TEST(read.stores.inline_stores[0].description.find("type")->text() == "memory");
}

BOOST_AUTO_TEST_CASE(complaints_without_end_are_counted_not_kept) {
  std::string many = least;
  for (int i = 0; i < 1500; ++i) many += fmt::format("nonsense_{}: 1\n", i);
  read_every read(every_schema(), many);
  BOOST_TEST(read.collected.size() == 1500u);
  BOOST_TEST(read.collected.sorted().size() == faults::kept);
  BOOST_TEST(read.complaints().ends_with("and 500 more\n"));
  auto result = read.collected.as_result();
  BOOST_REQUIRE(!result.has_value());
  BOOST_TEST((result.error().code() == errc::invalid_argument));
}

BOOST_AUTO_TEST_CASE(found_text_is_made_fit_for_one_line) {
  BOOST_TEST(in_quotes("a\n\"b\"\x1b") == "\"a\\n\\\"b\\\"\\x1b\"");
  BOOST_TEST(in_quotes(std::string(100, 'x')) == '"' + std::string(60, 'x') + "...\"");
}

BOOST_AUTO_TEST_CASE(options_without_their_type_are_the_same_options) {
  std::shared_ptr<const section_schema> erased = std::make_shared<schema<verify_options>>(verify_schema());
  auto doc = parse_document("{type: verify, inner: disk, check_hash: false}", "node.yaml");
  faults collected;
  store_refs stores;
  auto options = erased->read_any(doc->root(), collected, stores, "type");
  BOOST_TEST(collected.empty(), collected.to_string());
  BOOST_TEST(std::any_cast<verify_options>(options).inner.name == "disk");
  BOOST_TEST(!std::any_cast<verify_options>(options).check_hash);
}

BOOST_AUTO_TEST_SUITE_END()
