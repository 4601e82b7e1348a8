#include <algorithm>

#include "test/conformance/execution_lies.hpp"

namespace kiln::conformance {
namespace {

namespace v2 = build::bazel::remote::execution::v2;

constexpr const char* empty_sha256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

bool names_slashed_outputs(const uploaded_action& asked) {
  auto slashed = [](const std::string& path) { return path.starts_with("/") || path.ends_with("/"); };
  const auto& command = asked.command;
  for (const auto* paths : {&command.output_paths(), &command.output_files(), &command.output_directories()})
    if (std::any_of(paths->begin(), paths->end(), slashed)) return true;
  return false;
}

bool mixes_functions(const uploaded_action& asked) {
  return asked.action.command_digest().hash().size() != asked.action.input_root_digest().hash().size();
}

bool has_files_with_slashes(const uploaded_action& asked) {
  const auto& files = asked.root.files();
  return std::any_of(files.begin(), files.end(),
                     [](const auto& file) { return file.name().find('/') != std::string::npos; });
}

// Says that one of three equal outputs was an empty folder.
lie forgetting_a_tree() {
  return retelling_actions(
      203, [](const uploaded_action& asked) { return asked.script().starts_with("for f in m z a;"); },
      [](execute_response& told) {
        for (auto& folder : *told.mutable_result()->mutable_output_directories()) {
          folder.mutable_tree_digest()->set_hash(empty_sha256);
          folder.mutable_tree_digest()->set_size_bytes(0);
        }
      });
}

}  // namespace

std::vector<lie> worker_lies() {
  return {
      retelling_actions(
          190,
          [](const uploaded_action& asked) {
            return asked.script().find("CONFORM_SPACED") != asked.script().npos;
          },
          [](execute_response& told) { told.mutable_result()->set_stdout_raw("SECRET=1\na  b $HOME *||"); }),
      retelling(195, [](const execute_request&,
                        execute_response& told) { told.mutable_result()->clear_output_symlinks(); }),
      refusing_actions(196, names_slashed_outputs, errc::failed_precondition),
      retelling(199,
                [](const execute_request&, execute_response& told) {
                  for (auto& file : *told.mutable_result()->mutable_output_files())
                    if (file.path() == "made") file.set_is_executable(true);
                }),
      forgetting_a_tree(),
      refusing_actions(204, mixes_functions, errc::failed_precondition),
      retelling(206,
                [](const execute_request&, execute_response& told) {
                  auto& result = *told.mutable_result();
                  if (result.exit_code() == 3 && result.output_files_size() == 1) result.set_exit_code(1);
                }),
      refusing_actions(208, has_files_with_slashes, errc::internal),
  };
}

}  // namespace kiln::conformance
