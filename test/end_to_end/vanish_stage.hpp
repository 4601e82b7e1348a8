#pragma once

#include <string>
#include <vector>

#include "test/end_to_end/remote.hpp"
#include "test/end_to_end/server_process.hpp"
#include "test/end_to_end/vanish_crowd.hpp"

/// The server that clients vanish from: how it is set up, and what it holds, seen from outside.
namespace kiln::end_to_end {

struct stage_options {
  std::string folder;  ///< for configuration, data and log
  std::string binary;
  std::string resume_time;  ///< until what nobody came back to is dropped, "1s"; empty for the defaults
};

/// A server that caches and executes.
expected<server_process> start_stage(const stage_options& options);
/// Uploads what a crowd asks for; -> an order without seed and number.
expected<crowd_order> furnish(const remote& server, const stage_options& options);

/// What the server takes of the machine.
struct holdings {
  std::size_t descriptors = 0;
  std::size_t files = 0;     ///< of uploads, and folders of actions
  std::uint64_t memory = 0;  ///< resident, in bytes
  std::string to_string() const;
};
holdings holdings_of(const server_process& server, const stage_options& options);

}  // namespace kiln::end_to_end
