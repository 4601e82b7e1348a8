#include <sched.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include <cerrno>

#include "actors/tools/probe/agent/looking.hpp"

// Whether an action can take more than its share by asking for it. Nothing is used up.
namespace kiln::probe_agent {
namespace {

void priority(answer& found) {
  errno = 0;
  const int now = getpriority(PRIO_PROCESS, 0);
  if (now <= -20) return found.leak("it is the highest");
  found.must_be_refused(setpriority(PRIO_PROCESS, 0, now - 1));
}

void real_time(answer& found) {
  // This child ends at once.
  sched_param wanted{};
  wanted.sched_priority = 1;
  found.must_be_refused(sched_setscheduler(0, SCHED_FIFO, &wanted));
}

void real_time_disk(answer& found) {
  constexpr int process = 1, real_time_class = 1;
  found.must_be_refused(syscall(SYS_ioprio_set, process, 0, real_time_class << 13 | 7));
}

void limits(answer& found) {
  constexpr struct {
    __rlimit_resource which;
    const char* name;
  } all[] = {
      {RLIMIT_RTPRIO, "RLIMIT_RTPRIO"}, {RLIMIT_NICE, "RLIMIT_NICE"}, {RLIMIT_MEMLOCK, "RLIMIT_MEMLOCK"}};
  for (const auto& [which, name] : all) {
    rlimit limit{};
    if (getrlimit(which, &limit) != 0 || limit.rlim_max == RLIM_INFINITY) continue;
    ++limit.rlim_max;
    if (setrlimit(which, &limit) == 0) found.leak("%s can be raised", name);
  }
}

// Below what every process begins with. Up to there whoever was raised may come down again: that is a rule of
// the kernel.
void out_of_memory(answer& found) {
  char text[32];
  if (first_bytes("/proc/self/oom_score_adj", text, sizeof text) <= 0) return found.note("it cannot be read");
  const int now = atoi(text);
  if (now <= -1000) return found.leak("it is never chosen");
  const int file = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
  if (file < 0) return found.note("%s", strerrorname_np(errno));
  const int size = snprintf(text, sizeof text, "%d", (now < 0 ? now : 0) - 1);
  found.must_be_refused(write(file, text, static_cast<std::size_t>(size)));
}

void control_groups(answer& found) {
  for (const char* path : {"/sys/fs/cgroup/cgroup.procs", "/sys/fs/cgroup/memory/cgroup.procs",
                           "/sys/fs/cgroup/cpu/cgroup.procs", "/sys/fs/cgroup/memory.max"})
    if (opens_for_writing(path)) found.leak("%s", path);
}

// What one action fills, another finds full.
void scratch(answer& found) {
  struct stat root {
  }, other{};
  if (stat("/", &root) != 0) return;
  for (const char* folder : {"/tmp", "/var/tmp", "/dev/shm"}) {
    if (stat(folder, &other) != 0 || access(folder, W_OK) != 0) continue;
    if (other.st_dev == root.st_dev) found.leak("%s lies on the machine's disk", folder);
  }
}

constexpr probe probes[] = {
    {"resources", "a higher priority", priority},
    {"resources", "real-time scheduling", real_time},
    {"resources", "real-time use of disks", real_time_disk},
    {"resources", "higher limits", limits},
    {"resources", "being spared when memory is short", out_of_memory},
    {"resources", "control groups, to write", control_groups},
    {"resources", "temporary files on the machine's disk", scratch},
};

}  // namespace

std::span<const probe> resource_probes() noexcept {
  return probes;
}

}  // namespace kiln::probe_agent
