#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <stdexcept>
#include <string>
#include <unordered_map>
#include <vector>

#include "test/plugins/stores/filesystem/filesystem_fixture.hpp"

namespace kiln::test {

/// What a model's run is made of; all else follows from the seed.
struct model_shape {
  const char* name = "";
  store_role what = store_role::content;
  filesystem::store_options options;
  std::size_t largest = 64 << 10;  ///< bytes of a blob or result
  std::uint64_t names = 2000;      ///< that there may be
  bool damage = false;             ///< somebody is at the files
  bool faults = false;             ///< the disk fails now and then
};

/// A promise of the store that it did not keep. `what()` tells it all; `kind` is the promise.
class broken_promise : public std::runtime_error {
public:
  broken_promise(std::string promise, const std::string& all)
      : std::runtime_error(all), kind(std::move(promise)) {}
  const std::string kind;
};

/// A filesystem store beside a simple picture of what it must hold. Each step gives the store an order,
/// several at once, or a misfortune, at random, and holds its answers to the picture:
///
/// - What is read is right, always.
/// - What was acknowledged is there until it was forgotten, evicted with notice, or damaged itself; through
/// restarts,
///   crashes, failing disks, other people's touch, and damage to its neighbours.
/// - What was forgotten, or evicted, or never came whole is not there.
/// - What is leased stays. What was used last leaves last, in good measure: not while much is there that was
/// used
///   before.
/// - The store keeps to its capacity, and counts right; every order is answered.
class filesystem_model {
public:
  filesystem_model(const model_shape& shape, std::uint64_t seed);

  /// Throws broken_promise.
  void step();
  /// All that is known is asked for, before and after a last restart.
  void finish();

private:
  /// Bytes that follow from two numbers.
  struct version {
    std::uint64_t key = 0;
    std::size_t size = 0;
    bool operator==(const version&) const = default;
  };
  enum class state : std::uint8_t {
    absent,     ///< never came, or left
    forgotten,  ///< left for good: no crash brings it back
    kept,       ///< acknowledged
    unsure      ///< may be there
  };
  struct entry {
    digest name;
    version value;
    std::vector<version> others;  ///< of a result: what may be found instead
    std::vector<version> past;    ///< of a result: all that was ever sent
    state is = state::absent;
    std::uint64_t used_at = 0;  ///< what had been written by then; 0 where its order of use was lost
    std::uint64_t used_in = 0;  ///< the step
    std::uint64_t use = 0;      ///< its last one, by number
    unsigned leases = 0;
    std::string life;     ///< what happened to it, and in which step
    bool harmed = false;  ///< its bytes on the disk changed
    bool rotten = false;  ///< and their times did not
  };
  struct hold {
    std::vector<digest> blobs;
    std::shared_ptr<const void> held;
  };
  template <class Answer>
  using pending = std::shared_ptr<std::optional<expected<Answer>>>;

  // filesystem_model.cpp: the picture
  std::uint64_t chance(std::uint64_t below) { return chance_() % below; }
  bool one_in(std::uint64_t of) { return chance(of) == 0; }
  std::string content_of(const version& which) const;
  entry& any_entry();
  entry* any_kept();
  version fresh_version();
  void used(entry& which);
  void written(entry& which, const version& what, const std::optional<expected<receipt>>& answer);
  void seen(entry& which);
  void happened(entry& which, const char* what) { which.life += fmt::format(" {}:{}", steps_, what); }
  std::uint64_t weight_of_older(const entry& which) const;
  void hear_news();
  void settle_after_stop(bool in_order);
  void observe_missing(entry& which);
  void observe_bytes(entry& which, const std::string& found, std::uint64_t offset, std::uint64_t limit);
  void observe_failure(entry& which, const error& why, const char* doing);
  void check_stats();
  void check_some(std::size_t count);
  void check_refusal(const error& why);
  [[noreturn]] void breach(const std::string& promise, const std::string& details);
  void note(std::string line);
  bool calm() const { return !house_.disk.fault; }

  // filesystem_model_orders.cpp: what the store is told to do
  void write_one();
  void write_broken();
  void write_many(std::size_t count, std::size_t at_least = 0);
  void burst();
  void read_one(entry& which, bool whole);
  void read_answered(entry& which, const read_blob& order, expected<std::string> answer);
  void read_many();
  void find();
  void lend();
  void lease();
  void forget();
  void several_at_once();
  void flush();

  // filesystem_model_harm.cpp: misfortunes
  void restart();
  void crash();
  void stop_and(const std::function<void()>& meanwhile);
  void start_on_a_failing_disk();
  void fail_for_a_while();
  void damage_a_file();
  void touch_a_file();
  void rot_a_file();
  std::function<int(disk_call, const std::string&)> failing_disk();
  void hurt(const std::filesystem::path& file, std::uint64_t from, std::uint64_t to);

  const model_shape shape_;
  const std::uint64_t seed_;
  std::mt19937_64 chance_;
  const std::string bytes_;  // that contents are cut from
  filesystem_fixture house_;
  std::vector<std::unique_ptr<entry>> entries_;
  std::unordered_map<digest, entry*> by_name_;
  std::vector<hold> holds_;
  std::shared_ptr<std::vector<digest>> news_ = std::make_shared<std::vector<digest>>();
  std::vector<digest> last_news_;  // those heard of last
  std::uint64_t written_ = 1;
  std::uint64_t uses_ = 0;
  std::uint64_t versions_ = 0;
  std::uint64_t steps_ = 0;
  bool blind_ = false;    // started on a failing disk: what is there may seem missing until the next start
  bool unclean_ = false;  // files that should be gone may be left: the disk failed or the process was killed
  std::deque<std::string> story_;
};

}  // namespace kiln::test
