#pragma once

#include <functional>
#include <span>
#include <string_view>
#include <vector>

/// What a REAPI server must answer, as code that reads like the list of rules in docs/conformance.md.
///
/// To add a rule: find the file of its section under rules/, and write it at its number's place:
///
///     {78, tag::stated, "a blob that is absent is NOT_FOUND", needs::cache,
///      [](probe& ask) {
///        auto nobody_has = ask.fresh();
///        ask.expect(ask.read(ask.read_name(nobody_has)), errc::not_found);
///      }},
///
/// The probe (probe.hpp) asks the questions; each waits for its answer, ten seconds at most. A body ends at
/// its first expectation that is not met, as a test case does, so that what follows may lean on what was
/// expected before. What every rule needs beyond a server is announced by that server and said in the third
/// column; what is known only on the way there is `ask.skip("why")`. Bodies of several rules run at the same
/// time against the same server: they use fresh blobs, and clean up through `ask.afterwards`.
namespace kiln::conform {

class probe;

/// How much weight a rule has: the specification's MUST, its SHOULD, what it states as behaviour, what
/// clients rely on in fact, and what we chose where it is silent.
enum class tag : char { must = 'M', should = 'S', stated = 'D', de_facto = 'B', choice = 'X' };

/// What must be there for a rule to be asked, and how it wants to be run. Combined with |.
enum class needs : unsigned {
  nothing = 0,
  cache = 1 << 0,
  action_cache_updates = 1 << 1,
  execution = 1 << 2,
  worker = 1 << 3,  ///< one that runs /bin/sh
  split = 1 << 4,
  splice = 1 << 5,
  zstd = 1 << 6,        ///< in ByteStream
  batch_zstd = 1 << 7,  ///< in BatchUpdateBlobs
  filling = 1 << 11,    ///< leave to fill the cache, and how much that takes: `facts::fill`
  // How it runs.
  optional = 1 << 8,  ///< UNIMPLEMENTED is no failure: the server may lack the method
  alone = 1 << 9,     ///< with no other rule beside it: it measures, or fills the cache
  slow = 1 << 10,     ///< takes seconds; `probe::scaled` makes it smaller for --quick
};

constexpr needs operator|(needs one, needs other) noexcept {
  return static_cast<needs>(static_cast<unsigned>(one) | static_cast<unsigned>(other));
}
constexpr bool has(needs all, needs one) noexcept {
  return (static_cast<unsigned>(all) & static_cast<unsigned>(one)) != 0;
}

struct rule {
  int number;
  conform::tag tag;
  std::string_view sentence;
  needs what;
  std::function<void(probe&)> body;
};

struct section {
  int number;
  std::string_view title;
  int first_rule, last_rule;
};
std::span<const section> sections() noexcept;
const section& section_of(const rule& about) noexcept;

// One for each section, in a file of that name under rules/.
std::vector<rule> digest_rules();         // 1 to 14
std::vector<rule> resource_name_rules();  // 15 to 21
std::vector<rule> batch_rules();          // 22 to 48
std::vector<rule> batch_limit_rules();
std::vector<rule> get_tree_rules();      // 49 to 61
std::vector<rule> chunk_rules();         // 62 to 77
std::vector<rule> reading_rules();       // 78 to 91
std::vector<rule> writing_rules();       // 92 to 120
std::vector<rule> write_status_rules();  // 121 to 127
std::vector<rule> action_cache_rules();  // 128 to 146
std::vector<rule> capabilities_rules();  // 147 to 157
std::vector<rule> execution_rules();     // 158 to 187
std::vector<rule> worker_rules();        // 188 to 210
std::vector<rule> operations_rules();    // 211 to 222

/// All of them, by number. Numbers that are missing are rules about a server's inside: its own tests keep
/// those.
std::vector<rule> all_rules();

}  // namespace kiln::conform
