#include <csignal>
#include <functional>
#include <map>
#include <random>

#include "plugins/stores/filesystem/packs/pack_format.hpp"
#include "test/end_to_end/harm.hpp"
#include "test/end_to_end/server_fixture.hpp"

namespace kiln::end_to_end {

// A disk before a disk. The near one's files are harmed, with a server above it or without; each blob is then
// read once and has to be right in that call, and in the end the near disk has all of it by itself.
namespace damage {

constexpr unsigned harms = 100;
constexpr unsigned rounds = 10;
constexpr std::uint64_t seed = 20261129;

enum class served { both, near_alone };

class two_disks : public server_fixture {
public:
  std::map<digest, std::string> blobs;
  std::mt19937_64 chance{seed};

  /// Each size twice.
  void open_with(const std::vector<std::size_t>& sizes) {
    start_server();
    for (std::uint64_t key = 0; key < 2 * sizes.size(); ++key) {
      auto content = made_bytes(key, sizes[key / 2]);
      const auto name = digest_of(content);
      auto written = client().write(name, bytes::copy_of(content));
      BOOST_REQUIRE_MESSAGE(written, why(written));
      blobs.emplace(name, std::move(content));
    }
  }
  const remote& client() const { return *client_; }
  std::filesystem::path near() const { return path("near"); }

  /// Some harm, while the server runs or while none does.
  void harm(bool while_it_runs, const std::function<void()>& how) {
    if (!while_it_runs) stop_server();
    how();
    if (!while_it_runs) start_server();
  }
  /// All harms, some of them at a time; `how` does one, and hears whether a server runs.
  void harm_and_read(const std::string& what, const std::function<void(unsigned, bool)>& how) {
    for (unsigned round = 0; round < rounds; ++round) {
      const auto when = fmt::format("{}, round {}", what, round);
      const bool runs = round % 2 == 0;
      harm(runs, [&] {
        for (unsigned i = 0; i < harms / rounds; ++i)
          while (!harmed([&] { how(i, runs); }, runs)) {
          }
      });
      read_each_once(when);
      if (round % 5 == 4) near_is_whole(when);
    }
  }
  /// While a server runs, a file that it heals may leave under our hands: then it is another one's turn.
  static bool harmed(const std::function<void()>& how, bool may_leave) {
    try {
      how();
      return true;
    } catch (const std::filesystem::filesystem_error& why) {
      if (!may_leave || why.code() != std::errc::no_such_file_or_directory) throw;
      return false;
    }
  }
  void read_each_once(const std::string& when) {
    std::vector<digest> small;
    for (const auto& [name, content] : blobs) {
      if (content.size() < (32 << 10) && small.size() < 40) {
        small.push_back(name);
        continue;
      }
      auto read = client().check_blob(name);
      BOOST_TEST(read.has_value(), when << ": " << why(read));
    }
    if (small.empty()) return;
    auto read = client().check_blobs(small);
    BOOST_REQUIRE_MESSAGE(read, when << ": " << why(read));
    for (const auto& one : *read) BOOST_TEST(one.ok(), when << ": " << one.to_string());
  }
  /// Of a pack only the next server reads the records' headers, so what is wrong there is met after its
  /// start.
  void near_is_whole(const std::string& when) {
    stop_server();
    start_server();
    read_each_once(when + ", at the next start");
    stop_server();
    start_server(served::near_alone);
    read_each_once(when + ", and the near disk alone");
    stop_server();
    start_server();
  }
  void stop_server() {
    client_.reset();
    server_->signal(SIGTERM);
    require_code(*server_, 0);
    server_.reset();
  }

private:
  void start_server(served which = served::both) {
    const auto store = [this](const std::string& name) {
      return fmt::format("  {}: {{type: filesystem, path: \"{}\", capacity: 4GiB, hot_memory: 0B}}\n", name,
                         path(name));
    };
    const std::string both = "  content: {type: fast_slow, fast: near, slow: far}\n";
    const auto file = write_file(
        "node.yaml",
        "stores:\n" + store("near") + (which == served::both ? store("far") + both : "") + store("results") +
            "transports: {public: {type: grpc, listen: [\"127.0.0.1:0\"]}}\n" +
            "serve: {content: " + (which == served::both ? "content" : "near") + ", results: results}\n");
    server_.emplace(start({"serve", file}));
    client_.emplace(dial(address_of(*server_)));
  }

