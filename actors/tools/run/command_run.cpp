#include "actors/tools/run/command_run.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <utility>

#include "actors/tools/run/terminal.hpp"
#include "actors/worker/sandbox/limits_of_action.hpp"
#include "core/config/units.hpp"
#include "core/wire/utf8.hpp"

namespace kiln::rehearsal {
namespace {

/// What grows in a file comes out of one of our own streams.
class following {
public:
  following(disk& on, const descriptor& file, int to) : on_(on), file_(file), to_(to) {}

  void pass_on() {
    std::array<char, 64 << 10> room;
    for (;;) {
      auto count = on_.read(file_, room, offset_);
      if (!count || *count == 0) return;
      offset_ += *count;
      for (std::size_t sent = 0; sent < *count && to_ >= 0;) {
        const ssize_t done = ::write(to_, room.data() + sent, *count - sent);
        if (done < 0 && errno == EINTR) continue;
        if (done <= 0)
          to_ = -1;  // nobody reads it any more
        else
          sent += static_cast<std::size_t>(done);
      }
    }
  }

private:
  disk& on_;
  const descriptor& file_;
  int to_;
  std::uint64_t offset_ = 0;
};

/// Asks a command to end when its time is over, and kills it when it does not.
class deadline {
public:
  deadline(const worker_resources& worker, duration timeout)
      : worker_(worker), timeout_(timeout), at_(worker.env.time->now() + timeout) {}

  void look_after(running_process& command) {
    if (worker_.env.time->now() < at_) return;
    if (std::exchange(asked_, true)) return command.kill();
    std::fprintf(stderr, "kiln: it ran longer than its %s, and is ended as a worker would\n",
                 to_string(timeout_).c_str());
    command.ask_to_end();
    at_ = worker_.env.time->now() + worker_.options.kill_grace;
  }

private:
  const worker_resources& worker_;
  const duration timeout_;
  steady_time at_;
  bool asked_ = false;
};

descriptor another(int standard) {
  return descriptor(::fcntl(standard, F_DUPFD_CLOEXEC, 3));
}

}  // namespace

expected<void> command_run::start(const process_plan& what, const streams& with) {
  descriptor inside;
  if (!worker_.sandbox) {
    auto opened =
        folder_.on().open_beneath(folder_.root(), plan_.working_directory, O_PATH | O_DIRECTORY, follow::all);
    if (!opened) return fail(opened.error().in_words("opening the working directory"));
    inside = std::move(*opened);
  }
  auto group = take_group(worker_.groups.get(), worker_.limits, worker_.options.sandbox, wanted_.platform);
  if (!group) return failure(std::move(group).error());
  group_ = std::move(*group);
  auto said = std::make_shared<std::promise<expected<process_end>>>();
  end_ = said->get_future();
  process_place place{worker_.sandbox ? folder_.root() : inside,
                      *with.out,
                      *with.err,
                      folder_.user(),
                      worker_.sandbox.get(),
                      plan_.working_directory,
                      wanted_.network,
                      wanted_.at_root,
                      group_ ? &group_->where() : nullptr,
                      nullptr,
                      with.in};
  auto started = worker_.processes->start(
      what, place, {[] {}, [said](expected<process_end> how) { said->set_value(std::move(how)); }});
  if (!started) return failure(std::move(started).error());
  running_ = std::move(*started);
  return {};
}

bool command_run::over() const {
  return end_.wait_for(std::chrono::seconds(0)) == std::future_status::ready;
}

expected<process_end> command_run::run(interrupts& signals) {
  following out(folder_.on(), folder_.out(), STDOUT_FILENO);
  following err(folder_.on(), folder_.err(), STDERR_FILENO);
  if (auto begun = start(plan_, {nullptr, &folder_.out(), &folder_.err()}); !begun)
    return failure(std::move(begun).error());
  deadline due(worker_, plan_.timeout);
  while (end_.wait_for(interrupts::between_looks) != std::future_status::ready) {
    out.pass_on();
    err.pass_on();
    if (signals.asked_to_end() != 0) running_->kill();
    due.look_after(*running_);
  }
  auto how = end_.get();
  out.pass_on();
  err.pass_on();
  return how;
}

expected<process_end> command_run::run_shell(interrupts& signals) {
  std::fprintf(stderr, "kiln: a shell in its place; the command is\n\n%s\n\n",
               as_command_line(plan_.arguments).c_str());
  const process_plan shell{{"/bin/sh"}, {"/bin/sh"}, plan_.environment, plan_.largest_file};
  return terminal::is_here() ? shell_in_terminal(shell, signals) : shell_in_pipes(shell, signals);
}

expected<process_end> command_run::shell_in_terminal(const process_plan& shell, interrupts& signals) {
  auto ours = terminal::open(folder_.on(), folder_.user());
  if (!ours) return failure(std::move(ours).error());
  auto& typed = **ours;
  if (auto begun = start(shell, {&typed.far(), &typed.far(), &typed.far()}); !begun)
    return failure(std::move(begun).error());
  typed.hand_over();
  while (!over()) {
    typed.pass_on(static_cast<int>(interrupts::between_looks.count()));
    if (signals.window_changed()) typed.take_size();
    if (signals.asked_to_end() != 0) running_->kill();
  }
  typed.drain();
  return end_.get();
}

expected<process_end> command_run::shell_in_pipes(const process_plan& shell, interrupts& signals) {
  const descriptor in = another(STDIN_FILENO), out = another(STDOUT_FILENO), err = another(STDERR_FILENO);
  if (!in || !out || !err)
    return fail(errc::failed_precondition, "a shell needs standard input, output and error; one is closed");
  if (auto begun = start(shell, {&in, &out, &err}); !begun) return failure(std::move(begun).error());
  while (end_.wait_for(interrupts::between_looks) != std::future_status::ready)
    if (signals.asked_to_end() != 0) running_->kill();
  return end_.get();
}

std::string as_command_line(const std::vector<std::string>& words) {
  constexpr std::string_view plain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+=./,:@%";
  std::string line;
  for (const auto& word : words) {
    if (!line.empty()) line += ' ';
    if (!word.empty() && word.find_first_not_of(plain) == std::string::npos) {
      line += word;
      continue;
    }
    if (without_controls(word) != word) {
      line += "$'";
      for (char one : word) {
        if (one == '\'' || one == '\\') line += '\\';
        line += one >= ' ' && one <= '~' ? std::string(1, one)
                                         : fmt::format("\\{:03o}", static_cast<unsigned char>(one));
      }
      line += '\'';
      continue;
    }
    line += '\'';
    for (char one : word) line += one == '\'' ? std::string("'\\''") : std::string(1, one);
    line += '\'';
  }
  return line;
}

}  // namespace kiln::rehearsal
