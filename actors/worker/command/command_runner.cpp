#include "actors/worker/command/command_runner.hpp"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "actors/worker/command/launcher/protocol.hpp"
#include "actors/worker/command/launcher_image.hpp"
#include "actors/worker/command/launcher_process.hpp"
#include "actors/worker/fault_owners.hpp"
#include "actors/worker/folders/files.hpp"

namespace kiln {
namespace {

constexpr std::uint64_t wake_id = 0;
constexpr auto longest_farewell = std::chrono::seconds(5);
constexpr int between_looks_ms = 1000;  // at the launcher, while commands run

process_end end_of(const launcher::report& said) {
  process_end end;
  if (WIFSIGNALED(said.number)) end.signal = WTERMSIG(said.number);
  end.exit_code = end.signal != 0 ? 128 + end.signal : WEXITSTATUS(said.number);
  end.elapsed = std::chrono::nanoseconds(said.elapsed_ns);
  end.user = std::chrono::microseconds(said.user_us);
  end.system = std::chrono::microseconds(said.system_us);
  end.peak_memory = static_cast<std::uint64_t>(said.peak_kib) * 1024;
  return end;
}

/// One packet, and the descriptor that came with it, if any did. False if there is none now; an empty report
/// when there will be none any more.
struct packet {
  bool there = false;
  bool whole = false;
  launcher::report said;
  descriptor with;
};
packet receive(const descriptor& control) {
  packet got;
  iovec piece{&got.said, sizeof got.said};
  alignas(cmsghdr) char room[CMSG_SPACE(sizeof(int))] = {};
  msghdr message{};
  message.msg_iov = &piece;
  message.msg_iovlen = 1;
  message.msg_control = room;
  message.msg_controllen = sizeof room;
  ssize_t size = 0;
  do {
    size = ::recvmsg(control.number(), &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  } while (size < 0 && errno == EINTR);
  got.there = size >= 0 || errno != EAGAIN;
  got.whole = size == sizeof got.said;
  if (size < 0) return got;
  if (const cmsghdr* head = CMSG_FIRSTHDR(&message);
      head != nullptr && head->cmsg_type == SCM_RIGHTS && head->cmsg_len == CMSG_LEN(sizeof(int))) {
    int number = -1;
    std::memcpy(&number, CMSG_DATA(head), sizeof number);
    got.with = descriptor(number);
  }
  return got;
}

/// What the command's own folder does not allow is the action's to answer for.
error unfit_folder(const launcher::report& said, const std::string& inside, const process_union* below) {
  if (said.at == launcher::sandbox_step::working_directory)
    return said.number == ENOENT || said.number == ENOTDIR
               ? error(errc::invalid_argument,
                       fmt::format("the working directory \"{}\" is not in the input tree", inside))
               : fault_of(purpose::inputs, said.number, "opening the working directory");
  if (said.at == launcher::sandbox_step::root_folders)
    return said.number == ENOTDIR || said.number == ELOOP
               ? error(errc::invalid_argument,
                       "the input root, which is to be /, has something else than a folder at dev or proc")
               : fault_of(purpose::inputs, said.number, name_of(said.at));
  const bool known = below != nullptr && said.index < below->folders.size();
  const std::string folder = known ? below->folders[said.index] : std::string();
  switch (said.number) {
    case EEXIST:
    case ENOTDIR:
    case ENOENT:
    case ELOOP:
      return owned_by(
          fault_owner::action,
          {errc::failed_precondition,
           fmt::format("no folder can be made at \"{}\" for the outputs: something else is there", folder)});
    default:
      return fault_of(purpose::outputs, said.number, "making a folder for outputs at " + folder);
  }
}

error no_sandbox(const launcher::report& said) {
  const auto doing = fmt::format("an action's sandbox: {}", name_of(said.at));
  // Not what it is for a disk: the machine allows nobody any of them.
  if (said.at == launcher::sandbox_step::namespaces && (said.number == ENOSPC || said.number == EUSERS))
    return owned_by(
        fault_owner::worker,
        {errc::internal, doing + ": there may be no more of them (sysctl user.max_*_namespaces)"});
  return fault_of(purpose::own_folder, said.number, doing);
}

class controlled_process final : public running_process {
public:
  explicit controlled_process(std::shared_ptr<descriptor> control) : control_(std::move(control)) {}
  ~controlled_process() override { controlled_process::kill(); }

  void kill() noexcept override { ::shutdown(control_->number(), SHUT_WR); }
  void ask_to_end() noexcept override {
    // Nobody is left to read it, or it is there: either is fine.
    ::send(control_->number(), "", 1, MSG_NOSIGNAL | MSG_DONTWAIT);
  }

private:
  const std::shared_ptr<descriptor> control_;
};

expected<void> write_launcher(disk& on, const descriptor& in) {
  if (auto gone = remove_tree(on, in, "launcher"); !gone) return gone;
  auto file = on.open(in, "launcher", O_WRONLY | O_CREAT | O_EXCL, 0700);
  auto done = file ? write_all(on, *file, launcher_image(), 0) : tl::unexpected(file.error());
  if (!done) return failure(fault_of(purpose::own_folder, done.error().number, "making the launcher's file"));
  return {};
}

}  // namespace

expected<std::shared_ptr<command_runner>> command_runner::open(disk& on, const descriptor& folder,
                                                               const std::string& path) {
  if (auto written = write_launcher(on, folder); !written)
    return with_context(written.error(), "work folder {}", path);
  std::shared_ptr<command_runner> made(new command_runner(path + "/launcher"));
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
  if (auto first = launcher(nullptr); !first) return failure(std::move(first).error());
  thread_ = std::thread([this] { listen(); });
  pthread_setname_np(thread_.native_handle(), "kiln-commands");
  return {};
}

command_runner::~command_runner() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
    patient_until_ = std::chrono::steady_clock::now() + longest_farewell;
    for (auto& [id, one] : commands_) ::shutdown(one.control->number(), SHUT_WR);
  }
  if (!thread_.joinable()) return;
  ::eventfd_write(wake_.number(), 1);
  thread_.join();
}

