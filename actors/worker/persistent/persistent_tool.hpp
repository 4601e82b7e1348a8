#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "actors/worker/persistent/tool_call.hpp"
#include "actors/worker/persistent/tool_channel.hpp"
#include "actors/worker/persistent/tool_folder.hpp"
#include "actors/worker/sandbox/control_groups.hpp"
#include "actors/worker/worker_resources.hpp"
#include "core/base/error.hpp"
#include "core/base/process_launcher.hpp"

namespace blaze::worker {
class WorkRequest;
}

namespace kiln {

/// A process that takes one request after the other, or several at a time: what Bazel calls a persistent
/// worker. It lives in a folder of its own, in a sandbox like any action's. Any thread.
class persistent_tool : public std::enable_shared_from_this<persistent_tool> {
public:
  /// Not started yet: that is for who is lent it first.
  persistent_tool(worker_resources_ptr resources, const tool_traits& traits);
  /// Kills it, if it still runs.
  ~persistent_tool();
  persistent_tool(const persistent_tool&) = delete;
  persistent_tool& operator=(const persistent_tool&) = delete;

  const tool_traits& traits() const noexcept { return traits_; }
  bool started() const noexcept { return started_; }
  /// Whether another request can be made of it.
  bool usable() const noexcept { return started_ && !spoilt_; }
  /// Its end: nobody is lent it any more.
  void spoil() noexcept;

  /// What a request needs beside the tool. `view`: where its inputs are, and its outputs will be.
  struct prepared {
    std::int32_t number = 0;
    std::shared_ptr<const descriptor> view;
    std::shared_ptr<action_folder> place;  ///< the tool's
    bool began = false;                    ///< the tool was started for it
    bool limited = false;
    materialised inputs;
  };
  /// Starts it if need be, and lays out the inputs of a request. Blocks. After an error it is spoilt.
  /// The inputs come by way of `stage`, which the tool cannot reach.
  expected<prepared> prepare(const action_folder& stage, const tool_call& call, const command_plan& plan,
                             const platform_properties& platform, const std::atomic<bool>& stop);

  /// Makes the request. `listener` hears of it as of a process of its own, and after what the tool has to say
  /// was given to `says`; on a thread of the tool's, where it must not block long. What is returned asks to
  /// end by telling the tool that it is not wanted any more, if the tool can be told, and else kills it.
  expected<running_process_ptr> ask(const prepared& request, const tool_call& call, const command_plan& plan,
                                    std::function<expected<void>(std::string_view)> says,
                                    process_observer listener);

  /// Nothing of the request stays in its folder; if that cannot be had, or it has ended, nothing of the tool
  /// does. Blocks.
  expected<void> clear_up(const prepared& request);

private:
  struct pending {
    std::function<expected<void>(std::string_view)> says;
    process_observer listener;
    steady_time since;
    std::shared_ptr<const descriptor> view;
    bool killed = false;     ///< for this one's sake
    bool cancelled = false;  ///< as the tool was told
  };
  class request;

  expected<void> start(const tool_call& call, const command_plan& plan, const platform_properties& platform);
  void on_answer(work_answer said);
  void on_broken(error why);
  void on_gone(expected<process_end> how);
  void kill_for(std::int32_t number) noexcept;
  void cancel(std::int32_t number) noexcept;
  error crash(const expected<process_end>& how);
  std::string last_words() const;

  const worker_resources_ptr resources_;
  const tool_traits traits_;
  std::atomic<bool> started_{false};
  std::atomic<bool> spoilt_{false};
  std::atomic<std::int32_t> last_number_{0};
  std::unique_ptr<tool_folder> folder_;
  std::shared_ptr<const control_group> group_;
  std::unique_ptr<tool_channel> channel_;

  mutable std::mutex mutex_;
  running_process_ptr process_;
  std::map<std::int32_t, pending> pending_;
  error broken_;       ///< why nothing more is heard of it
  error not_begun_;    ///< why it was never there
  bool gone_ = false;  ///< with all that it started
};

}  // namespace kiln
