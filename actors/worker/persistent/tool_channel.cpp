#include "actors/worker/persistent/tool_channel.hpp"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

namespace kiln {
namespace {

constexpr std::uint64_t most_behind = 256U << 20;
constexpr std::size_t at_once = 64U << 10;

struct pipe_ends {
  descriptor read;
  descriptor write;
};
expected<pipe_ends> make_pipe() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return fail(system_error(errno, "making a pipe to a tool"));
  return pipe_ends{descriptor(ends[0]), descriptor(ends[1])};
}

bool never_blocks(const descriptor& end) {
  return ::fcntl(end.number(), F_SETFL, O_NONBLOCK) == 0;
}

bool may_come_later(int why) noexcept {
  return why == EAGAIN || why == EINTR;
}

}  // namespace

struct tool_channel::shared {
  shared(work_protocol protocol, std::uint64_t most, listener to)
      : reader(protocol, most), told(std::move(to)) {}

  void run();
  error serve();
  bool write_some();
  expected<bool> read_some();

  descriptor into;
  descriptor out_of;
  descriptor wake;
  answer_reader reader;  // the thread's
  listener told;
  std::mutex mutex;
  std::string pending;  ///< to be written
  std::size_t written = 0;
  bool closing = false;
};

expected<std::unique_ptr<tool_channel>> tool_channel::open(thread_pool_source& threads,
                                                           work_protocol protocol, std::uint64_t most_answer,
                                                           ends& theirs, listener to) {
  auto with = std::make_shared<shared>(protocol, most_answer, std::move(to));
  auto in = make_pipe();
  auto out = make_pipe();
  if (!in || !out) return failure(in ? std::move(out).error() : std::move(in).error());
  with->into = std::move(in->write);
  with->out_of = std::move(out->read);
  with->wake = descriptor(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!with->wake || !never_blocks(with->into) || !never_blocks(with->out_of))
    return fail(system_error(errno, "making a pipe to a tool"));
  theirs = {std::move(in->read), std::move(out->write)};
  std::unique_ptr<tool_channel> made(new tool_channel(with));
  made->thread_ = threads.make("kiln-tool", 1);
  if (auto posted = made->thread_->post([with] { with->run(); }); !posted)
    return failure(std::move(posted).error());
  return made;
}

tool_channel::~tool_channel() {
  {
    std::lock_guard lock(shared_->mutex);
    shared_->closing = true;
  }
  ::eventfd_write(shared_->wake.number(), 1);
}

expected<void> tool_channel::write(std::string text) {
  {
    std::lock_guard lock(shared_->mutex);
    if (shared_->pending.size() - shared_->written + text.size() > most_behind)
      return fail(errc::resource_exhausted, "the tool reads too slowly");
    if (shared_->pending.empty())
      shared_->pending = std::move(text);
    else
      shared_->pending += text;
  }
  ::eventfd_write(shared_->wake.number(), 1);
  return {};
}

void tool_channel::shared::run() {
  // Whoever closed its input is found out by the error.
  sigset_t broken_pipe;
  sigemptyset(&broken_pipe);
  sigaddset(&broken_pipe, SIGPIPE);
  ::pthread_sigmask(SIG_BLOCK, &broken_pipe, nullptr);
  auto why = serve();
  if (!why.ok()) told.broken(std::move(why));
}

/// Until it is dropped, which is no error, or the tool is heard of no more.
error tool_channel::shared::serve() {
  for (;;) {
    pollfd ends[] = {{wake.number(), POLLIN, 0}, {out_of.number(), POLLIN, 0}, {into.number(), 0, 0}};
    {
      std::lock_guard lock(mutex);
      if (closing) return {};
      if (!pending.empty()) ends[2].events = POLLOUT;
    }
    if (::poll(ends, 3, -1) < 0 && errno != EINTR) return system_error(errno, "waiting for a tool");
    if (ends[0].revents != 0) {
      eventfd_t ignored = 0;
      ::eventfd_read(wake.number(), &ignored);
    }
    if (ends[1].revents != 0) {
      auto more = read_some();
      if (!more) return std::move(more).error();
      if (!*more) return {errc::unavailable, "it closed its standard output"};
    }
    // Who reads nothing more may still answer what it has read.
    if ((ends[2].revents & (POLLERR | POLLNVAL)) != 0 || ((ends[2].revents & POLLOUT) != 0 && !write_some()))
      return {errc::unavailable, "it closed its standard input"};
  }
}

bool tool_channel::shared::write_some() {
  std::lock_guard lock(mutex);
  // The pipe never blocks, so that the lock is held no longer than a copy takes.
  const auto size = ::write(into.number(), pending.data() + written, pending.size() - written);
  if (size < 0) return may_come_later(errno);
  written += static_cast<std::size_t>(size);
  if (written < pending.size()) return true;
  pending.clear();
  pending.shrink_to_fit();
  written = 0;
  return true;
}

expected<bool> tool_channel::shared::read_some() {
  char piece[at_once];
  const auto size = ::read(out_of.number(), piece, sizeof piece);
  if (size < 0 && may_come_later(errno)) return true;
  if (size <= 0) return false;
  auto taken = reader.take({piece, static_cast<std::size_t>(size)},
                           [this](work_answer said) { told.answered(std::move(said)); });
  if (!taken) return failure(std::move(taken).error());
  return true;
}

}  // namespace kiln
