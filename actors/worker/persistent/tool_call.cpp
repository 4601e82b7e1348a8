#include "actors/worker/persistent/tool_call.hpp"

#include <fcntl.h>

#include <algorithm>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "core/merkle/paths.hpp"
#include "core/wire/utf8.hpp"

namespace kiln {
namespace {

constexpr std::uint64_t most_in_flag_files = 16U << 20;
constexpr int most_nested = 16;
constexpr std::size_t most_flag_files = 1000;  // one of them as often as it is named, however small it is
constexpr std::size_t most_inputs = 100'000;   // each is named in the request
constexpr std::size_t most_arguments = 1'000'000;

std::string_view value_of(const platform_properties& platform, std::string_view name) {
  for (const auto& [one, value] : platform)
    if (one == name) return value;
  return {};
}

bool is_set(const platform_properties& platform, std::string_view name) {
  const auto value = value_of(platform, name);
  return value == "1" || value == "true";
}

bool names_file(std::string_view argument) {
  return argument.size() > 1 && argument.front() == '@' && argument[1] != '@';
}

/// As Bazel tells the arguments of a request from those of its tool.
bool is_flag_file(std::string_view argument) {
  for (std::string_view prefix : {"-flagfile=", "--flagfile="})
    if (argument.starts_with(prefix)) return argument.size() > prefix.size();
  return argument.size() > 1 && argument.front() == '@';
}

/// Reads the files that arguments name, each line of which is an argument again.
class expansion {
public:
  expansion(disk& on, const command_plan& plan, const input_tree& inputs, std::vector<std::string>& into)
      : on_(on), plan_(plan), inputs_(inputs), into_(into) {
    for (const auto& file : inputs.files)
      files_.emplace(join_path(inputs.folders[file.in].path, file.name), &file);
  }

  /// The file that an argument is the path of; null if of none.
  const input_tree::file* named_by(const std::string& argument) const {
    auto where = resolve_path(plan_.working_directory, argument);
    auto found = where ? files_.find(*where) : files_.end();
    return found == files_.end() ? nullptr : found->second;
  }

  /// False if one of them cannot be had, or cannot be said to a tool.
  bool add(std::string_view argument, int depth = 0) {
    if (into_.size() == most_arguments || !is_utf8(argument)) return false;
    if (!names_file(argument)) {
      into_.emplace_back(argument);
      return true;
    }
    const auto* found = named_by(std::string(argument.substr(1)));
    if (found == nullptr || depth == most_nested || ++named_ > most_flag_files) return false;
    auto content = read(*found);
    if (!content) return false;
    for (std::string_view left = *content; !left.empty();) {
      const auto end = std::min(left.find('\n'), left.size());
      auto line = left.substr(0, end);
      left.remove_prefix(std::min(end + 1, left.size()));
      if (line.ends_with('\r')) line.remove_suffix(1);
      if (!line.empty() && !add(line, depth + 1)) return false;
    }
    return true;
  }

private:
  std::optional<std::string> read(const input_tree::file& file) {
    const auto size = static_cast<std::uint64_t>(file.blob.size);
    if (size > most_in_flag_files - read_) return std::nullopt;
    read_ += size;
    std::string content(size, '\0');
    if (size == 0) return content;
    auto lent = inputs_.lent.find(inputs_.wanted(file));
    if (lent == inputs_.lent.end() || !lent->second) return std::nullopt;
    auto opened = on_.open(descriptor(), lent->second->path.c_str(), O_RDONLY);
    if (!opened) return std::nullopt;
    auto got = read_all(on_, *opened, content, 0);
    if (!got || *got != size || content.find('\0') != std::string::npos) return std::nullopt;
    return content;
  }

