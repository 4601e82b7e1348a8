#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "actors/worker/folders/work_root.hpp"
#include "actors/worker/inputs/input_tree.hpp"
#include "actors/worker/inputs/materializer.hpp"
#include "core/base/error.hpp"

namespace kiln {

/// The folder that a tool lives in: its own inputs stay there, and those of a request come and go. Everything
/// blocks. One request at a time; or several, each in a sandbox of its own within it.
///
/// The tool lives meanwhile, and may do in there what it likes at any moment. So nothing that belongs to
/// others is ever touched there by its name: what comes is laid out in a `stage` that the tool cannot reach,
/// and moved.
class tool_folder {
public:
  explicit tool_folder(std::shared_ptr<action_folder> in) : folder_(std::move(in)) {}

  const std::shared_ptr<action_folder>& place() const noexcept { return folder_; }

  /// Lays out what `inputs` marks as the tool's, in the empty folder; before there is a tool.
  expected<materialised> lay_out_tool(const input_tree& inputs, const command_plan& plan, bool with_sandboxes,
                                      const std::atomic<bool>& stop);
  /// And the rest of them, beside that, with the folders that the outputs will lie in. UNAVAILABLE if the
  /// tool is in the way.
  expected<materialised> lay_out_request(const action_folder& stage, const input_tree& inputs,
                                         const command_plan& plan, const std::atomic<bool>& stop);
  /// All of them, in a folder of this number's own, which is open then.
  expected<std::shared_ptr<const descriptor>> lay_out_sandbox(const action_folder& stage, std::int32_t number,
                                                              const input_tree& inputs,
                                                              const command_plan& plan,
                                                              const std::atomic<bool>& stop);

  /// Removes all but the tool's inputs. FAILED_PRECONDITION if one of those is not as it was.
  expected<void> clear();
  expected<void> clear_sandbox(std::int32_t number);

private:
  struct kept_folder {
    std::string path;
    std::uint32_t mode = 0;
    std::vector<std::string> folders;  ///< that stay in it
    std::vector<std::pair<std::string, file_mark>> files;
  };

  disk_result<file_facts> facts_of(const std::string& path) const;
  expected<void> move_in(const descriptor& from, const std::string& path);

  const std::shared_ptr<action_folder> folder_;
  std::vector<kept_folder> kept_;
  std::unordered_map<std::string, std::size_t> kept_at_;  ///< by path
};

/// Of the sandbox with this number, relative to the working directory of the tool.
std::string sandbox_path(std::int32_t number, const std::string& working_directory);

}  // namespace kiln
