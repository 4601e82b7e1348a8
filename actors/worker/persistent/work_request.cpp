#include "actors/worker/persistent/work_request.hpp"

#include <string_view>

#include "actors/worker/persistent/tool_folder.hpp"

namespace kiln {
namespace {

/// The way from a working directory to a path, both from the input root.
std::string from_folder(std::string_view folder, std::string_view path) {
  std::string up;
  while (!folder.empty() &&
         !(path.size() > folder.size() && path.starts_with(folder) && path[folder.size()] == '/')) {
    up += "../";
    const auto slash = folder.rfind('/');
    folder = folder.substr(0, slash == std::string_view::npos ? 0 : slash);
  }
  if (!folder.empty()) path.remove_prefix(folder.size() + 1);
  return up.append(path);
}

}  // namespace

blaze::worker::WorkRequest work_request_of(const tool_call& call, const command_plan& plan,
                                           std::int32_t number) {
  blaze::worker::WorkRequest request;
  for (const auto& argument : call.arguments) request.add_arguments(argument);
  for (const auto& file : call.inputs->files) {
    auto& input = *request.add_inputs();
    input.set_path(
        from_folder(plan.working_directory, join_path(call.inputs->folders[file.in].path, file.name)));
    input.set_digest(file.blob.hex());
  }
  request.set_request_id(number);
  if (number != 0) request.set_sandbox_dir(sandbox_path(number, plan.working_directory));
  return request;
}

blaze::worker::WorkRequest cancellation_of(std::int32_t number) {
  blaze::worker::WorkRequest request;
  request.set_request_id(number);
  request.set_cancel(true);
  return request;
}

}  // namespace kiln
