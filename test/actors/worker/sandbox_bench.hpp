#pragma once

#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <string>

#include "build/bazel/remote/execution/v2/remote_execution.pb.h"
#include "kiln/worker/v1/action_facts.pb.h"
#include "test/actors/worker/worker_bench.hpp"
#include "test/harness/print.hpp"

namespace kiln::test {

/// What its result says of how an action was run.
inline worker::v1::ActionFacts facts_of(const v2::ActionResult& result) {
  worker::v1::ActionFacts facts;
  for (const auto& note : result.execution_metadata().auxiliary_metadata())
    if (note.Is<worker::v1::ActionFacts>()) note.UnpackTo(&facts);
  return facts;
}

/// A worker whose actions are in namespaces of their own.
struct sandbox_bench : worker_bench {
  sandbox_bench() : worker_bench(nullptr, false) {
    std::filesystem::permissions(folder.path(), std::filesystem::perms(0711));
    options.slots = 4;
    options.sandbox.level = sandbox_level::automatic;
    options.sandbox.scratch_size = 16_MiB;
  }
  /// Whether this machine lets us; if not, it is no fault of ours.
  bool start_working() {
    cas = spawn_filesystem_store();
    hire();
    for (const auto& line : log_lines())
      if (line.find("actions run in namespaces of their own") != std::string::npos) return true;
    BOOST_TEST_MESSAGE("no sandbox can be made here: " << log_lines().back());
    return false;
  }
  std::string said(const std::string& script, const v2::Directory& root = {}) {
    auto outcome = run(shell(script), root);
    BOOST_TEST(outcome.status.ok(), outcome.status.to_string());
    auto result = result_of(outcome);
    BOOST_TEST(outcome.exit_code == 0);
    if (result.has_stderr_digest()) BOOST_TEST_MESSAGE(get(result.stderr_digest()));
    return out_of(outcome);
  }
};

}  // namespace kiln::test
