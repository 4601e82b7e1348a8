#pragma once

#include <caf/stateful_actor.hpp>

#include <atomic>
#include <memory>
#include <optional>
#include <utility>

#include "actors/worker/command/after_command.hpp"
#include "actors/worker/command/usage_watch.hpp"
#include "actors/worker/fault_owners.hpp"
#include "actors/worker/inputs/input_tree.hpp"
#include "actors/worker/inputs/materializer.hpp"
#include "actors/worker/outputs/output_collector.hpp"
#include "actors/worker/outputs/output_tap.hpp"
#include "actors/worker/outputs/result_record.hpp"
#include "actors/worker/persistent/persistent_tool.hpp"
#include "actors/worker/running_action.hpp"
#include "actors/worker/trees/tree_building.hpp"
#include "core/base/process_launcher.hpp"

/// What an action's actor knows of it, and its steps: up to the command (running_action.cpp), beside it
/// (running_action_watch.cpp) and after it (running_action_end.cpp); and those of a request to a tool that
/// lives on (running_action_tool.cpp).
namespace kiln::running {

/// What it is waiting for. Answers of stores may come when nobody wants them any more; work on the thread
/// pool and a command are waited for, for they use the action's folder.
enum class phase : std::uint8_t { fetching, preparing, running, collecting, uploading, cleaning };

/// A command on its way, and what looks after it.
struct launched {
  running_process_ptr command;
  std::shared_ptr<usage_watch> usage;
  std::shared_ptr<const control_group> group;
  action_conditions conditions;
};

/// Of an action that is a request to a tool that lives on.
struct tool_use {
  std::shared_ptr<const tool_call> call;
  tool_lease tool;
  persistent_tool::prepared request;
};

struct running_state;
using running_self = running_action_actor::stateful_pointer<running_state>;

struct running_state {
  running_self self = nullptr;
  worker_resources_ptr resources;
  action_owner owner;
  start_action order;

  phase now = phase::fetching;
  std::shared_ptr<std::atomic<bool>> stop = std::make_shared<std::atomic<bool>>(false);
  bool overdue = false;
  bool told = false;       ///< the owner has heard the end, and something lingers
  bool unchecked = false;  ///< the command may have run, and nobody has looked at its inputs since
  std::shared_ptr<const command_plan> plan;
  std::shared_ptr<input_tree> inputs;  ///< that come into its folder
  obtained_tree below;                 ///< or the tree that lies below it
  std::shared_ptr<tool_use> by_tool;   ///< or the tool that has them; null: the command is run as it stands
  bool alone = false;                  ///< as it is to be
  steady_time inputs_wanted{};
  std::uint64_t damages_known = 0;  ///< of files of the cache, when it asked for them
  unsigned fetches = 0;
  std::shared_ptr<action_folder> folder;
  std::shared_ptr<output_tap> tap;  ///< on its streams
  running_process_ptr command;
  std::shared_ptr<usage_watch> usage;
  std::shared_ptr<const control_group> group;
  steady_time handed_over{};  ///< the command, to whoever starts it
  bool began = false;         ///< it has started
  bool watching = false;
  bool looking = false;
  bool file_too_large = false;                       ///< the command was killed for one
  std::optional<std::pair<phase, steady_time>> due;  ///< when what this phase waits for should be over
  std::optional<steady_time> ends_by;                ///< when the command's time is over
  std::optional<steady_time> removal_hangs_at;       ///< when the removal of its folder has taken too long
  error excess;                                      ///< why the command was stopped half-way, if it was
  struct ended {
    expected<process_end> how;
    wall_time at;
  };
  std::optional<ended> command_over;
  action_conditions conditions;
  action_record record;
  std::optional<blob_table> spoken;  ///< what can be told if the outputs are refused
  action_outcome outcome;

  running_action_actor me() const { return caf::actor_cast<running_action_actor>(self); }

  void read_command();
  void take_command(const bytes& content);
  void fetch();
  void prepare();
  void prepare_union();
  std::optional<tool_traits> wanted_tool() const;
  void fetch_for_tool(const tool_traits& traits);
  void read_call(const tool_traits& traits, std::shared_ptr<input_tree> tree);
  void borrow_tool_for(std::shared_ptr<const tool_call> call);
  void run_alone();
  void prepare_request();
  void take_prepared(expected<launched> started);
  void keep_watch();
  void look_around();
  void give_up_start();
  void limit_time();
  void look_at_time();
  void warn_of_removal();
  void take_look(expected<std::optional<error>> found);
  error too_late() const;
  void end_overdue();
  void stop_command();
  void kill_command();
  void expect_end();
  void expect_removal();
  void tell_hanging();
  void on_started(wall_time at);
  void on_ended(ended news);
  void collect(const process_end& how);
  void upload(expected<collected> left);
  void upload_blobs(blob_table blobs);
  void uploaded(expected<void> done);
  void doubt_tool(const error& why);
  void give_up(error why, fault_place from = fault_place::worker);
  void make_room_on_disk();
  bool may_have_damaged() const;
  bool is_fetched_in_vain() const;
  void clean_up();
  void say_over();
};

/// Until the command's processes are gone, its folder must stay, whatever becomes of us: so the listener
/// keeps it, and its control group. The moments are taken there: on a busy machine this actor may hear of
/// them much later.
process_observer listener_of(const running_action_actor& me, running_self self, const clock* time,
                             std::shared_ptr<action_folder> folder,
                             std::shared_ptr<const control_group> group);
/// The actor is to know its folder, whatever is done in it next.
void hand_over(const running_action_actor& me, running_self self, std::shared_ptr<action_folder> folder);
/// Of inputs that came into a folder, as ActionFacts says it.
const char* method_of(const materialised& done);

}  // namespace kiln::running
