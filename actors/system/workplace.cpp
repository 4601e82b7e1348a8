#include "actors/system/workplace.hpp"

#include <caf/actor_system.hpp>
#include <caf/send.hpp>

#include "actors/system/token_file.hpp"
#include "actors/worker/remote_scheduler.hpp"

namespace kiln {

namespace {

// In the words of whoever has to mend it.
std::function<void(const error&)> say_why(const std::string& scheduler,
                                          std::function<void(const error&)> refused) {
  if (!refused) return nullptr;
  return [scheduler, refused = std::move(refused)](const error& why) {
    if (why.code() == errc::unimplemented)
      return refused(
          {why.code(), fmt::format("{} takes no workers: it is a cache, or where a scheduler answers "
                                   "its clients; --scheduler names the address where its workers join",
                                   scheduler)});
    if (why.code() == errc::unauthenticated)
      return refused({why.code(), fmt::format("scheduler {}: {}; --worker-token names a copy of its file",
                                              scheduler, why.message())});
    refused(why.in_context(fmt::format("scheduler {}", scheduler)));
  };
}

}  // namespace

workplace::workplace(worker_registry master, bool remote, local_worker worker,
                     std::vector<guarded_actor> guarded)
    : master_(std::move(master)), remote_(remote), worker_(std::move(worker)), guarded_(std::move(guarded)) {
  guarded_.push_back({"worker", caf::actor_cast<caf::strong_actor_ptr>(worker_)});
  if (remote_)
    guarded_.push_back({"session with the scheduler", caf::actor_cast<caf::strong_actor_ptr>(master_)});
}

workplace::~workplace() {
  caf::anon_send_exit(worker_, caf::exit_reason::user_shutdown);
  if (remote_) caf::anon_send_exit(master_, caf::exit_reason::user_shutdown);
}

expected<std::unique_ptr<workplace>> workplace::open(caf::actor_system& system, const environment& env,
                                                     const node_options& options, const store_tree& stores,
                                                     const scheduler_actor& here, const dialer& dial,
                                                     const std::function<void(const error&)>& refused) {
  worker_registry master = here;
  bool remote = !options.scheduler.empty();
  if (remote) {
    auto way = dial(options.scheduler);
    if (!way) return with_context(way.error(), "scheduler {}", options.scheduler);
    auto token = read_token(options.worker_token);
    if (!token)
      return with_context(token.error(), "a worker shows a copy of its scheduler's token (--worker-token)");
    tell_of(*token, options.worker_token, env.log);
    master = spawn_remote_scheduler(system, env, std::move(*way), std::move(token->token),
                                    stores.find(options.worker->cas.name));
  }
  const auto& wanted = *options.worker;
  auto cache = wanted.cache ? stores.find(wanted.cache->name) : store_actor();
  std::vector<guarded_actor> guarded;
  auto watch = [&guarded](const char* name, caf::strong_actor_ptr who) {
    guarded.push_back({name, std::move(who)});
  };
  auto worker = spawn_worker(
      system, wanted,
      {env, stores.find(wanted.cas.name), cache, master, watch, say_why(options.scheduler, refused)});
  if (!worker) {
    if (remote) caf::anon_send_exit(master, caf::exit_reason::user_shutdown);
    return failure(worker.error());
  }
  return std::unique_ptr<workplace>(
      new workplace(std::move(master), remote, std::move(*worker), std::move(guarded)));
}

}  // namespace kiln
