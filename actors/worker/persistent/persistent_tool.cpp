#include "actors/worker/persistent/persistent_tool.hpp"

#include <fcntl.h>
#include <signal.h>

#include <algorithm>
#include <utility>

#include "actors/worker/fault_owners.hpp"
#include "actors/worker/persistent/work_request.hpp"
#include "actors/worker/sandbox/limits_of_action.hpp"
#include "actors/worker/sandbox/network.hpp"
#include "core/observe/log.hpp"
#include "core/wire/utf8.hpp"

namespace kiln {
namespace {

constexpr std::size_t most_last_words = 2048;
// Of an answer, in memory while it is read. Whoever has more to say is run alone, into a file.
constexpr std::uint64_t most_output = 8U << 20;
constexpr std::uint64_t beside_output = 64U << 10;

process_end end_of(std::int32_t exit_code, duration took, std::shared_ptr<const descriptor> view) {
  process_end end;
  end.exit_code = exit_code;
  end.elapsed = took;
  end.view = std::move(view);
  return end;
}

process_end killed_end(duration took, std::shared_ptr<const descriptor> view) {
  auto end = end_of(128 + SIGKILL, took, std::move(view));
  end.signal = SIGKILL;
  return end;
}

/// Another try runs the command as it stands.
error lost(std::string why) {
  return owned_by(fault_owner::elsewhere, {errc::unavailable, std::move(why)});
}

}  // namespace

/// What an action holds of its request.
class persistent_tool::request final : public running_process {
public:
  request(std::shared_ptr<persistent_tool> tool, std::int32_t number)
      : tool_(std::move(tool)), number_(number) {}
  ~request() override { request::kill(); }