/// The living one; a new one in the place of `dead`.
expected<std::shared_ptr<launcher_process>> command_runner::launcher(
    const std::shared_ptr<launcher_process>& dead) {
  {
    std::lock_guard lock(mutex_);
    if (launcher_ && launcher_ != dead) return launcher_;
  }
  auto made = launcher_process::spawn(launcher_path_);
  if (!made) return made;
  std::lock_guard lock(mutex_);
  if (launcher_ == dead || !launcher_) std::swap(launcher_, *made);
  return launcher_;
}

expected<void> command_runner::hand_over(const launcher::command_descriptors& with) {
  auto first = launcher(nullptr);
  if (!first) return failure(std::move(first).error());
  if ((*first)->send(with)) return {};
  auto second = launcher(*first);
  if (!second) return failure(std::move(second).error());
  if ((*second)->send(with)) return {};
  return fail(errc::unavailable, "the launcher of commands takes nothing");
}

expected<running_process_ptr> command_runner::start(const process_plan& plan, const process_place& where,
                                                    process_observer listener) {
  auto image = make_command_image(plan, where);
  if (!image) return failure(std::move(image).error());
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
    return failure(fault_of(purpose::own_folder, errno, "making a way to a command"));
  descriptor ours(ends[0]);
  descriptor theirs(ends[1]);
  auto watched = watch(std::move(ours), where, std::move(listener));
  if (!watched) return watched;
  // Watched first: from here on the listener is always told the end, at the latest that of a lost socket.
  (void)hand_over({theirs.number(), image->number(), where.folder.number(), where.out.number(),
                   where.err.number(), where.in != nullptr ? where.in->number() : -1});
  return watched;
}

