#pragma once

#include <memory>
#include <random>
#include <string>
#include <vector>

#include "test/end_to_end/breakable_disk.hpp"
#include "test/end_to_end/crash_check.hpp"
#include "test/end_to_end/crash_load.hpp"
#include "test/end_to_end/dialler.hpp"
#include "test/end_to_end/server_process.hpp"

namespace kiln::end_to_end {

struct crash_options {
  std::string binary;
  std::string folder;  ///< ours: data and logs
  std::uint64_t seed = 0;
  unsigned uploaders = 16;
  std::uint64_t largest = 8 << 20;  ///< bytes of a blob, at most 1 MiB where the store is small
  std::string layout;  ///< a configuration file, or the name of a profile; empty: the profile "cache"
  bool serves_unlisted = false;  ///< of that layout (check_rules)
  bool may_miss = false;         ///< of that layout (check_rules)
  bool at_calls = false;         ///< kill at system calls, by strace, instead of at moments
  std::string disk;              ///< "ext4", "xfs": cut the power of such a disk, too; empty: only kill
  bool relaxed = false;          ///< the durability of the stores on that disk
};

struct crash_stats {
  std::uint64_t kills = 0;
  std::uint64_t cuts = 0;            ///< of these: with the power of the disk
  std::uint64_t kills_at_start = 0;  ///< of these: before the server said where it listens
  std::uint64_t folders = 0;
  std::uint64_t lost = 0;
  std::uint64_t wrong = 0;
  std::uint64_t acknowledgements = 0;
  std::uint64_t bytes_acknowledged = 0;
  std::uint64_t blobs_read = 0;
  std::uint64_t bytes_read = 0;
  std::uint64_t results_read = 0;
  std::vector<double> starts_ms;  ///< from the start of the process to its address
};

/// One data folder's life: servers that are killed one after the other, each held to what its predecessors
/// acknowledged, and a last one that ends in order. One thread.
class crash_rounds {
public:
  /// `tight`: with a store so small that it evicts all the time. `disk`: the one to cut the power of, if any.
  crash_rounds(const crash_options& options, dialler& out, crash_stats& stats, bool tight,
               const breakable_disk* disk = nullptr);

  /// One server, up to its kill.
  void round();
  /// Whether the folder has grown as large as we want it to be.
  bool is_full() const;
  /// Everything that is known is checked, the sweep waited for, and the last server ends by SIGTERM.
  void end_in_order();
  const std::vector<std::string>& violations() const noexcept { return violations_; }

private:
  expected<server_process> start(bool to_be_killed);
  bool kill_at_start(server_process& server);
  std::optional<std::string> address_of(server_process& server);
  void check_what_is_there(const remote& server, std::optional<std::size_t> sample, bool to_be_killed);
  void load_and_kill(server_process& server, const remote& client);
  void strike(server_process& server, crash_load* load);
  void expect_killed(server_process& server);
  std::vector<std::string> command() const;
  std::uint64_t capacity() const;
  std::uint64_t load_seed() const;
  bool offers_splices(const remote& client);
  void complain(std::string text) { violations_.push_back(std::move(text)); }

  const crash_options& options_;
  dialler& out_;
  crash_stats& stats_;
  const bool tight_;
  const breakable_disk* const disk_;
  const std::uint64_t folder_;  // its number
  const std::string data_;
  std::uint64_t round_ = 0;
  std::mt19937_64 chance_;       // of the kill points
  std::mt19937_64 sampling_;     // on its own, so that what was there to be sampled moves no kill point
  std::optional<bool> splices_;  // what the server said
  crash_ledger ledger_;
  std::vector<std::string> violations_;
};

}  // namespace kiln::end_to_end
