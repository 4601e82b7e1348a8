#include <google/longrunning/operations.pb.h>

#include <atomic>
#include <boost/test/unit_test.hpp>
#include <deque>
#include <map>
#include <utility>

#include "actors/tools/probe/agent_image.hpp"
#include "actors/tools/probe/probe_run.hpp"
#include "core/wire/message.hpp"

using namespace kiln;

namespace probe_run {

namespace v2 = conform::v2;
using probing::finding;
using probing::outcome;

// Says what it is told to say, or nothing, and remembers what it was asked.
class told_call final : public outbound_call {
public:
  using answerer = std::function<std::optional<expected<byte_chain>>(const byte_chain&)>;
  explicit told_call(answerer says) : says_(std::move(says)) {}
  void write(byte_chain message, std::function<void(bool)> then) override {
    if (!asked_) answer_ = says_(message);
    asked_ = true;
    then(true);
  }
  void writes_done() override {}
  void cancel() override {}
  void read(std::function<void(expected<std::optional<byte_chain>>)> then) override {
    if (!answer_) return kept_.push_back(std::move(then));
    if (!*answer_) return then(failure(answer_->error()));
    if (std::exchange(told_, true)) return then(std::nullopt);
    then(**answer_);
  }

private:
  answerer says_;
  std::optional<expected<byte_chain>> answer_;
  bool asked_ = false, told_ = false;
  std::vector<std::function<void(expected<std::optional<byte_chain>>)>> kept_;
};

struct ran {
  std::string text;
  std::string worker;
};

// A server with a store, and workers that answer to one action after the other.
class told_server final : public channel {
public:
  bool executes = true;
  bool silent = false;
  std::optional<error> fault;  // of every Execute
  google::rpc::Status status;  // in the ExecuteResponse
  int exit_code = 0;
  bool beside = false;                // stdout is a blob
  std::deque<ran> runs;               // what each action comes back with; the last one again and again
  std::vector<v2::Command> commands;  // of the actions that were run
  std::map<std::string, std::string> blobs;

  std::shared_ptr<outbound_call> start(outbound_request request) override {
    auto method = request.method.substr(request.method.rfind('/') + 1);
    return std::make_shared<told_call>(
        [this, method](const byte_chain& asked) { return answer(method, asked); });
  }

private:
  std::optional<expected<byte_chain>> answer(const std::string& method, const byte_chain& asked) {
    if (method == "GetCapabilities") return capabilities();
    if (method == "FindMissingBlobs") return missing(*parse<v2::FindMissingBlobsRequest>(asked));
    if (method == "BatchUpdateBlobs") return update(*parse<v2::BatchUpdateBlobsRequest>(asked));
    if (method == "Read") return read(*parse<conform::bs::ReadRequest>(asked));
    if (method == "Execute") return execute(*parse<v2::ExecuteRequest>(asked));
    return fail(errc::unimplemented, "no such method: {}", method);
  }
  expected<byte_chain> capabilities() const {
    v2::ServerCapabilities told;
    told.mutable_cache_capabilities()->add_digest_functions(v2::DigestFunction::SHA256);
    told.mutable_execution_capabilities()->set_exec_enabled(executes);
    return serialise(told);
  }
  expected<byte_chain> missing(const v2::FindMissingBlobsRequest& asked) const {
    v2::FindMissingBlobsResponse told;
    for (const auto& one : asked.blob_digests())
      if (blobs.count(one.hash()) == 0) *told.add_missing_blob_digests() = one;
    return serialise(told);
  }
  expected<byte_chain> update(const v2::BatchUpdateBlobsRequest& asked) {
    v2::BatchUpdateBlobsResponse told;
    for (const auto& one : asked.requests()) {
      blobs[one.digest().hash()] = one.data();
      *told.add_responses()->mutable_digest() = one.digest();
    }
    return serialise(told);
  }
  expected<byte_chain> read(const conform::bs::ReadRequest& asked) const {
    conform::bs::ReadResponse told;
    for (const auto& [hash, data] : blobs)
      if (asked.resource_name().find(hash) != std::string::npos) told.set_data(data);
    return serialise(told);
  }
  std::optional<expected<byte_chain>> execute(const v2::ExecuteRequest& asked) {
    if (silent) return std::nullopt;
    if (fault) return failure(*fault);
    v2::Action action;
    BOOST_TEST_REQUIRE(action.ParseFromString(blobs[asked.action_digest().hash()]));
    BOOST_TEST_REQUIRE(commands.emplace_back().ParseFromString(blobs[action.command_digest().hash()]));
    v2::ExecuteResponse response;
    *response.mutable_status() = status;
    auto* result = response.mutable_result();
    result->set_exit_code(exit_code);
    result->set_stderr_raw("a reason");
    result->mutable_execution_metadata()->set_worker(runs.front().worker);
    if (beside) {
      auto made = conform::blob_of(runs.front().text, v2::DigestFunction::SHA256);
      blobs[made.digest.hash()] = made.data;
      *result->mutable_stdout_digest() = made.digest;
    } else {
      result->set_stdout_raw(runs.front().text);
    }
    if (runs.size() > 1) runs.pop_front();
    google::longrunning::Operation operation;
    operation.set_done(true);
    operation.mutable_response()->PackFrom(response);
    return serialise(operation);
  }
};

const std::string surveyed = "kiln-probe 1\nfiles\thomes\theld\t\nend 1\n";
const std::string left = "kiln-probe 1\nend 0\n";
const std::string looked = "kiln-probe 1\nleftovers\tits keys\theld\t\nend 1\n";
const std::string found = "kiln-probe 1\nleftovers\tits keys\tLEAKED\ta key\nend 1\n";

struct asked {
  std::shared_ptr<told_server> server = std::make_shared<told_server>();
  probing::probe_settings settings;