  void kill() noexcept override { tool_->kill_for(number_); }
  void ask_to_end() noexcept override {
    if (tool_->traits_.cancels)
      tool_->cancel(number_);
    else
      tool_->kill_for(number_);
  }

private:
  const std::shared_ptr<persistent_tool> tool_;
  const std::int32_t number_;
};

persistent_tool::persistent_tool(worker_resources_ptr resources, const tool_traits& traits)
    : resources_(std::move(resources)), traits_(traits) {}

persistent_tool::~persistent_tool() = default;

void persistent_tool::spoil() noexcept {
  spoilt_ = true;
  std::lock_guard lock(mutex_);
  if (process_) process_->kill();
}

expected<persistent_tool::prepared> persistent_tool::prepare(const action_folder& stage,
                                                             const tool_call& call, const command_plan& plan,
                                                             const platform_properties& platform,
                                                             const std::atomic<bool>& stop) {
  prepared made;
  made.began = !started_;
  auto done = [&]() -> expected<void> {
    if (made.began) {
      auto folder = resources_->root->make_action_folder();
      if (!folder) return failure(std::move(folder).error());
      folder_ = std::make_unique<tool_folder>(std::move(*folder));
      auto own = folder_->lay_out_tool(*call.inputs, plan, traits_.multiplex, stop);
      if (!own) return failure(std::move(own).error());
      made.inputs = *own;
    }
    made.place = folder_->place();
    if (traits_.multiplex) {
      made.number = ++last_number_;
      auto view = folder_->lay_out_sandbox(stage, made.number, *call.inputs, plan, stop);
      if (!view) return failure(std::move(view).error());
      made.view = std::move(*view);
    } else {
      auto rest = folder_->lay_out_request(stage, *call.inputs, plan, stop);
      if (!rest) return failure(std::move(rest).error());
      made.inputs += *rest;
      made.view = {made.place, &made.place->root()};
    }
    return made.began ? start(call, plan, platform) : expected<void>();
  }();
  if (done) {
    made.limited = group_ != nullptr;
    return made;
  }
  spoil();
  return failure(std::move(done).error());
}

expected<void> persistent_tool::start(const tool_call& call, const command_plan& plan,
                                      const platform_properties& platform) {
  auto group =
      take_group(resources_->groups.get(), resources_->limits, resources_->options.sandbox, platform);
  if (!group) return failure(std::move(group).error());
  group_ = std::move(*group);
  const auto me = weak_from_this();
  tool_channel::ends ends;
  auto channel = tool_channel::open(
      *resources_->env.pools, traits_.protocol,
      std::min(resources_->options.max_stream_size.bytes, most_output) + beside_output, ends,
      {[me](work_answer said) {
         if (auto tool = me.lock()) tool->on_answer(std::move(said));
       },
       [me](error why) {
         if (auto tool = me.lock()) tool->on_broken(std::move(why));
       }});
  if (!channel) return failure(std::move(channel).error());
  channel_ = std::move(*channel);

  auto& place = *folder_->place();
  // Whoever opens its standard streams by name may.
  for (const auto* end : {&ends.in, &ends.out})
    if (auto given = place.on().set_owner(*end, place.user()); !given)
      return failure(fault_of(purpose::own_folder, given.error().number, "giving a pipe to a tool"));
  auto where =
      place.on().open_beneath(place.root(), plan.working_directory, O_PATH | O_DIRECTORY, follow::none);
  if (!where)
    return fail(errc::invalid_argument, "the working directory \"{}\" is not in the input tree",
                plan.working_directory);
  process_plan tool = plan;
  tool.arguments = call.tool;
  const auto* sandbox = resources_->sandbox.get();
  // The folder and the group stay until its processes are gone, whatever becomes of us. What is to be read of
  // them then takes more time than the launcher has.
  auto ended = [me, folder = folder_->place(), group = group_,
                pool = resources_->pool](expected<process_end> how) {
    auto tell = [me, folder, how] {
      if (auto tool = me.lock()) tool->on_gone(how);
    };
    if (!pool->post(tell)) tell();
  };
  process_observer listener{[] {}, std::move(ended)};
  auto begun = resources_->processes->start(
      tool,
      {sandbox != nullptr ? place.root() : *where, ends.out, place.err(), place.user(), sandbox,
       plan.working_directory, has_network(resources_->options.sandbox.network, platform), false,
       group_ ? &group_->where() : nullptr, nullptr, &ends.in},
      std::move(listener));
  if (!begun) return failure(std::move(begun).error());
  std::lock_guard lock(mutex_);
  process_ = std::move(*begun);
  started_ = true;
  return {};
}

expected<running_process_ptr> persistent_tool::ask(const prepared& request, const tool_call& call,
                                                   const command_plan& plan,
                                                   std::function<expected<void>(std::string_view)> says,
                                                   process_observer listener) {
  auto text = encode_request(traits_.protocol, work_request_of(call, plan, request.number));
  if (!text) {
    spoil();
    return failure(lost("a persistent worker could not be asked: " + text.error().message()));
  }
  auto started = listener.started;
  {
    std::lock_guard lock(mutex_);
    if (!not_begun_.ok()) return failure(not_begun_);
    if (gone_ || !broken_.ok()) return failure(lost("the persistent worker ended before it could be asked"));
    pending_.emplace(request.number, pending{std::move(says), std::move(listener),
                                             resources_->env.time->now(), request.view});
  }
  auto handle = std::make_unique<persistent_tool::request>(shared_from_this(), request.number);
  if (auto written = channel_->write(std::move(*text)); !written) {
    spoil();  // its end is heard of
    return handle;
  }
  if (started) started();
  return handle;
}

void persistent_tool::on_answer(work_answer said) {
  pending one;
  {
    std::lock_guard lock(mutex_);
    auto found = pending_.find(said.request);
    if (found != pending_.end()) {
      // Its processes are being killed, and its end is told when they are gone.
      if (found->second.killed) return;
      one = std::move(found->second);
      pending_.erase(found);
    }
  }
  if (!one.listener.ended)
    return on_broken(
        {errc::invalid_argument, fmt::format("it answered request {}, which nobody has made", said.request)});
  const auto took = resources_->env.time->now() - one.since;
  if (said.was_cancelled && !one.cancelled) {
    spoil();
    return one.listener.ended(
        failure(lost("the persistent worker calls a request cancelled that nobody has cancelled")));
  }
  // What others have left in it may have been in the way. Alone it has the limit for itself, and says so.
  if (said.exit_code != 0 && group_)
    if (auto limit = group_->met()) {
      spoil();
      return one.listener.ended(failure(lost("the persistent worker met " + *limit)));
    }
  if (auto kept = one.says(said.output); !kept) return one.listener.ended(failure(std::move(kept).error()));
  one.listener.ended(end_of(said.exit_code, took, std::move(one.view)));
}

/// Whoever waits hears of it when its processes are gone.
void persistent_tool::on_broken(error why) {
  {
    std::lock_guard lock(mutex_);
    if (broken_.ok()) broken_ = std::move(why);
  }
  spoil();
}

void persistent_tool::on_gone(expected<process_end> how) {
  spoilt_ = true;
  std::map<std::int32_t, pending> left;
  {
    std::lock_guard lock(mutex_);
    gone_ = true;
    if (!how) not_begun_ = how.error();
    left.swap(pending_);
  }
  if (left.empty()) return;
  const bool for_one =
      std::any_of(left.begin(), left.end(), [](const auto& one) { return one.second.killed; });
  const auto why = for_one ? lost("the persistent worker was ended for another request of its") : crash(how);
  for (auto& [number, one] : left) {
    if (one.killed)
      one.listener.ended(killed_end(resources_->env.time->now() - one.since, one.view));
    else
      one.listener.ended(failure(why));
  }
}

void persistent_tool::kill_for(std::int32_t number) noexcept {
  std::lock_guard lock(mutex_);
  auto found = pending_.find(number);
  if (found == pending_.end()) return;
  found->second.killed = true;
  spoilt_ = true;
  if (process_) process_->kill();
}

void persistent_tool::cancel(std::int32_t number) noexcept {
  {
    std::lock_guard lock(mutex_);
    auto found = pending_.find(number);
    if (found == pending_.end()) return;  // it was answered meanwhile
    found->second.cancelled = true;
  }
  auto text = encode_request(traits_.protocol, cancellation_of(number));
  if (!text || !channel_->write(std::move(*text))) kill_for(number);
}

/// What its end is to those who waited for an answer.
error persistent_tool::crash(const expected<process_end>& how) {
  error why;
  {
    std::lock_guard lock(mutex_);
    why = broken_;
  }
  // What could not be executed is no crash.
  if (!how) return how.error();
  if (group_)
    if (auto limit = group_->met()) return lost("the persistent worker met " + *limit);
  auto text = why.ok() || how->signal != SIGKILL
                  ? fmt::format("the persistent worker ended with {} {} and no answer",
                                how->signal != 0 ? "signal" : "exit code",
                                how->signal != 0 ? how->signal : how->exit_code)
                  : fmt::format("the persistent worker was stopped: {}", why.message());
  if (auto words = last_words(); !words.empty()) text += "; its standard error ends with: " + words;
  return lost(std::move(text));
}

std::string persistent_tool::last_words() const {
  auto& place = *folder_->place();
  auto facts = place.on().facts(place.err());
  if (!facts || facts->size == 0) return {};
  std::string text(std::min<std::uint64_t>(facts->size, most_last_words), '\0');
  auto got = read_all(place.on(), place.err(), text, facts->size - text.size());
  text.resize(got.value_or(0));
  return escaped(text, most_last_words);
}

expected<void> persistent_tool::clear_up(const prepared& request) {
  if (!spoilt_) {
    auto cleared = traits_.multiplex ? folder_->clear_sandbox(request.number) : folder_->clear();
    if (cleared) return {};
    if (resources_->env.log)
      resources_->env.log->warn("a persistent worker is ended: its folder cannot be cleared",
                                {{"error", cleared.error()}});
    spoil();
  }
  std::unique_lock lock(mutex_);
  const bool gone = gone_ && pending_.empty();
  lock.unlock();
  // What lives yet is removed with its folder by whoever holds that last.
  return gone ? request.place->remove() : expected<void>();
}

}  // namespace kiln
