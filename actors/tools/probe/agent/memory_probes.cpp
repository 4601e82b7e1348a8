#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>

#include "actors/tools/probe/agent/looking.hpp"

// What processes share without being related: System V's segments, semaphores and queues.
namespace kiln::probe_agent {
namespace {

// By the list, and where there is none, by the count that the kernel tells.
void all_of(answer& found, const char* list, int count) {
  int lines = 0;
  each_line(list, [&](const char* line) {
    long key = 0, number = 0;
    if (lines++ > 0 && sscanf(line, "%ld %ld", &key, &number) == 2)
      found.leak("key 0x%lx", key & 0xffffffffL);
  });
  if (found.what() == answer::outcome::held && count > 0) found.leak("%d of them", count);
}

void segments(answer& found) {
  shm_info facts{};
  const int last = shmctl(0, SHM_INFO, reinterpret_cast<shmid_ds*>(&facts));
  all_of(found, "/proc/sysvipc/shm", last < 0 ? 0 : facts.used_ids);
}

void semaphores(answer& found) {
  seminfo facts{};
  const int last = semctl(0, 0, SEM_INFO, &facts);
  all_of(found, "/proc/sysvipc/sem", last < 0 ? 0 : facts.semusz);
}

void queues(answer& found) {
  msginfo facts{};
  const int last = msgctl(0, MSG_INFO, reinterpret_cast<msqid_ds*>(&facts));
  all_of(found, "/proc/sysvipc/msg", last < 0 ? 0 : facts.msgpool);
}

constexpr probe probes[] = {
    {"processes", "shared memory of others", segments},
    {"processes", "semaphores of others", semaphores},
    {"processes", "message queues of others", queues},
};

}  // namespace

std::span<const probe> memory_probes() noexcept {
  return probes;
}

}  // namespace kiln::probe_agent