  asked() {
    settings.how.dial = [this] { return server; };
    settings.how.time = &system_clock();
    settings.how.nonce = 0xabc;
    settings.how.patience = std::chrono::seconds(5);
    server->runs = {{surveyed, "one"}, {left, "one"}, {looked, "one"}};
  }
  std::vector<finding> findings() {
    auto all = probing::probe_server(settings);
    BOOST_TEST_REQUIRE(all.has_value(), (all ? "" : all.error().message()));
    return *all;
  }
  std::string fault(errc code = errc::unavailable) {
    auto all = probing::probe_server(settings);
    BOOST_TEST_REQUIRE(!all.has_value());
    BOOST_TEST((all.error().code() == code));
    return all.error().message();
  }
};

bool has_words(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

}  // namespace probe_run

BOOST_FIXTURE_TEST_SUITE(probe_run, asked)

BOOST_AUTO_TEST_CASE(one_action_surveys_and_two_more_leave_and_look) {
  const std::vector<finding> wanted = {{"files", "homes", outcome::held, ""},
                                       {"leftovers", "its keys", outcome::held, ""}};
  BOOST_TEST((findings() == wanted));
  BOOST_TEST_REQUIRE(server->commands.size() == 3u);
  const char* orders[] = {"survey", "leave", "look"};
  for (int i = 0; i < 3; ++i) {
    const auto& command = server->commands[static_cast<std::size_t>(i)];
    BOOST_TEST(command.arguments(0) == "./kiln-probe-agent");
    BOOST_TEST(command.arguments(1) == orders[i]);
    BOOST_TEST(command.environment_variables_size() == 1);
    if (i > 0) BOOST_TEST(command.arguments(2) == "0000000000000abc");
  }
}

BOOST_AUTO_TEST_CASE(the_agent_is_a_program_and_is_uploaded_once) {
  BOOST_TEST(
      probing::agent_image().starts_with("\x7f"
                                         "ELF"));
  findings();
  int agents = 0;
  for (const auto& [hash, data] : server->blobs) agents += data == probing::agent_image();
  BOOST_TEST(agents == 1);
}

BOOST_AUTO_TEST_CASE(actions_ask_for_the_platform) {
  settings.platform = {{"pool", "large"}};
  findings();
  for (const auto& command : server->commands) {
    BOOST_TEST_REQUIRE(command.platform().properties_size() == 1);
    BOOST_TEST(command.platform().properties(0).value() == "large");
  }
}

BOOST_AUTO_TEST_CASE(output_beside_the_result_is_read) {
  server->beside = true;
  BOOST_TEST(findings().size() == 2u);
}

BOOST_AUTO_TEST_CASE(it_looks_until_it_comes_to_the_worker_where_it_left_something) {
  server->runs = {{surveyed, "one"}, {left, "one"}, {looked, "two"}, {looked, "three"}, {looked, "one"}};
  BOOST_TEST((findings().back().what == outcome::held));
  BOOST_TEST(server->commands.size() == 5u);
}

BOOST_AUTO_TEST_CASE(what_held_on_another_worker_proves_nothing) {
  server->runs = {{surveyed, "one"}, {left, "one"}, {looked, "two"}};
  auto last = findings().back();
  BOOST_TEST((last.what == outcome::untried));
  BOOST_TEST(has_words(last.seen, "one"));
  BOOST_TEST(has_words(last.seen, "two"));
}

BOOST_AUTO_TEST_CASE(a_leak_on_another_worker_is_a_leak) {
  server->runs = {{surveyed, "one"}, {left, "one"}, {found, "two"}, {looked, "one"}};
  BOOST_TEST((findings().back() == finding{"leftovers", "its keys", outcome::leaked, "a key"}));
}

BOOST_AUTO_TEST_CASE(a_server_without_execution_is_told_apart) {
  server->executes = false;
  BOOST_TEST(has_words(fault(), "no execution"));
  settings.instance = "main";
  BOOST_TEST(has_words(fault(), "main"));
}

BOOST_AUTO_TEST_CASE(an_action_that_nobody_takes_says_what_may_be_wrong) {
  server->silent = true;
  settings.how.patience = std::chrono::milliseconds(1);
  BOOST_TEST(has_words(fault(), "--platform"));
}

BOOST_AUTO_TEST_CASE(refusals_are_told_with_their_words) {
  server->fault = error(errc::permission_denied, "not you");
  BOOST_TEST(has_words(fault(), "not you"));
  server->fault.reset();
  server->status.set_code(8);
  server->status.set_message("no room");
  BOOST_TEST(has_words(fault(), "RESOURCE_EXHAUSTED: no room"));
}

BOOST_AUTO_TEST_CASE(an_agent_that_cannot_run_is_no_sandbox_that_holds) {
  server->exit_code = 126;
  auto said = fault();
  BOOST_TEST(has_words(said, "126"));
  BOOST_TEST(has_words(said, "a reason"));
  server->exit_code = 0;
  server->runs = {{"something else\n", "one"}};
  BOOST_TEST(has_words(fault(errc::internal), "did something else run in its place?"));
}

BOOST_AUTO_TEST_SUITE_END()
