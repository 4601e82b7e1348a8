#include "actors/worker/worker_options.hpp"

#include <limits.h>

#include "actors/worker/command/action_users.hpp"
#include "core/merkle/paths.hpp"

namespace kiln {

namespace {

bool is_plain_absolute(const std::string& path) {
  return path.size() > 1 && path.front() == '/' && path.size() < PATH_MAX &&
         resolve_path("", path.substr(1)) && *resolve_path("", path.substr(1)) == path.substr(1);
}

schema<sandbox_options> sandbox_schema() {
  using namespace config_literals;
  using options = sandbox_options;
  return schema<options>{"What keeps an action from the machine, from Kiln and from other actions."}
      .choice("level", &options::level,
              {{"folder", sandbox_level::folder},
               {"namespaces", sandbox_level::namespaces},
               {"auto", sandbox_level::automatic}},
              "folder: an action has a folder, limits and processes of its own, and sees the machine as its "
              "user does. "
              "namespaces: it sees of the machine only /usr, /bin, /sbin, /lib* and /etc, read-only; no "
              "process but its "
              "own; a /tmp, /dev and /proc of its own; and its input root, which it finds at /build. auto: "
              "namespaces "
              "where the kernel lets Kiln make them, else folder.")
      .choice("network", &options::network,
              {{"off", sandbox_network::off},
               {"by_property", sandbox_network::by_property},
               {"on", sandbox_network::on}},
              "Whether an action in namespaces has the machine's network; else it has a loopback of its own. "
              "by_property: "
              "one whose platform has network=on. The worker offers what it gives under that name.")
      .field("read_only_paths", &options::shown,
             "More of the machine that an action in namespaces may read, like /opt/java: absolute paths.")
      .field("scratch_size", &options::scratch_size,
             "Bytes that an action in namespaces may have in its /tmp, which is memory, and as many in its "
             "/dev/shm.",
             at_least(1_MiB))
      .choice("changes", &options::changes,
              {{"disk", changes_place::disk}, {"memory", changes_place::memory}},
              "Where the files lie that an action over a kept input tree makes and changes, its outputs "
              "among them. "
              "memory: faster, and no more than scratch_size of them; what needs more finds the disk full.")
      .field("memory", &options::memory,
             "Bytes of memory that all processes of an action in namespaces may have at once, with what it "
             "has in its "
             "/tmp; where the kernel's control groups (cgroups) are Kiln's to use. One that needs more loses "
             "a process, "
             "and its result says why. auto: nine tenths of what Kiln itself may have.",
             at_least(16_MiB), or_word("auto"))
      .field("processes", &options::processes,
             "Processes and threads that an action in namespaces may have at once, by the same means.",
             at_least(16U))
      .field("cpus", &options::cpus,
             "Processors' worth of time that an action in namespaces may take, by the same means.",
             at_least(1U), or_word("all"))
      .check([](const options& wanted) -> expected<void> {
        for (const auto& path : wanted.shown) {
          if (!is_plain_absolute(path))
            return fail(errc::invalid_argument,
                        "read_only_paths: \"{}\" is not an absolute path without . and .. in it", path);
          for (std::string_view above : {"/tmp", "/var", "/var/tmp", "/run"})
            if (path == above)
              return fail(
                  errc::invalid_argument,
                  "read_only_paths: {} would hide what every action has there of its own; name folders in it",
                  path);
          for (std::string_view own : {"/build", "/dev", "/proc"})
            if (path.starts_with(own) && (path.size() == own.size() || path[own.size()] == '/'))
              return fail(errc::invalid_argument,
                          "read_only_paths: {} lies in {}, which every action has of its own", path, own);
        }
        return {};
      });
}

schema<persistent_options> persistent_schema() {
  using namespace std::chrono_literals;
  using namespace config_literals;
  using options = persistent_options;
  return schema<options>{
      "Tools that live on after an action, for the next that has the same one: Bazel's persistent workers."}
      .field(
          "number", &options::number,
          "At once, of all kinds. An action is a request to one if its platform has a persistentWorkerKey, "
          "its last arguments are flag files, and its client has marked the tool's inputs, as Bazel does "
          "with "
          "--experimental_remote_mark_tool_inputs. Who may run actions can then harm what later actions with "
          "the same tool make, as inside one process nothing keeps them apart. auto: as many as there are "
          "slots. 0: such an action is run as it stands.",
          at_most(65536U), or_word("auto"))
      .field("max_uses", &options::uses, "Requests that one of them serves before it is started anew.",
             at_least(1U))
      .field("max_idle", &options::idle, "How long one waits for its next request.", at_least(duration(1ms)),
             at_most(duration(24h)))
      .field(
          "max_inputs", &options::inputs,
          "Bytes of the tools' own inputs, all of them together; they stay on the disk as long as the tools "
          "live.");
}

}  // namespace

schema<worker_options> worker_schema() {
  using namespace std::chrono_literals;
  using namespace config_literals;
  using options = worker_options;
  return schema<options>{
      "Runs actions. Inputs come from a store, outputs go there before the end is reported."}
      .field("name", &options::name,
             "Unique among the workers of a scheduler; by default the host's name and something random.",
             at_most(255))
      .field("slots", &options::slots,
             "Actions at once; auto is two for each processor that the worker's cgroup allows, so that some "
             "fetch "
             "and upload while others run.",
             at_least(1U), at_most(65536U), or_word("auto"))
      .field("properties", &options::properties,
             "What the worker offers: names of platform properties, each with its values. OSFamily, ISA and "
             "Arch are offered by themselves, as the machine is, and the amounts cpu, in processors, and "
             "memory, in bytes, as the worker's cgroup limits them; a name given here, even without a value, "
             "replaces that.")
      .required(
          "work_root", &options::work_root,
          "The folder in which actions run. It should be on the file system of the cache, so that inputs "
          "can be hard links. What lies there is removed at the start, but for input trees that are kept.",
          own_folder{}, at_most(PATH_MAX - 1))
      .store("cas", &options::cas, "Where inputs are read and outputs written.")
      .store("cache", &options::cache,
             "A store that lends files, near the worker: inputs are kept there. Left out, `cas` is asked to "
             "lend, and what it does not lend is copied for each action that runs.")
      .choice(
          "inputs", &options::inputs,
          {{"auto", input_mode::safe},
           {"hardlink_trusting_actions", input_mode::trusted_links},
           {"copy", input_mode::copy}},
          "How input files come into an action's folder. copy: as copies that the action may change, which "
          "share their blocks with the cache where the file system can. auto: as read-only links to the "
          "cache's files where actions run as users of their own, who cannot change them, else as copies. "
          "hardlink_trusting_actions: as links in any case; whoever may run an action here can then change "
          "what all clients read, and is trusted not to.")
      .field(
          "action_users", &options::action_users,
          "Who actions run as. A range of user numbers, 200000-200999: each action as one that no other has "
          "at the same time, without any group or right of Kiln's user; Kiln must be root, and others must "
          "be "
          "able to pass through the folders that work_root lies in. auto: the same with numbers that are "
          "free on common systems, where Kiln may; else, and with none, as Kiln's own user.")
      .section("sandbox", &options::sandbox, sandbox_schema(), "What an action sees of the machine.")
      .section("persistent_workers", &options::persistent, persistent_schema(),
               "Tools that live on after an action.")
      .field(
          "kept_inputs", &options::kept_inputs,
          "Bytes of inputs held ready after their action for the next that wants them; they cannot leave the "
          "cache meanwhile, and are never more than a quarter of it.")
      .field("kept_trees", &options::kept_trees,
             "Bytes of files in input trees that are kept laid out in work_root, also over a restart, for "
             "the next "
             "action that has the same inputs, or nearly the same. An action in namespaces sees its own "
             "union of one "
             "with what it changes (overlayfs), whatever `inputs` says but for copy. Never more than a "
             "quarter of "
             "the cache. 0: none are kept, and inputs come into each action's folder.")
      .field("absolute_symlinks", &options::absolute_symlinks,
             "Whether inputs and outputs may be symbolic links to absolute paths.")
      .choice("absolute_output_symlinks", &options::absolute_output_symlinks,
              {{"keep", absolute_output::keep},
               {"resolve", absolute_output::resolve},
               {"refuse", absolute_output::refuse}},
              "What becomes of outputs that are symbolic links to absolute paths, at the top or in a folder. "
              "keep: they are told as they are, if absolute_symlinks allows them. resolve: one that leads "
              "into the input root, as the action sees it, is told as the relative link to the same place; "
              "any other fails the action. refuse: all of them fail the action.")
      .field("default_path", &options::default_path, "PATH of actions that bring none of their own.")
      .field(
          "max_timeout", &options::max_timeout,
          "The longest timeout of actions that are given to this worker; the scheduler keeps longer ones for "
          "others. What clients may ask for, and what holds where they ask for nothing, is "
          "`serve.execution`; where that is in the same process, its max_timeout is the default here.",
          at_least(duration(1s)))
      .field("kill_grace", &options::kill_grace,
             "How long an action whose time is over has between SIGTERM and SIGKILL.",
             at_most(duration(10min)))
      .field("hang_after", &options::hang_after,
             "How long a killed process or the removal of a folder may take. Then the client is told the "
             "action's end all the same, and its slot is lost until the rest is gone. Let it be shorter than "
             "the scheduler's `kill_timeout`.",
             at_least(duration(1ms)), at_most(duration(10min)))
      .field("removal_wait", &options::removal_wait,
             "How long the news of an action's end waits for the removal of its folder. Then the end is "
             "told, and "
             "the slot follows when the folder is gone.",
             at_most(duration(10min)))
      .field("max_input_size", &options::max_input_size, "Bytes in one action's input tree.")
      .field("max_input_entries", &options::max_input_entries,
             "Files, folders and links in one action's input tree.")
      .field("max_stream_size", &options::max_stream_size,
             "Bytes an action may write to its standard output, and as many to its standard error. One that "
             "writes "
             "more is stopped, and the client gets what it wrote up to there.")
      .field(
          "max_output_size", &options::max_output_size,
          "Bytes in all outputs of an action. One whose folder grows by more while it runs is stopped. What "
          "`cas` cannot hold is not taken either.")
      .field("max_output_entries", &options::max_output_entries,
             "Files, folders and links in all outputs of an action.")
      .check([](const options& wanted) -> expected<void> {
        if (auto users = parse_users(wanted.action_users); !users) return failure(std::move(users).error());
        return {};
      });
}

}  // namespace kiln
