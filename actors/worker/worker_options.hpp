#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/base/clock.hpp"
#include "core/config/schema.hpp"
#include "core/config/units.hpp"

namespace kiln {

/// How input files come into an action's folder.
enum class input_mode : std::uint8_t {
  safe,           ///< links where actions have users of their own, else copies
  trusted_links,  ///< links to the cache's own files, whoever the actions run as
  copy,           ///< every action has copies, which it may change
};

/// What becomes of outputs that are links to absolute paths.
enum class absolute_output : std::uint8_t {
  keep,     ///< told as they are, where absolute links are allowed at all
  resolve,  ///< made relative if they lead into the input root, else refused
  refuse,
};

/// What keeps an action from the machine and from other actions.
enum class sandbox_level : std::uint8_t {
  automatic,   ///< the highest that works here
  folder,      ///< a folder, limits and processes of its own
  namespaces,  ///< and it sees nothing of the machine but what it needs
};
/// Where what an action changes of its inputs lies, and what it makes beside them, until it is collected.
enum class changes_place : std::uint8_t { disk, memory };
enum class sandbox_network : std::uint8_t { off, by_property, on };
struct sandbox_options {
  sandbox_level level = sandbox_level::automatic;
  sandbox_network network = sandbox_network::by_property;
  std::vector<std::string> shown;
  byte_size scratch_size = 4_GiB;
  changes_place changes = changes_place::disk;
  std::optional<byte_size> memory;  ///< none: nine tenths of what there is
  std::uint32_t processes = 16384;
  std::optional<std::uint32_t> cpus;  ///< none: all
};

/// Tools that live on after an action, for the next that has the same one.
struct persistent_options {
  std::optional<std::uint32_t> number = 0;  ///< at once; none: as many as there are slots
  std::uint32_t uses = 1000;                ///< of one
  duration idle = std::chrono::minutes(5);
  byte_size inputs = 2_GiB;  ///< of all of them
};

struct worker_options {
  std::string name;                    ///< empty: the host's name and something random
  std::optional<std::uint32_t> slots;  ///< none: twice as many as processors
  std::map<std::string, std::vector<std::string>> properties;
  std::string work_root;
  store_ref cas;
  std::optional<store_ref> cache;
  input_mode inputs = input_mode::safe;
  std::string action_users = "auto";
  byte_size kept_inputs = 1_GiB;
  byte_size kept_trees = 10_GiB;
  bool absolute_symlinks = true;
  absolute_output absolute_output_symlinks = absolute_output::keep;
  sandbox_options sandbox;
  persistent_options persistent;
  std::string default_path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
  duration max_timeout = std::chrono::hours(24);
  duration kill_grace = std::chrono::seconds(15);
  duration hang_after = std::chrono::seconds(10);
  duration removal_wait = std::chrono::milliseconds(50);
  byte_size max_input_size = 64_GiB;
  std::uint32_t max_input_entries = 1'000'000U;
  byte_size max_stream_size = 64_MiB;
  byte_size max_output_size = 64_GiB;
  std::uint32_t max_output_entries = 1'000'000U;
};

schema<worker_options> worker_schema();

}  // namespace kiln
