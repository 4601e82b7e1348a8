#include "test/actors/worker/worker_bench.hpp"

#include <caf/atom.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <chrono>
#include <fstream>
#include <stdexcept>

#include "core/config/document.hpp"
#include "core/plugin/loader.hpp"
#include "core/wire/digests.hpp"
#include "core/wire/message.hpp"
#include "test/places.hpp"

namespace kiln::test {
namespace {

using namespace std::chrono_literals;

// Longer than anything here takes on the slowest machine: it only ends tests that would hang.
constexpr auto patience = 60s;

caf::actor_system_config& two_threads(caf::actor_system_config& config) {
  config.set("scheduler.policy", caf::atom("sharing"));
  config.set("scheduler.max-threads", 2U);
  return config;
}

store_actor spawn_store(caf::actor_system& system, const environment& env, const std::string& name,
                        const std::string& yaml) {
  static const plugin_registry plugins = [] {
    plugin_registry loaded;
    if (auto good = loaded.load_folder(KILN_PLUGIN_FOLDER); !good)
      throw std::runtime_error(good.error().message());
    return loaded;
  }();
  auto document = parse_document(yaml, "test.yaml");
  faults collected = document->diagnostics();
  store_refs references;
  auto read = read_kind(name, document->root(), plugins.store_schemas(), collected, references);
  if (auto good = collected.as_result(); !good) throw std::runtime_error(good.error().message());
  store_context context{system, env, name, store_role::content, {}, {}};
  auto store = plugins.store(read.type)->spawn(read.options, context);
  if (!store) throw std::runtime_error(store.error().message());
  return *store;
}

}  // namespace

scripted_master::scripted_master(caf::actor_system& system) {
  auto notes = notes_;
  auto keep = [notes](auto which, auto news) {
    std::lock_guard lock(notes->mutex);
    ((*notes).*which).push_back(std::move(news));
    notes->changed.notify_all();
  };
  actor_ = system.spawn([notes, keep]() -> worker_registry::behavior_type {
    return {
        [notes, keep](const register_worker& order) -> caf::result<worker_welcome> {
          {
            std::lock_guard lock(notes->mutex);
            if (notes->refusals > 0) {
              --notes->refusals;
              return to_caf(error(errc::unavailable, "not now"));
            }
            ++notes->admitted;
          }
          keep(&notebook::registered, order);
          return worker_welcome{"worker-" + std::to_string(notes->admitted), 20ms};
        },
        [keep](const worker_heartbeat& news) { keep(&notebook::beats, news); },
        [keep](const action_started& news) { keep(&notebook::started, news); },
        [keep](const action_finished& news) { keep(&notebook::finished, news); },
        [keep](const worker_slots& news) { keep(&notebook::slots, news); },
        [notes](const worker_leaving&) {
          std::lock_guard lock(notes->mutex);
          ++notes->left;
          notes->changed.notify_all();
        },
    };
  });
}

template <class News>
News scripted_master::next(std::deque<News> notebook::*which, const char* what) {
  std::unique_lock lock(notes_->mutex);
  auto& queue = (*notes_).*which;
  if (!notes_->changed.wait_for(lock, patience, [&] { return !queue.empty(); }))
    throw std::runtime_error(std::string("waited in vain for ") + what);
  News news = std::move(queue.front());
  queue.pop_front();
  return news;
}

register_worker scripted_master::next_registered() {
  return next(&notebook::registered, "a worker");
}
action_started scripted_master::next_started() {
  return next(&notebook::started, "an action to start");
}
action_finished scripted_master::next_finished() {
  return next(&notebook::finished, "an action to end");
}
worker_heartbeat scripted_master::next_beat() {
  return next(&notebook::beats, "a heartbeat");
}

worker_slots scripted_master::next_slots() {
  return next(&notebook::slots, "news of slots");
}

void scripted_master::wait_until_left() {
  std::unique_lock lock(notes_->mutex);
  if (!notes_->changed.wait_for(lock, patience, [&] { return notes_->left > 0; }))
    throw std::runtime_error("waited in vain for the worker to leave");
}

void scripted_master::refuse_next() {
  std::lock_guard lock(notes_->mutex);
  ++notes_->refusals;
}

worker_bench::worker_bench(adjust change, bool with_worker)
    : log(
          [this](std::string_view line) {
            std::lock_guard lock(log_mutex);
            lines.emplace_back(line);
            return true;
          },
          system_clock()),
      system(two_threads(config)),
      master(system),
      cas(spawn_store(system, env, "cas", "{type: memory, capacity: 256MiB}")) {
  auto document = parse_document("{work_root: /nowhere, cas: cas}", "test.yaml");
  faults collected = document->diagnostics();
  store_refs references;
  if (!worker_schema().read(document->root(), options, collected, references))
    throw std::runtime_error("the defaults of the worker's options are no good");
  stores_.push_back(cas);
  options.name = "bench";
  options.sandbox.level = sandbox_level::folder;  // tests meet their actions at paths of the machine
  options.slots = 2;
  options.removal_wait = patience;  // whoever hears of an end looks at what is left
  options.work_root = (folder / "work").string();
  if (change) change(options);
  if (with_worker) hire();
}

worker_bench::~worker_bench() {
  fire();
  caf::anon_send_exit(master.actor(), caf::exit_reason::user_shutdown);
  for (const auto& store : stores_) caf::anon_send_exit(store, caf::exit_reason::user_shutdown);
}

store_actor worker_bench::spawn_filesystem_store() {
  auto path = (folder / "cache").string();
  stores_.push_back(spawn_store(
      system, env, "cache", "{type: filesystem, path: " + path + ", capacity: 1GiB, durability: relaxed}"));
  return stores_.back();
}

void worker_bench::overwrite_cached(const std::string& content, const std::string& with) {
  auto hex = digest_of(content).hex();
  bool found = false;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder / "cache")) {
    if (!entry.is_regular_file() || entry.path().string().find(hex.substr(4)) == std::string::npos) continue;
    std::filesystem::permissions(entry.path(), std::filesystem::perms::owner_all);
    std::ofstream(entry.path()) << with;
    std::filesystem::permissions(entry.path(), std::filesystem::perms(0555));
    found = true;
  }
  if (!found) throw std::runtime_error("the cache has no such file");
}

