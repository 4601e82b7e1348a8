#include "test/harness/scripted_launcher.hpp"

#include <fcntl.h>
#include <signal.h>

#include <utility>

namespace kiln::test {

/// One process. All of it happens in turns of the launcher's pool.
class scripted_launcher::played : public std::enable_shared_from_this<played> {
public:
  played(scripted_process script, process_observer listener, std::shared_ptr<thread_pool> pool,
         std::shared_ptr<std::size_t> running)
      : script_(std::move(script)),
        listener_(std::move(listener)),
        pool_(std::move(pool)),
        running_(std::move(running)) {
    ++*running_;
  }

  /// Opens now what it will write to: whoever starts it may drop the folder.
  void write_to(disk& files, const descriptor& folder, const descriptor& out, const descriptor& err) {
    auto again = [&files](const descriptor& what, int flags) {
      return std::make_shared<disk_result<descriptor>>(files.open_beneath(what, "", flags, follow::none));
    };
    write_ = [&files, in = again(folder, O_PATH | O_DIRECTORY), said = again(out, O_WRONLY | O_APPEND),
              complained = again(err, O_WRONLY | O_APPEND)](const scripted_process& script) {
      if (*in && script.looks) script.looks(files, **in);
      for (const auto& [name, content] : script.writes) {
        auto file = *in ? files.open_beneath(**in, name, O_WRONLY | O_CREAT | O_TRUNC, follow::all, 0644)
                        : tl::unexpected(in->error());
        if (file) (void)write_all(files, *file, content, 0);
      }
      if (*said) (void)write_all(files, **said, script.says, 0);
      if (*complained) (void)write_all(files, **complained, script.complains, 0);
    };
  }
  void begin(deterministic_system& system) {
    if (script_.never_starts) return;
    post([](played& me) { me.say_started(); });
    if (script_.never_ends) return;
    if (script_.takes == duration(0)) return end_well();
    system.after(script_.takes, [me = shared_from_this()] { me->end_well(); });
  }
  void end_well() {
    post([](played& me) {
      if (me.write_) me.write_(me.script_);
      me.end(me.script_.signal, me.script_.exit_code);
    });
  }
  void end_by(int signal) {
    if (signal == SIGTERM && script_.is_deaf) return;
    post([signal](played& me) { me.end(signal, 0); });
  }

private:
  void post(std::function<void(played&)> what) {
    (void)pool_->post([me = shared_from_this(), what = std::move(what)] { what(*me); });
  }
  void say_started() {
    if (auto say = std::exchange(listener_.started, nullptr)) say();
  }
  void end(int signal, int exit_code) {
    if (!script_.never_starts) say_started();
    auto listener = std::exchange(listener_, {});
    if (!listener.ended) return;
    write_ = nullptr;
    --*running_;
    process_end how;
    how.signal = signal;
    how.exit_code = signal != 0 ? 128 + signal : exit_code;
    how.elapsed = script_.takes;
    if (script_.lost) return listener.ended(fail(*script_.lost));
    listener.ended(how);
  }

  const scripted_process script_;
  process_observer listener_;
  std::function<void(const scripted_process&)> write_;
  const std::shared_ptr<thread_pool> pool_;
  const std::shared_ptr<std::size_t> running_;
};

scripted_launcher::scripted_launcher(deterministic_system& system, disk& files)
    : system_(system), files_(files), pool_(system.env().pools->make("processes", 64)) {}

expected<running_process_ptr> scripted_launcher::start(const process_plan& plan, const process_place& where,
                                                       process_observer listener) {
  class held final : public running_process {
  public:
    explicit held(std::shared_ptr<played> what) : what_(std::move(what)) {}
    ~held() override { what_->end_by(SIGKILL); }
    void kill() noexcept override { what_->end_by(SIGKILL); }
    void ask_to_end() noexcept override { what_->end_by(SIGTERM); }

  private:
    const std::shared_ptr<played> what_;
  };
  auto wanted = script ? script(plan) : scripted_process{};
  if (wanted.not_started) return fail(*wanted.not_started);
  ++started_;
  auto one = std::make_shared<played>(std::move(wanted), std::move(listener), pool_, running_);
  one->write_to(files_, where.folder, where.out, where.err);
  one->begin(system_);
  return std::make_unique<held>(std::move(one));
}

}  // namespace kiln::test