  std::optional<server_process> server_;
  std::optional<remote> client_;
};

struct large_blobs : two_disks {
  // A file each, read in one piece and in several.
  large_blobs() { open_with({70'000, 100'000, 200'000, 1 << 20, 3'000'000, 5 << 20}); }

  stretch any_file() {
    const auto files = files_below(near() / "content");
    return whole_of(files.at(chance() % files.size()));
  }
  // Of one size, every other time, so that only a hash tells them apart.
  void exchange_two(unsigned which) {
    // One that was harmed before may have a size of its own: both are chosen anew.
    for (;;) {
      const auto one = any_file(), other = any_file();
      if (other.file != one.file && (other.size == one.size) == (which % 2 == 0)) return exchange(one, other);
    }
  }
};

struct small_blobs : two_disks {
  small_blobs() {
    std::vector<std::size_t> sizes;
    for (std::size_t i = 0; i < 30; ++i) sizes.push_back(1 + i * i * 70);
    open_with(sizes);
  }

  /// Every record that is whole in some pack, with its header.
  std::vector<stretch> records() const {
    std::vector<stretch> found;
    const std::uint64_t header = filesystem::bare_header_size + 32;
    for (const auto& pack : files_below(near() / "packs", ".pack")) {
      const auto all = content_of(whole_of(pack));
      for (const auto& [name, content] : blobs) {
        if (content.size() < 16) continue;  // may be found by chance
        for (auto at = all.find(content); at != std::string::npos; at = all.find(content, at + 1))
          found.push_back({pack, at - header, header + content.size()});
      }
    }
    return found;
  }
  // Their payloads, every other time with their headers.
  void exchange_two(unsigned which) {
    const auto all = records();
    const std::uint64_t left_out = which % 2 == 0 ? filesystem::bare_header_size + 32 : 0;
    for (;;) {
      const auto &one = all.at(chance() % all.size()), &other = all.at(chance() % all.size());
      const bool is_same = one.file == other.file && one.begin == other.begin;
      if (is_same || one.size != other.size || content_of(one) == content_of(other)) continue;
      return exchange({one.file, one.begin + left_out, one.size - left_out},
                      {other.file, other.begin + left_out, other.size - left_out});
    }
  }
  stretch any_record() {
    const auto all = records();
    return all.at(chance() % all.size());
  }
};

}  // namespace damage

BOOST_AUTO_TEST_SUITE(damage_under_fast_slow)

using namespace damage;

BOOST_FIXTURE_TEST_CASE(a_flipped_bit_in_a_file_is_healed_by_the_read_that_meets_it, large_blobs) {
  // Where a file was proven and its times stand, the next whole read finds out at its end.
  harm_and_read("flips", [&](unsigned i, bool runs) { flip_bit(any_file(), chance, !runs && i % 2 == 0); });
}

BOOST_FIXTURE_TEST_CASE(a_file_that_was_cut_is_healed_by_the_read_that_meets_it, large_blobs) {
  harm_and_read("cuts", [&](unsigned, bool) {
    if (const auto one = any_file(); one.size > 0) cut_within(one, chance);
  });
}

BOOST_FIXTURE_TEST_CASE(files_that_were_exchanged_are_healed_by_the_reads_that_meet_them, large_blobs) {
  harm_and_read("exchanges", [&](unsigned i, bool) { exchange_two(i); });
}

BOOST_FIXTURE_TEST_CASE(a_flipped_bit_in_a_pack_is_healed_by_the_read_that_meets_it, small_blobs) {
  harm_and_read("flips", [&](unsigned i, bool) { flip_bit(any_record(), chance, i % 2 == 0); });
}

// What lies behind the cut is gone with it, so one cut is met at a time.
BOOST_FIXTURE_TEST_CASE(a_pack_that_was_cut_is_healed_by_the_reads_that_meet_it, small_blobs) {
  for (unsigned i = 0; i < harms; ++i) {
    harm(i % 4 != 0, [&] { cut_within(any_record(), chance); });
    read_each_once(fmt::format("cut {}", i));
    if (i % 25 == 24) near_is_whole(fmt::format("cut {}", i));
  }
}

BOOST_FIXTURE_TEST_CASE(records_that_were_exchanged_are_healed_by_the_reads_that_meet_them, small_blobs) {
  harm_and_read("exchanges", [&](unsigned i, bool) { exchange_two(i); });
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace kiln::end_to_end
