#include "test/actors/system/simulation.hpp"

#include <fcntl.h>

#include <algorithm>
#include <utility>

#include "build/bazel/remote/execution/v2/remote_execution.pb.h"
#include "core/wire/digests.hpp"
#include "core/wire/message.hpp"
#include "google/bytestream/bytestream.pb.h"

namespace kiln::test {
namespace {

using namespace std::chrono_literals;
namespace v2 = build::bazel::remote::execution::v2;

const std::string batch_update =
    "/build.bazel.remote.execution.v2.ContentAddressableStorage/BatchUpdateBlobs";

// With packs and without.
const std::string packing_node = R"(
stores:
  blobs: {type: filesystem, path: /kiln/blobs, capacity: 64MiB, packed_below: 4KiB, hot_memory: 0B}
  results: {type: filesystem, path: /kiln/results, capacity: 8MiB}
transports: {door: {type: direct, listen: [kiln]}}
serve: {content: blobs, results: results, execution: {}}
worker: {cas: blobs, work_root: /kiln/run, slots: 2, kill_grace: 1s, action_users: none}
)";
const std::string plain_node = R"(
stores:
  blobs: {type: filesystem, path: /kiln/blobs, capacity: 32MiB}
  results: {type: filesystem, path: /kiln/results, capacity: 8MiB}
transports: {door: {type: direct, listen: [kiln]}}
serve: {content: {type: verify, inner: blobs}, results: results, execution: {}}
worker:
  {cas: blobs, work_root: /kiln/run, slots: 2, kill_grace: 1s, action_users: none, inputs: hardlink_trusting_actions}
)";

v2::Digest on_the_wire(const digest& from) {
  v2::Digest to;
  to_wire(from, &to);
  return to;
}

}  // namespace

simulation::simulation(std::uint64_t seed)
    : seed_(seed), chance_(make_seeded_random(seed * 1'000'003)), node_(seed) {
  launcher_.script = [this](const process_plan& plan) { return play(plan); };
  join();
}

void simulation::join() {
  kiln_.join(seed_ % 2 == 0 ? packing_node : plain_node);
}

void simulation::tell(const std::string& what, const std::string& more) {
  ++counts_[what];
  kiln_.system().env().log->info(what, {{"step", more}});
}

void simulation::breach(std::string what) {
  kiln_.system().env().log->error("a breach", {{"what", what}});
  if (breaches_.size() < 20) breaches_.push_back(std::move(what));
}

std::string simulation::fresh_content() {
  constexpr std::uint64_t sizes[] = {1, 100, 3000, 20'000, 100'000};
  std::string content(1 + pick(sizes[pick(std::size(sizes))]), '\0');
  auto bytes = make_seeded_random(chance_->next());
  for (auto& one : content) one = static_cast<char>(bytes->next());
  return content;
}

void simulation::live(int steps) {
  try {
    live_through(steps);
  } catch (const std::exception& fault) {
    // A folder whose first file is lost is refused; whoever has such a disk empties it.
    const bool is_refused =
        std::string_view(fault.what()).find("not in the format") != std::string_view::npos;
    if (trusted_ || !is_refused) return breach(fault.what());
    tell("folders that are refused after lies");
  }
}

void simulation::live_through(int steps) {
  while (steps-- > 0) {
    step();
    switch (pick(4)) {
      case 0:
        kiln_.run();
        break;
      case 1:
        kiln_.pass(std::chrono::milliseconds(pick(1500)));
        break;
      default:
        kiln_.system().run_some(pick(200));
    }
    note_answers();
  }
  come_to_an_end();
}

void simulation::step() {
  const auto which = pick(100);
  if (which < 22) return begin_batch();
  if (which < 38) return begin_stream();
  if (which < 60) return begin_download();
  if (which < 80) return begin_execution();
  if (which < 86) return vanish();
  if (which < 94) return change_faults();
  if (which < 97) return restart();
  cut_the_power();
}

std::shared_ptr<direct_call> simulation::begin_batch(const std::vector<std::string>& contents) {
  v2::BatchUpdateBlobsRequest request;
  for (const auto& content : contents) {
    auto* one = request.add_requests();
    *one->mutable_digest() = on_the_wire(digest_of(content));
    one->set_data(content);
    known_[digest_of(content)] = content;
  }
  return kiln_.begin(batch_update, request);
}

void simulation::begin_batch() {
  auto content = fresh_content();
  tell("batches", digest_of(content).to_string());
  uploads_.push_back({digest_of(content), content, begin_batch({content}), true});
}

void simulation::begin_stream() {
  auto content = fresh_content();
  auto name = digest_of(content);
  tell("streams", name.to_string());
  known_[name] = content;
  auto call = kiln_.begin("/google.bytestream.ByteStream/Write");
  google::bytestream::WriteRequest request;
  request.set_resource_name(fmt::format("uploads/{}/blobs/{}", chance_->next(), name));
  const bool stops_half_way = pick(4) == 0;
  const std::size_t step = 1 + content.size() / (1 + pick(4));
  for (std::size_t at = 0; !request.finish_write(); at += step) {
    if (stops_half_way && at > 0) break;
    request.set_write_offset(static_cast<std::int64_t>(at));
    request.set_data(content.substr(at, step));
    request.set_finish_write(!stops_half_way && at + step >= content.size());
    call->send(serialise(request));
    if (stops_half_way && at + step >= content.size()) break;
  }
  if (!stops_half_way) {
    call->close();
    uploads_.push_back({name, std::move(content), std::move(call)});
    return;
  }
  kiln_.system().run_some(pick(100));
  call->cancel();
}