  disk& on_;
  const command_plan& plan_;
  const input_tree& inputs_;
  std::vector<std::string>& into_;
  std::unordered_map<std::string, const input_tree::file*> files_;
  std::uint64_t read_ = 0;
  std::size_t named_ = 0;
};

/// All that decides what a tool does, but for what it is asked. Each part behind its length: none can pass
/// for another.
digest key_of(const action_spec& action, const command_plan& plan, const tool_call& call,
              const expansion& inputs) {
  std::string all;
  auto add = [&](std::string_view part) { (all += std::to_string(part.size()) += ':') += part; };
  auto add_list = [&](const std::vector<std::string>& parts) {
    add(std::to_string(parts.size()));
    for (const auto& part : parts) add(part);
  };
  add(action.instance);
  add(std::to_string(static_cast<int>(action.action.function)));
  add(std::to_string(action.platform.size()));
  for (const auto& [name, value] : action.platform) {
    add(name);
    add(value);
  }
  add_list(call.tool);
  add_list(plan.environment);
  add(plan.working_directory);
  auto add_file = [&](const input_tree::file& file) {
    add(join_path(call.inputs->folders[file.in].path, file.name));
    add(file.blob.to_string());
    add(file.executable ? "x" : "");
  };
  for (const auto& file : call.inputs->files)
    if (file.tool) add_file(file);
  // A client may have marked less than it starts. What its arguments name is its own, marked or not, and
  // links may lead it to any of that.
  for (const auto& argument : call.tool)
    if (const auto* file = inputs.named_by(argument)) add_file(*file);
  for (const auto& link : call.inputs->symlinks) {
    add(join_path(call.inputs->folders[link.in].path, link.name));
    add(link.target);
  }
  return digest_of(all);
}

bool has_at_top(const input_tree& inputs, std::string_view name) {
  auto is_it = [&](const auto& one) { return one.in == 0 && one.name == name; };
  return std::any_of(inputs.files.begin(), inputs.files.end(), is_it) ||
         std::any_of(inputs.symlinks.begin(), inputs.symlinks.end(), is_it) ||
         std::any_of(inputs.folders.begin(), inputs.folders.end(),
                     [&](const auto& one) { return one.path == name; });
}

}  // namespace

std::optional<tool_traits> tool_traits_of(const platform_properties& platform, const command_plan& plan) {
  if (value_of(platform, "persistentWorkerKey").empty() || plan.at_root) return std::nullopt;
  if (plan.arguments.size() < 2 || !is_flag_file(plan.arguments.back())) return std::nullopt;
  tool_traits traits;
  for (std::string_view name : {"persistentWorkerProtocol", "requires-worker-protocol"}) {
    const auto value = value_of(platform, name);
    if (value == "json")
      traits.protocol = work_protocol::json;
    else if (!value.empty() && value != "proto")
      return std::nullopt;
  }
  // Without a folder for each, requests at the same time would see one another's inputs.
  traits.multiplex =
      is_set(platform, "supports-multiplex-workers") && is_set(platform, "supports-multiplex-sandboxing");
  traits.cancels = is_set(platform, "supports-worker-cancellation");
  return traits;
}

expected<std::shared_ptr<const tool_call>> read_tool_call(disk& on, const tool_traits& traits,
                                                          const action_spec& action, const command_plan& plan,
                                                          std::shared_ptr<input_tree> inputs) {
  const bool marked =
      std::any_of(inputs->files.begin(), inputs->files.end(), [](const auto& file) { return file.tool; });
  if (!marked || inputs->files.size() > most_inputs || has_at_top(*inputs, sandboxes)) return nullptr;
  auto call = std::make_shared<tool_call>();
  call->traits = traits;
  call->inputs = std::move(inputs);
  call->tool.push_back(plan.arguments.front());
  expansion request(on, plan, *call->inputs, call->arguments);
  for (std::size_t i = 1; i < plan.arguments.size(); ++i) {
    const auto& argument = plan.arguments[i];
    if (!is_flag_file(argument))
      call->tool.push_back(argument);
    else if (!request.add(argument))
      return nullptr;
  }
  call->tool.emplace_back("--persistent_worker");
  for (const auto& file : call->inputs->files)
    if (file.tool) call->tool_bytes += static_cast<std::uint64_t>(file.blob.size);
  call->key = key_of(action, plan, *call, request);
  return call;
}

}  // namespace kiln
