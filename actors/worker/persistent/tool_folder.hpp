#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "actors/worker/folders/work_root.hpp"
#include "actors/worker/inputs/input_tree.hpp"
#include "actors/worker/inputs/materializer.hpp"
#include "core/base/error.hpp"

namespace kiln {

/// The folder that a tool lives in: its own inputs stay there, and those of a request come and go. Everything
/// blocks. One request at a time; or several, each in a sandbox of its own within it.
class tool_folder {
public:
  explicit tool_folder(std::shared_ptr<action_folder> in) : folder_(std::move(in)) {}

  const std::shared_ptr<action_folder>& place() const noexcept { return folder_; }

  /// Lays out what `inputs` marks as the tool's, in the empty folder.
  expected<materialised> lay_out_tool(const input_tree& inputs, const command_plan& plan,
                                      const std::atomic<bool>& stop);
  /// And the rest of them, beside that; and makes the folders that the outputs will lie in.
  expected<materialised> lay_out_request(const input_tree& inputs, const command_plan& plan,
                                         const std::atomic<bool>& stop);
  /// All of them, in a folder of this number's own, which is open then.
  expected<std::shared_ptr<const descriptor>> lay_out_sandbox(std::int32_t number, const input_tree& inputs,
                                                              const command_plan& plan,
                                                              const std::atomic<bool>& stop);

  /// Removes all but the tool's inputs. FAILED_PRECONDITION if one of those is not as it was.
  expected<void> clear();
  expected<void> clear_sandbox(std::int32_t number);

private:
  struct kept_folder {
    std::string path;
    std::vector<std::string> folders;  ///< that stay in it
    std::vector<std::pair<std::string, file_mark>> files;
  };

  const std::shared_ptr<action_folder> folder_;
  std::vector<kept_folder> kept_;
};

/// Of the sandbox with this number, relative to the working directory of the tool.
std::string sandbox_path(std::int32_t number, const std::string& working_directory);

}  // namespace kiln
