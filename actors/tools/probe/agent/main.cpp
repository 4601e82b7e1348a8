#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "actors/tools/probe/agent/answer.hpp"
#include "actors/tools/probe/agent/leaving.hpp"

// survey          all that one action can see by itself
// leave TOKEN     leaves things behind for the next action
// look TOKEN      looks for them, and takes them away
// daemon TOKEN    one of them: see leaving.cpp
int main(int count, char** words) {
  using namespace kiln::probe_agent;
  agent_process = getpid();
  const char* order = count > 1 ? words[1] : "";
  if (count == 3 && strcmp(order, "daemon") == 0) run_daemon(words[2]);
  const bool survey = count == 2 && strcmp(order, "survey") == 0;
  const bool leave = count == 3 && strcmp(order, "leave") == 0;
  const bool look = count == 3 && strcmp(order, "look") == 0;
  if (!survey && !leave && !look) {
    fputs("an agent of `kiln probe`: it is started by that\n", stderr);
    return 2;
  }
  print_beginning();
  if (survey) {
    ask_all(file_probes());
    ask_all(secret_probes());
    ask_all(process_probes());
    ask_all(memory_probes());
    ask_all(network_probes());
    ask_all(device_probes());
    ask_all(privilege_probes());
    ask_all(mount_probes());
    ask_all(kernel_probes());
    ask_all(resource_probes());
  } else {
    use_token(words[2]);
    if (leave) leave_everything();
    if (look) {
      ask_all(leftover_probes());
      clean_up();
    }
  }
  print_end();
  return 0;
}
