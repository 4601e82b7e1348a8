#include "plugins/transports/grpc/grpc_library.hpp"

#include <grpc/grpc.h>
#include <grpc/support/log.h>

#include <algorithm>
#include <mutex>
#include <vector>

namespace kiln::grpc_plugin {
namespace {

// gRPC has one function for all its words. They go to the log that came last and is still there.
struct log_list {
  std::mutex mutex;
  std::vector<logger*> logs;
};

log_list& known_logs() {
  static auto* list = new log_list;  // gRPC's threads may speak while the process ends
  return *list;
}

void pass_on(gpr_log_func_args* said) {
  log_list& list = known_logs();
  std::lock_guard lock(list.mutex);  // the log never waits
  if (list.logs.empty()) return;
  auto level = said->severity == GPR_LOG_SEVERITY_ERROR  ? log_level::warn
               : said->severity == GPR_LOG_SEVERITY_INFO ? log_level::info
                                                         : log_level::debug;
  list.logs.back()->write(level, "grpc says", {{"words", said->message}});
}

void start_library() {
  static const bool once = (gpr_set_log_function(pass_on), grpc_init(), true);
  static_cast<void>(once);
}

}  // namespace

library_use::library_use(logger* log) : log_(log) {
  start_library();
  if (log_ == nullptr) return;
  std::lock_guard lock(known_logs().mutex);
  known_logs().logs.push_back(log_);
}

library_use::~library_use() {
  std::lock_guard lock(known_logs().mutex);
  auto& logs = known_logs().logs;
  if (auto mine = std::find(logs.begin(), logs.end(), log_); mine != logs.end()) logs.erase(mine);
}

}  // namespace kiln::grpc_plugin
