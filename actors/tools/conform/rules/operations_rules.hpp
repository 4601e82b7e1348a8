#pragma once

#include <chrono>
#include <initializer_list>
#include <string>
#include <vector>

#include "actors/tools/conform/rules/actions.hpp"

/// Executions as they go on, for rules that watch them.
namespace kiln::conform {

using operation = google::longrunning::Operation;
using executing = dialogue<v2::ExecuteRequest, operation>;

std::string longrunning(std::string_view method);

/// Starts it and does not wait.
executing start(probe& ask, const blob& action, bool skip_cache_lookup = false);
/// When the rule is over, where the server can.
void cancel_afterwards(probe& ask, const std::string& name);
/// The first thing that is said of it. It will be cancelled afterwards.
operation first_of(probe& ask, executing& one);
/// The first message in which it runs on a worker, or the last one if the server does not tell within two
/// seconds.
operation running(probe& ask, executing& one);
answer<operation> wait_execution(probe& ask, const std::string& name);
answer<operation> get_operation(probe& ask, const std::string& name);

v2::ExecutionStage::Value stage_of(probe& ask, const operation& one);
/// How an execution ended, whether its call or its response says so.
error ending_of(probe& ask, const answer<operation>& got);
void expect_ending(probe& ask, const answer<operation>& got, std::initializer_list<errc> any_of);
/// The execution and its program went well.
v2::ExecuteResponse success_of(probe& ask, const answer<operation>& got);
/// What the program wrote, wherever the result keeps it.
std::string stdout_of(probe& ask, const v2::ActionResult& result);

/// Writes a line that no two runs have in common.
constexpr std::string_view unique_line = "head -c 16 /dev/urandom | od -An -tx1";

/// The functions that actions may be named in, and that we can compute.
std::vector<digest_kind> execution_functions(const probe& ask);

std::vector<rule> execution_stream_rules();  // 174 to 187

}  // namespace kiln::conform