void simulation::begin_download() {
  if (known_.empty()) return;
  tell("reads");
  auto which = std::next(known_.begin(), static_cast<std::ptrdiff_t>(pick(known_.size())));
  google::bytestream::ReadRequest request;
  request.set_resource_name(fmt::format("blobs/{}", which->first));
  downloads_.push_back({which->first, kiln_.begin("/google.bytestream.ByteStream/Read", request)});
}

void simulation::begin_execution() {
  tell("executions");
  scripted_process script;
  script.takes = std::chrono::milliseconds(pick(3) == 0 ? pick(8000) : pick(300));
  if (pick(5) == 0) script.exit_code = static_cast<int>(1 + pick(100));
  if (pick(10) == 0) script.signal = 9;
  script.never_ends = pick(12) == 0;
  script.is_deaf = pick(2) == 0;
  if (pick(12) == 0) script.not_started = error(errc::resource_exhausted, "no process can be started");
  if (pick(12) == 0) script.lost = error(errc::unavailable, "the process was lost");
  script.says = fresh_content();
  executions_.push_back(prepare(std::move(script), pick(2) == 0));
}

/// A command that says a word.
simulation::execution simulation::prepare(scripted_process script, bool with_input) {
  const auto word = "word-" + std::to_string(++words_);
  script.writes["out"] = made_by(word);
  known_[digest_of(made_by(word))] = made_by(word);
  v2::Directory root;
  if (with_input && !kept_.empty()) {
    auto input = std::next(kept_.begin(), static_cast<std::ptrdiff_t>(pick(kept_.size())));
    auto* file = root.add_files();
    file->set_name("in");
    file->set_is_executable(pick(2) == 0);
    *file->mutable_digest() = on_the_wire(input->first);
    script.looks = [this, expected = input->second, word](disk& files, const descriptor& folder) {
      auto file = files.open_beneath(folder, "in", O_RDONLY, follow::none, 0);
      std::string seen(expected.size() + 1, '\0');
      auto count = file ? read_all(files, *file, seen, 0) : tl::unexpected(file.error());
      if (!count && count.error().number == EIO) return;  // the power was cut
      if (!count || std::string_view(seen).substr(0, *count) != expected)
        breach(word + " had wrong bytes in its input");
    };
  }
  scripts_[word] = std::move(script);
  v2::Command command;
  command.add_arguments("/bin/say");
  command.add_arguments(word);
  command.add_output_paths("out");
  v2::Action action;
  *action.mutable_command_digest() = on_the_wire(digest_of(command.SerializeAsString()));
  *action.mutable_input_root_digest() = on_the_wire(digest_of(root.SerializeAsString()));
  action.mutable_timeout()->set_seconds(5);
  auto call =
      begin_batch({command.SerializeAsString(), root.SerializeAsString(), action.SerializeAsString()});
  return {word, digest_of(action.SerializeAsString()), std::move(call), nullptr};
}

scripted_process simulation::play(const process_plan& plan) {
  tell("processes");
  auto found = plan.arguments.size() == 2 ? scripts_.find(plan.arguments[1]) : scripts_.end();
  if (found == scripts_.end()) {
    breach("a command was started that nobody asked for");
    return {};
  }
  return found->second;
}

void simulation::vanish() {
  auto open = kiln_.open_calls();
  if (open.empty()) return;
  tell("clients that vanish");
  open[pick(open.size())]->cancel();
}

void simulation::restart() {
  tell("restarts");
  kiln_.end(0);
  note_answers();
  try {
    join();
  } catch (const std::exception&) {
    end_faults();
    tell("starts that failed");
    kiln_.run();  // what had begun ends
    join();
  }
}

void simulation::cut_the_power() {
  tell("power cuts");
  note_answers();  // what was said before it counts
  medium_.power_cut(*chance_);
  kiln_.end(0);
  note_answers();
  medium_.power_on();
  end_faults();
  join();
}

void simulation::end_faults() {
  files_.fault = nullptr;
  note_answers();
  // What is used least has left to make room.
  if (std::exchange(is_full_, false)) kept_.clear();
}

void simulation::change_faults() {
  files_.longest_write = pick(3) == 0 ? 1 + pick(3000) : std::numeric_limits<std::size_t>::max();
  if (pick(20) == 0) {
    tell("disks that lie about syncs");
    files_.lies_about_syncs = true;
    trusted_ = false;
  }
  end_faults();
  const auto mode = pick(6);
  tell("changes of faults", std::to_string(mode));
  if (mode >= 4) return;
  is_full_ = mode == 0;
  files_.fault = [this, mode](disk_call which, const std::string&) {
    const bool writes = which == disk_call::write || which == disk_call::make_folder;
    const bool syncs =
        which == disk_call::sync || which == disk_call::sync_data || which == disk_call::sync_all;
    const bool reads = which == disk_call::read || which == disk_call::read_cached;
    if (pick(6) != 0) return 0;
    if (mode == 0 && writes) return ENOSPC;
    if (mode == 1 && reads) return EIO;
    if (mode == 2 && (writes || syncs)) return EIO;
    if (mode == 3 && which != disk_call::read_cached) return EIO;
    return 0;
  };
}

}  // namespace kiln::test