void worker_bench::hire(store_actor cache) {
  env.processes = processes.get();
  auto spawned = spawn_worker(system, options, {env, cas, std::move(cache), master.actor(), nullptr});
  if (!spawned) throw std::runtime_error(spawned.error().to_string());
  worker = *spawned;
}

void worker_bench::fire() {
  if (worker) caf::anon_send_exit(worker, caf::exit_reason::user_shutdown);
  worker = local_worker();
}

digest worker_bench::put(const std::string& content) {
  auto name = digest_of(content);
  auto written = ask<receipts>(system, cas, write_blobs{{{name, bytes::copy_of(content)}}});
  if (!written || !written->results.at(0)) throw std::runtime_error("a blob could not be put into the store");
  return name;
}

digest worker_bench::put(const google::protobuf::MessageLite& message) {
  return put(std::string(serialise(message).view()));
}

std::optional<std::string> worker_bench::get(const digest& blob) {
  auto read = ask<blob_batch>(system, cas, read_blobs{{blob}});
  if (!read || !read->results.at(0)) return std::nullopt;
  return std::string(read->results[0]->view());
}

std::string worker_bench::get(const v2::Digest& blob) {
  auto name = from_wire(blob, digest_function::sha256);
  if (!name) throw std::runtime_error("a result names no digest: " + name.error().message());
  auto content = get(*name);
  if (!content) throw std::runtime_error("a result names a blob that is not there");
  return *content;
}

bool worker_bench::has(const digest& blob) {
  return get(blob).has_value();
}

v2::Command worker_bench::shell(const std::string& script) {
  v2::Command command;
  command.add_arguments("/bin/sh");
  command.add_arguments("-c");
  command.add_arguments(script);
  return command;
}

action_spec worker_bench::spec(const v2::Command& command, const v2::Directory& root) {
  action_spec action;
  action.command_digest = put(command);
  action.command = serialise(command);
  action.input_root = put(root);
  action.action = digest_of("action " + std::to_string(++operations_));
  return action;
}

std::string worker_bench::start(action_spec action, std::uint64_t attempt) {
  auto name = "operation-" + action.action.hex().substr(0, 8);
  caf::anon_send(worker, start_action{name, attempt, std::move(action)});
  return name;
}

action_outcome worker_bench::run(action_spec action) {
  auto name = start(std::move(action));
  auto finished = master.next_finished();
  if (finished.operation != name) throw std::runtime_error("another action has ended");
  return finished.outcome;
}

action_outcome worker_bench::run(const v2::Command& command, const v2::Directory& root) {
  return run(spec(command, root));
}

v2::ActionResult worker_bench::result_of(const action_outcome& outcome) {
  auto result = parse<v2::ActionResult>(byte_chain(outcome.result));
  if (!result) throw std::runtime_error("no ActionResult: " + result.error().message());
  return *result;
}

std::string worker_bench::out_of(const action_outcome& outcome) {
  auto result = result_of(outcome);
  return result.has_stdout_digest() ? get(result.stdout_digest()) : "";
}

void worker_bench::add_file(v2::Directory& to, const std::string& name, const std::string& content,
                            bool executable) {
  auto* file = to.add_files();
  file->set_name(name);
  file->set_is_executable(executable);
  to_wire(put(content), file->mutable_digest());
}

std::vector<std::string> worker_bench::leftovers() const {
  namespace fs = std::filesystem;
  std::vector<std::string> names;
  // What is being removed meanwhile is not left.
  std::error_code gone;
  for (const auto& home : fs::directory_iterator(options.work_root + "/actions", gone))
    for (fs::recursive_directory_iterator at(home, gone), end; at != end; at.increment(gone)) {
      const auto name = at->path().lexically_relative(home).string();
      const bool made_for_all = name == "root" || name == "stdout" || name == "stderr" || name == "work";
      std::error_code fault;
      const bool is_written = at->is_regular_file(fault) && at->file_size(fault) > 0 && !fault;
      if (!made_for_all || is_written) names.push_back(name);
    }
  return names;
}

std::vector<std::string> worker_bench::log_lines() const {
  const_cast<logger&>(log).flush(patience);
  std::lock_guard lock(const_cast<std::mutex&>(log_mutex));
  return lines;
}

}  // namespace kiln::test