expected<running_process_ptr> command_runner::watch(descriptor control, const process_place& where,
                                                    process_observer listener) {
  auto shared = std::make_shared<descriptor>(std::move(control));
  std::uint64_t id = 0;
  {
    std::lock_guard lock(mutex_);
    if (stopping_) return fail(errc::unavailable, "the worker is stopping");
    id = next_++;
    commands_.emplace(id, entry{shared, std::move(listener), std::string(where.inside), where.below});
  }
  epoll_event wanted{EPOLLIN, {.u64 = id}};
  if (::epoll_ctl(events_.number(), EPOLL_CTL_ADD, shared->number(), &wanted) == 0)
    return std::make_unique<controlled_process>(std::move(shared));
  int why = errno;
  std::lock_guard lock(mutex_);
  commands_.erase(id);
  return failure(fault_of(purpose::own_folder, why, "watching a command"));
}

void command_runner::listen() {
  auto looked = std::chrono::steady_clock::now();
  for (;;) {
    bool running = false;
    {
      std::lock_guard lock(mutex_);
      if (stopping_ && (commands_.empty() || std::chrono::steady_clock::now() > patient_until_)) return;
      running = !commands_.empty();
    }
    epoll_event events[64];
    int count = ::epoll_wait(events_.number(), events, 64, between_looks_ms);
    if (auto now = std::chrono::steady_clock::now();
        running && now - looked >= std::chrono::milliseconds(between_looks_ms)) {
      look_after_the_launcher();
      looked = now;
    }
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
  std::string inside;
  std::shared_ptr<const process_union> below;
  {
    std::lock_guard lock(mutex_);
    auto found = commands_.find(id);
    if (found == commands_.end()) return false;
    control = found->second.control;
    inside = found->second.inside;
    below = found->second.below;
  }
  auto [there, whole, said, with] = receive(*control);
  if (!there) return false;
  if (!whole) {
    say_end(id,
            failure(owned_by(fault_owner::suspect,
                             {errc::unavailable, "the supervisor of the command was killed or stopped"})));
    return false;
  }
  switch (said.what) {
    case launcher::word::started:
      say_started(id, std::move(with));
      return true;
    case launcher::word::not_started:
      say_end(id, failure(fault_of(purpose::start, said.number, "starting the command")));
      return false;
    case launcher::word::not_sandboxed:
      say_end(id, failure(said.at >= launcher::sandbox_step::output_folder
                              ? unfit_folder(said, inside, below.get())
                              : no_sandbox(said)));
      return false;
    case launcher::word::lost:
      say_end(id, failure(lost_with_the_launcher(id)));
      return false;
    case launcher::word::ended:
      say_end(id, end_of(said));
      return false;
  }
  return false;
}

void command_runner::say_started(std::uint64_t id, descriptor view) {
  std::function<void()> started;
  {
    std::lock_guard lock(mutex_);
    auto found = commands_.find(id);
    if (found == commands_.end()) return;
    if (view) found->second.view = std::make_shared<const descriptor>(std::move(view));
    started = found->second.listener.started;
  }
  if (started) started();
}

/// One command alone may have killed the launcher. Of several, none is suspected: the others are innocent.
error command_runner::lost_with_the_launcher(std::uint64_t id) {
  bool shared = false;
  {
    std::lock_guard lock(mutex_);
    for (auto& [other, one] : commands_) {
      if (other == id) {
        shared = shared || one.shares_loss;
      } else {
        shared = one.shares_loss = true;
      }
    }
  }
  return owned_by(shared ? fault_owner::worker : fault_owner::suspect,
                  {errc::unavailable, "the worker's supervisor of commands was killed or stopped"});
}

/// An action that is the same user as we are can stop it; then nothing would ever end.
void command_runner::look_after_the_launcher() {
  std::shared_ptr<launcher_process> now;
  {
    std::lock_guard lock(mutex_);
    now = launcher_;
  }
  if (now) now->kill_if_stopped();
}

void command_runner::say_end(std::uint64_t id, expected<process_end> how) {
  entry one;
  {
    std::lock_guard lock(mutex_);
    auto found = commands_.find(id);
    if (found == commands_.end()) return;
    one = std::move(found->second);
    commands_.erase(found);
  }
  ::epoll_ctl(events_.number(), EPOLL_CTL_DEL, one.control->number(), nullptr);
  if (how) how->view = std::move(one.view);
  one.listener.ended(std::move(how));
}

}  // namespace kiln
