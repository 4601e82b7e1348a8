#include "actors/tools/conform/rules/action_cache_rules.hpp"

#include <iterator>

#include "actors/tools/conform/rules/streams.hpp"

// 8. ActionCache. Two rules are about a server's inside: 135 and 143.
namespace kiln::conform {
namespace {

void asking_extends_life(probe& ask) {
  auto output = ask.fresh(), said = ask.fresh();
  ask.store({output, said});
  v2::ActionResult result;
  auto* file = result.add_output_files();
  file->set_path("file");
  *file->mutable_digest() = output.digest;
  *result.mutable_stdout_digest() = said.digest;
  auto action = stored_action(ask);
  ask.ok(ask.update_result(action.digest, result));
  flood(ask, 10 * ask.server().fill, [&](const blob&) { ask.ok(ask.get_result(action.digest)); });
  expect_stored(ask, output);
  expect_stored(ask, said);
}

void without_action(probe& ask) {
  auto nobody_has = ask.fresh();
  ask.expect(ask.update_result(nobody_has.digest, result_saying("hello")),
             {errc::ok, errc::failed_precondition});
}

void no_right(probe& ask) {
  if (ask.server().cache().action_cache_update_capabilities().update_enabled())
    ask.skip("the server lets us update results");
  auto action = stored_action(ask);
  ask.expect(ask.update_result(action.digest, result_saying("hello")), errc::permission_denied);
  expect_no_result(ask, action);
}

void timed_out(probe& ask) {
  auto action = action_of(ask, "sleep 9");
  action.mutable_timeout()->set_nanos(200'000'000);
  auto stored = ask.store_message(action);
  auto response = response_of(ask, execute(ask, stored));
  ask.check(response.status().code() != 0, "a status that is not OK, for the time was over");
  expect_no_result(ask, stored);
}

// Some servers are told to keep failures; what they refused they may not keep.
void failed_actions(probe& ask) {
  auto action = stored_action(ask);
  auto failure = result_saying("failed");
  failure.set_exit_code(1);
  auto updated = ask.update_result(action.digest, failure);
  if (updated.ok()) {
    auto got = ask.get_result(action.digest);
    ask.expect(got, {errc::ok, errc::not_found});
    if (got.ok()) ask.equal("exit_code", got.message().exit_code(), 1);
    return;
  }
  ask.refused(updated);
  expect_no_result(ask, action);
}

void do_not_cache(probe& ask) {
  auto action = action_of(ask, "exit 0");
  action.set_do_not_cache(true);
  auto stored = ask.store_message(action);
  auto response = response_of(ask, execute(ask, stored));
  ask.equal("status", response.status().code(), 0);
  expect_no_result(ask, stored);
}

void parts_of_the_key(probe& ask) {
  auto action = action_of(ask, "exit 0");
  auto stored = ask.store_message(action);
  ask.ok(ask.update_result(stored.digest, result_saying("hello")));
  auto salted = action, hurried = action, elsewhere = action;
  salted.set_salt(ask.fresh_bytes(16));
  hurried.mutable_timeout()->set_seconds(77);
  auto* property = elsewhere.mutable_platform()->add_properties();
  property->set_name("zone");
  property->set_value("elsewhere");
  for (const auto& other : {salted, hurried, elsewhere}) expect_no_result(ask, ask.store_message(other));
  ask.ok(ask.get_result(stored.digest));
}

void other_instances(probe& ask) {
  auto action = stored_action(ask);
  ask.ok(ask.update_result(action.digest, result_saying("hello")));
  for (const auto& instance : {ask.in_instance("elsewhere"), std::string("conform/another")}) {
    auto request = ask.request<v2::GetActionResultRequest>();
    request.set_instance_name(instance);
    *request.mutable_action_digest() = action.digest;
    ask.expect(ask.ask<v2::ActionResult>(probe::reapi("ActionCache/GetActionResult"), request),
               {errc::not_found, errc::invalid_argument, errc::permission_denied});
  }
}

// A result in whose every part stands the same word.
v2::ActionResult woven(const std::string& word) {
  auto result = result_saying(word);
  for (int i = 0; i < 50; ++i) {
    auto* link = result.add_output_symlinks();
    link->set_path(fmt::format("link{}", i));
    link->set_target(word);
  }
  return result;
}

void expect_woven(probe& ask, const v2::ActionResult& got) {
  const auto& word = got.stdout_raw();
  bool whole = !word.empty() && got.stderr_raw() == word && got.output_symlinks_size() == 50;
  for (const auto& link : got.output_symlinks()) whole = whole && link.target() == word;
  ask.check(whole, "one of the results that were written, whole");
}

void concurrent_updates(probe& ask) {
  auto action = stored_action(ask);
  using updating = dialogue<v2::UpdateActionResultRequest, v2::ActionResult>;
  std::vector<updating> updates;
  for (int i = 0; i < 20; ++i) {
    auto request = ask.request<v2::UpdateActionResultRequest>();
    *request.mutable_action_digest() = action.digest;
    *request.mutable_action_result() = woven(fmt::format("update {}", i));
    updates.push_back(ask.open<v2::UpdateActionResultRequest, v2::ActionResult>(
        probe::reapi("ActionCache/UpdateActionResult")));
    updates.back().send(request);
    updates.back().half_close();
  }
  for (auto& one : updates) {
    ask.expect(one.rest(), {errc::ok, errc::already_exists, errc::aborted});
    expect_woven(ask, ask.ok(ask.get_result(action.digest)));
  }
}

void read_after_update(probe& ask) {
  for (int i = 0; i < ask.scaled(200, 20); ++i) {
    auto action = ask.store_message(action_of(ask, "exit 0"));
    auto word = fmt::format("result {}", i);
    ask.ok(ask.update_result(action.digest, result_saying(word)));
    if (i % 20 == 0) ask.reconnect();
    auto got = ask.ok(ask.get_result(action.digest));
    ask.check(got.stdout_raw() == word, fmt::format("the result with stdout_raw: \"{}\"", word));
  }
}

}  // namespace

v2::ActionResult result_saying(const std::string& word) {
  v2::ActionResult result;
  result.set_stdout_raw(word);
  result.set_stderr_raw(word);
  return result;
}

void expect_no_result(probe& ask, const blob& action) {
  ask.expect(ask.get_result(action.digest), errc::not_found);
}

std::vector<rule> action_cache_rules() {
  constexpr auto updates = needs::cache | needs::action_cache_updates;
  std::vector<rule> all{
      {128, tag::stated, "an action without a result is NOT_FOUND", needs::cache,
       [](probe& ask) { expect_no_result(ask, ask.fresh()); }},
      {130, tag::should, "asking for a result extends the life of what it refers to",
       updates | needs::filling | needs::alone | needs::slow, asking_extends_life},
      {133, tag::stated, "a result for an action that is not there is kept, or FAILED_PRECONDITION", updates,
       without_action},
      {136, tag::must, "an update by a client without the right to it is PERMISSION_DENIED", needs::cache,
       no_right},
      {137, tag::must, "the result of an action that did not end well is not kept",
       needs::cache | needs::worker | needs::slow, timed_out},
      {138, tag::choice, "a result with an exit_code that was refused is not kept", updates, failed_actions},
      {139, tag::must, "the result of an action with do_not_cache is not kept", needs::cache | needs::worker,
       do_not_cache},
      {140, tag::stated, "salt, timeout and platform are parts of the key", updates, parts_of_the_key},
      {141, tag::choice, "an instance does not see what another one keeps", updates, other_instances},
      {142, tag::choice, "of updates at once one wins, and nobody sees it torn", updates, concurrent_updates},
      {144, tag::choice, "an acknowledged result is found at once, by every connection", updates,
       read_after_update},
  };
  auto more = action_result_rules();
  std::move(more.begin(), more.end(), std::back_inserter(all));
  return all;
}

}  // namespace kiln::conform
