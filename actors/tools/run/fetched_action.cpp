#include "actors/tools/run/fetched_action.hpp"

#include <build/bazel/remote/execution/v2/remote_execution.pb.h>

#include <algorithm>
#include <deque>
#include <utility>

#include "actors/worker/inputs/private_copy.hpp"
#include "actors/worker/inputs/unfolding.hpp"
#include "core/wire/digests.hpp"
#include "core/wire/message_limits.hpp"
#include "core/wire/times.hpp"

namespace kiln::rehearsal {
namespace {

namespace v2 = build::bazel::remote::execution::v2;

constexpr const char* next_step = "build it again, for then its client uploads what is missing";

error in_words(const error& why, std::string_view what, const digest& blob) {
  if (why.code() == errc::not_found)
    return {why.code(), fmt::format("{} {} is not in the server's cache; {}", what, blob, next_step)};
  return why.in_context(fmt::format("{} {}", what, blob));
}

template <class Message>
expected<Message> read_message(remote_blobs& from, const message_limit& limit, std::string_view what,
                               const digest& blob) {
  if (auto fine = check_size(limit, blob); !fine) return failure(std::move(fine).error());
  auto content = from.read(blob);
  if (!content) return failure(in_words(content.error(), what, blob));
  auto message = parse<Message>(byte_chain(*content));
  if (!message) return with_context(message.error(), "{} {} is none", what, blob);
  return message;
}

platform_properties platform_of(const v2::Action& action, const v2::Command& command) {
  platform_properties all;
  const auto& said = action.has_platform() ? action.platform() : command.platform();
  for (const auto& one : said.properties()) all.emplace_back(one.name(), one.value());
  return all;
}

expected<walked_tree> walk_inputs(remote_blobs& from, const digest& root, const worker_options& options) {
  merkle_walk walk(root.function, input_rules(options));
  if (auto added = walk.add_root(root); !added) return failure(std::move(added).error());
  for (auto batch = walk.next_batch(); !batch.empty(); batch = walk.next_batch()) {
    auto contents = from.read_all(batch.names);
    for (std::size_t i = 0; i < contents.size(); ++i)
      if (auto taken = walk.take(batch.places[i], contents[i]); !taken) return failure(taken.error());
  }
  if (const auto& missing = walk.missing(); !missing.empty())
    return fail(errc::not_found, "input folder {} is not in the server's cache{}; {}", missing.front(),
                missing.size() > 1 ? fmt::format(", nor are {} others", missing.size() - 1) : "", next_step);
  if (auto fine = check_links(walk.tree(), options); !fine) return failure(std::move(fine).error());
  return walk.finish();
}

std::string path_of(const input_tree& inputs, const wanted_input& which) {
  for (const auto& file : inputs.files)
    if (!is_empty_blob(file.blob) && inputs.wanted(file) == which)
      return join_path(inputs.folders[file.in].path, file.name);
  return {};
}

using lent = expected<lent_input_ptr>;

struct coming_file {
  wanted_input which;
  std::future<lent> content;
};

coming_file begin_fetching(const remote_blobs& from, const wanted_input& which,
                           const std::shared_ptr<work_root>& root, const std::shared_ptr<thread_pool>& pool) {
  auto said = std::make_shared<std::promise<lent>>();
  coming_file file{which, said->get_future()};
  make_private_copy(root, pool, which, from.from().open(which.blob),
                    [said](lent copy) { said->set_value(std::move(copy)); });
  return file;
}

}  // namespace

expected<fetched_action> fetch_action(remote_blobs& from, const digest& which,
                                      const worker_options& options) {
  auto action = read_message<v2::Action>(from, largest::action, "action", which);
  if (!action) return failure(std::move(action).error());
  auto command_digest = from_wire(action->command_digest(), which.function);
  if (!command_digest)
    return with_context(command_digest.error(), "the command's digest in action {}", which);
  auto root = from_wire(action->input_root_digest(), which.function);
  if (!root) return with_context(root.error(), "the input root's digest in action {}", which);
  auto timeout = from_wire(action->timeout());
  if (!timeout) return with_context(timeout.error(), "the timeout of action {}", which);
  auto command = read_message<v2::Command>(from, largest::command, "command", *command_digest);
  if (!command) return failure(std::move(command).error());
  auto plan = plan_command(*command, *timeout, options);
  if (!plan) return failure(std::move(plan).error());
  auto tree = walk_inputs(from, *root, options);
  if (!tree) return failure(std::move(tree).error());
  auto inputs = unfold(*tree, options, false);
  if (!inputs) return failure(std::move(inputs).error());
  return fetched_action{std::move(*plan), platform_of(*action, *command), std::move(*inputs)};
}

expected<void> fetch_files(remote_blobs& from, input_tree& inputs, const std::shared_ptr<work_root>& root,
                           const std::shared_ptr<thread_pool>& pool) {
  std::deque<coming_file> coming;
  error why;
  std::size_t failed = 0;
  // What is missing is told as a whole, so the first that is does not end it.
  auto take_first = [&]() -> expected<void> {
    auto file = from.signals().until(coming.front().content);
    const auto which = coming.front().which;
    coming.pop_front();
    if (file) {
      inputs.lent[which] = std::move(*file);
    } else if (file.error().code() == errc::cancelled) {
      return failure(std::move(file).error());
    } else if (failed++ == 0) {
      why = in_words(file.error(), fmt::format("input file \"{}\"", path_of(inputs, which)), which.blob);
    }
    return {};
  };
  std::vector<wanted_input> wanted;
  for (const auto& [which, nobody] : inputs.lent) wanted.push_back(which);
  for (const auto& which : wanted) {
    if (coming.size() == remote_blobs::at_once)
      if (auto taken = take_first(); !taken) return taken;
    coming.push_back(begin_fetching(from, which, root, pool));
  }
  while (!coming.empty())
    if (auto taken = take_first(); !taken) return taken;
  if (failed == 0) return {};
  if (failed > 1) return fail(why.code(), "{} ({} more input files failed)", why.message(), failed - 1);
  return failure(std::move(why));
}

}  // namespace kiln::rehearsal
