#include "actors/worker/command_runner.hpp"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "actors/worker/warden/protocol.hpp"
#include "actors/worker/warden_process.hpp"

namespace kiln {
namespace {

constexpr std::uint64_t wake_id = 0;

command_end end_of(const warden::report& said) {
  command_end end;
  if (WIFSIGNALED(said.number)) end.signal = WTERMSIG(said.number);
  end.exit_code = end.signal != 0 ? 128 + end.signal : WEXITSTATUS(said.number);
  end.elapsed = std::chrono::nanoseconds(said.elapsed_ns);
  end.user = std::chrono::microseconds(said.user_us);
  end.system = std::chrono::microseconds(said.system_us);
  end.peak_memory = static_cast<std::uint64_t>(said.peak_kib) * 1024;
  return end;
}

error start_fault(int number) {
  auto fault = system_error(number, "starting the command");
  switch (number) {
    case E2BIG:
      return {errc::invalid_argument, fault.message()};
    case EAGAIN:
    case ENOMEM:
    case EMFILE:
    case ENFILE:
      return {errc::resource_exhausted, fault.message()};
    default:
      return {errc::failed_precondition, fault.message()};
  }
}

}  // namespace

void running_command::kill() noexcept {
  if (control_) ::shutdown(control_->number(), SHUT_WR);
}

expected<std::shared_ptr<command_runner>> command_runner::open(std::string warden) {
  std::shared_ptr<command_runner> made(new command_runner(std::move(warden)));
  if (auto begun = made->begin(); !begun) return failure(std::move(begun).error());
  return made;
}

expected<void> command_runner::begin() {
  events_ = descriptor(::epoll_create1(EPOLL_CLOEXEC));
  wake_ = descriptor(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!events_ || !wake_) return fail(system_error(errno, "making the runner's events"));
  epoll_event wanted{EPOLLIN, {.u64 = wake_id}};
  if (::epoll_ctl(events_.number(), EPOLL_CTL_ADD, wake_.number(), &wanted) != 0)
    return fail(system_error(errno, "watching the runner's events"));
  if (auto first = warden(nullptr); !first) return failure(std::move(first).error());
  thread_ = std::thread([this] { listen(); });
  pthread_setname_np(thread_.native_handle(), "kiln-commands");
  return {};
}

command_runner::~command_runner() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
    for (auto& [id, one] : commands_) ::shutdown(one.control->number(), SHUT_WR);
  }
  if (!thread_.joinable()) return;
  ::eventfd_write(wake_.number(), 1);
  thread_.join();
}

/// The living one; a new one in the place of `dead`.
expected<std::shared_ptr<warden_process>> command_runner::warden(
    const std::shared_ptr<warden_process>& dead) {
  {
    std::lock_guard lock(mutex_);
    if (warden_ && warden_ != dead) return warden_;
  }
  auto made = warden_process::spawn(warden_path_);
  if (!made) return made;
  std::lock_guard lock(mutex_);
  if (warden_ == dead || !warden_) std::swap(warden_, *made);
  return warden_;
}

expected<void> command_runner::hand_over(const int (&descriptors)[5]) {
  auto first = warden(nullptr);
  if (!first) return failure(std::move(first).error());
  if ((*first)->send(descriptors)) return {};
  auto second = warden(*first);
  if (!second) return failure(std::move(second).error());
  if ((*second)->send(descriptors)) return {};
  return fail(errc::unavailable, "the warden of commands takes nothing");
}

expected<running_command> command_runner::start(const command_plan& plan, const descriptor& folder,
                                                const descriptor& out, const descriptor& err,
                                                user_number user, command_listener listener) {
  auto image = make_command_image(plan, user);
  if (!image) return failure(std::move(image).error());
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
    return fail(system_error(errno, "making a way to a command"));
  descriptor ours(ends[0]);
  descriptor theirs(ends[1]);
  auto watched = watch(std::move(ours), std::move(listener));
  if (!watched) return watched;
  // Watched first: from here on the listener is always told the end, at the latest that of a lost socket.
  if (auto given = hand_over({theirs.number(), image->number(), folder.number(), out.number(), err.number()});
      !given)
    return watched;
  return watched;
}

expected<running_command> command_runner::watch(descriptor control, command_listener listener) {
  auto shared = std::make_shared<descriptor>(std::move(control));
  std::uint64_t id = 0;
  {
    std::lock_guard lock(mutex_);
    if (stopping_) return fail(errc::unavailable, "the worker is stopping");
    id = next_++;
    commands_.emplace(id, entry{shared, std::move(listener)});
  }
  epoll_event wanted{EPOLLIN, {.u64 = id}};
  if (::epoll_ctl(events_.number(), EPOLL_CTL_ADD, shared->number(), &wanted) == 0)
    return running_command(std::move(shared));
  int why = errno;
  std::lock_guard lock(mutex_);
  commands_.erase(id);
  return fail(system_error(why, "watching a command"));
}

void command_runner::listen() {
  for (;;) {
    {
      std::lock_guard lock(mutex_);
      if (stopping_ && commands_.empty()) return;
    }
    epoll_event events[64];
    int count = ::epoll_wait(events_.number(), events, 64, -1);
    for (int i = 0; i < count; ++i) {
      if (events[i].data.u64 != wake_id) {
        while (hear(events[i].data.u64)) {
        }
        continue;
      }
      eventfd_t ignored = 0;
      ::eventfd_read(wake_.number(), &ignored);
    }
  }
}

/// Takes one report; false when there is no more for now.
bool command_runner::hear(std::uint64_t id) {
  std::shared_ptr<descriptor> control;
  std::function<void()> started;
  {
    std::lock_guard lock(mutex_);
    auto found = commands_.find(id);
    if (found == commands_.end()) return false;
    control = found->second.control;
    started = found->second.listener.started;
  }
  warden::report said;
  ssize_t size = ::recv(control->number(), &said, sizeof said, MSG_DONTWAIT);
  if (size < 0 && errno == EAGAIN) return false;
  if (size < 0 && errno == EINTR) return true;
  if (size != sizeof said) {
    say_end(id, fail(errc::unavailable, "the supervisor of the command is gone"));
    return false;
  }
  switch (said.what) {
    case warden::word::started:
      if (started) started();
      return true;
    case warden::word::not_started:
      say_end(id, failure(start_fault(said.number)));
      return false;
    case warden::word::ended:
      say_end(id, end_of(said));
      return false;
  }
  return false;
}

void command_runner::say_end(std::uint64_t id, expected<command_end> how) {
  entry one;
  {
    std::lock_guard lock(mutex_);
    auto found = commands_.find(id);
    if (found == commands_.end()) return;
    one = std::move(found->second);
    commands_.erase(found);
  }
  ::epoll_ctl(events_.number(), EPOLL_CTL_DEL, one.control->number(), nullptr);
  one.listener.ended(std::move(how));
}

}  // namespace kiln
