#include <algorithm>
#include <limits>
#include <set>
#include <tuple>

#include "actors/tools/conform/rules/action_cache_rules.hpp"
#include "actors/tools/conform/rules/streams.hpp"

// 9. Capabilities.
namespace kiln::conform {
namespace {

constexpr std::int64_t max_tried = 64 << 20;  // bytes that a rule about a limit sends

v2::ServerCapabilities announced(probe& ask) {
  return ask.ok(ask.capabilities(ask.instance()));
}

void always_ok(probe& ask) {
  for (int i = 0; i < 3; ++i) announced(ask);
  auto without_fields = ask.capabilities(ask.instance());
  ask.ok(without_fields);
  ask.equal("messages", without_fields.messages.size(), 1u);
}

void what_is_served(probe& ask) {
  auto all = announced(ask);
  ask.check(all.has_cache_capabilities() || all.has_execution_capabilities(), "capabilities of some kind");
  auto cache = ask.find_missing(std::vector<v2::Digest>{});
  if (all.has_cache_capabilities())
    ask.expect(cache, errc::ok);
  else if (cache.ok())
    ask.fail("cache_capabilities, for FindMissingBlobs is answered", "none");
  auto execution = execute(ask, ask.fresh());
  if (!all.has_execution_capabilities()) {
    if (execution.ok()) ask.fail("execution_capabilities, for Execute is answered", "none");
  } else if (all.execution_capabilities().exec_enabled()) {
    bool served = !execution.silent && execution.status.code() != errc::unimplemented;
    if (!served) ask.fail("Execute to be served, as it is announced", shown(execution.status));
  }
}

void functions(probe& ask) {
  auto all = announced(ask);
  auto known = [&](const auto& functions) {
    return std::find(functions.begin(), functions.end(), v2::DigestFunction::UNKNOWN) == functions.end();
  };
  ask.check(known(all.cache_capabilities().digest_functions()), "no UNKNOWN among the cache's functions");
  if (!all.has_execution_capabilities()) return;
  const auto& execution = all.execution_capabilities();
  const auto& several = execution.digest_functions();
  ask.check(known(several), "no UNKNOWN among the functions of execution");
  ask.check(execution.digest_function() != v2::DigestFunction::UNKNOWN &&
                std::find(several.begin(), several.end(), execution.digest_function()) != several.end(),
            "a digest_function of execution that is one of its digest_functions");
}

void versions(probe& ask) {
  auto all = announced(ask);
  auto number = [](const auto& v) { return std::tuple(v.major(), v.minor(), v.patch()); };
  auto low = number(all.low_api_version());
  ask.check(low <= number(all.high_api_version()), "a low_api_version up to the high_api_version");
  ask.check(!all.has_deprecated_api_version() || number(all.deprecated_api_version()) <= low,
            "a deprecated_api_version up to the low_api_version");
}

std::string name_in(probe& ask, compressor_kind form, const blob& of) {
  std::string compressor = v2::Compressor::Value_Name(form);
  for (char& c : compressor) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  auto plain = ask.read_name(of).substr(ask.in_instance("blobs/").size());
  return ask.in_instance("compressed-blobs/" + compressor + "/" + plain);
}

void batch_update_compressed(probe& ask, const blob& what) {
  auto request = ask.request<v2::BatchUpdateBlobsRequest>();
  auto* one = request.add_requests();
  *one->mutable_digest() = what.digest;
  one->set_compressor(v2::Compressor::ZSTD);
  one->set_data(zstd_frame(what.data));
  auto got = ask.ok(ask.ask<v2::BatchUpdateBlobsResponse>(
      probe::reapi("ContentAddressableStorage/BatchUpdateBlobs"), request));
  ask.check(got.responses_size() == 1 && got.responses(0).status().code() == 0, "one response, which is OK");
}

void compressors(probe& ask) {
  auto plain = ask.fresh(1000);
  expect_committed(ask, ask.write(ask.write_name(plain), plain.data), {1000});
  expect_stored(ask, plain);
  // Of those for which we have no decoder, only that they are served.
  for (int form : ask.server().cache().supported_compressors())
    if (form != v2::Compressor::IDENTITY)
      ask.expect(ask.read(name_in(ask, static_cast<compressor_kind>(form), plain)), errc::ok);
  if (ask.server().announces(v2::Compressor::ZSTD)) {
    auto packed = ask.fresh(1000);
    ask.ok(ask.write(ask.compressed_write_name(packed), zstd_frame(packed.data)));
    expect_stored(ask, packed);
    expect_zstd(ask, ask.read(ask.compressed_read_name(packed)), packed.data);
  }
  if (ask.server().announces_batch(v2::Compressor::ZSTD)) {
    auto batched = ask.fresh(1000);
    batch_update_compressed(ask, batched);
    expect_stored(ask, batched);
  }
}

// So many bytes in so many blobs.
std::vector<blob> blobs_of(probe& ask, std::int64_t total, std::int64_t count) {
  std::vector<blob> made;
  for (std::int64_t i = 0; i < count; ++i)
    made.push_back(ask.fresh(static_cast<std::size_t>(total * (i + 1) / count - total * i / count)));
  return made;
}

void announced_batch_limit(probe& ask) {
  auto limit = ask.server().cache().max_batch_total_size_bytes();
  if (limit <= 0) ask.skip("no max_batch_total_size_bytes is announced");
  if (limit > max_tried) ask.skip("max_batch_total_size_bytes is more than this rule sends");
  for (std::int64_t count : {std::int64_t{1}, std::clamp<std::int64_t>(limit / 1024, 1, 3000)}) {
    ask.store(blobs_of(ask, limit, count));
    ask.expect(ask.batch_update(blobs_of(ask, limit + 1, count)), errc::invalid_argument);
  }
}

void blob_limit(probe& ask) {
  auto limit = ask.server().cache().max_cas_blob_size_bytes();
  if (limit <= 0 || limit == std::numeric_limits<std::int64_t>::max())
    ask.skip("no max_cas_blob_size_bytes is announced");
  auto beyond = ask.fresh();
  beyond.digest.set_size_bytes(limit + 1);
  auto refused = ask.start_write();
  refused.send(piece(ask.write_name(beyond), 0, beyond.data));
  ask.expect(refused.rest(), errc::invalid_argument);
  if (limit <= max_tried) {
    auto largest = ask.fresh(static_cast<std::size_t>(limit));
    expect_committed(ask, ask.write(ask.write_name(largest), largest.data), {limit});
    return;
  }
  using namespace std::chrono_literals;
  auto largest = ask.fresh();
  largest.digest.set_size_bytes(limit);
  auto taken = ask.start_write();
  taken.send(piece(ask.write_name(largest), 0, largest.data));
  taken.next(500ms);
  if (taken.ended()) ask.expect(taken.rest(), errc::resource_exhausted);  // within the limit, but it is full
}

void symlinks(probe& ask) {
  auto strategy = announced(ask).cache_capabilities().symlink_absolute_path_strategy();
  ask.check(strategy != v2::SymlinkAbsolutePathStrategy::UNKNOWN,
            "a symlink_absolute_path_strategy that is not UNKNOWN");
  if (strategy == v2::SymlinkAbsolutePathStrategy::ALLOWED &&
      ask.server().cache().action_cache_update_capabilities().update_enabled()) {
    auto action = stored_action(ask);
    auto result = result_saying("hello");
    auto* link = result.add_output_symlinks();
    link->set_path("link");
    link->set_target("/bin/sh");
    ask.ok(ask.update_result(action.digest, result));
    auto got = ask.ok(ask.get_result(action.digest));
    ask.check(got.output_symlinks_size() == 1 && got.output_symlinks(0).target() == "/bin/sh",
              "the symlink to /bin/sh");
  }
  if (!ask.server().has_worker) return;
  v2::Directory root;
  auto* link = root.add_symlinks();
  link->set_name("link");
  link->set_target("/bin/sh");
  auto action = action_of(ask, "test -L link");
  *action.mutable_input_root_digest() = ask.store_message(root).digest;
  auto got = execute(ask, ask.store_message(action));
  if (strategy == v2::SymlinkAbsolutePathStrategy::ALLOWED) {
    auto response = response_of(ask, got);
    ask.check(response.status().code() == 0 && response.result().exit_code() == 0,
              "the action finds its link");
  } else if (got.ok()) {
    ask.check(response_of(ask, got).status().code() != 0, "a refusal, for absolute symlinks are DISALLOWED");
  }
}

// Zero is always allowed; beyond it, what is announced.
std::set<std::int32_t> allowed(probe& ask, const v2::PriorityCapabilities& announced) {
  std::set<std::int32_t> some{0};
  for (const auto& range : announced.priorities()) {
    ask.check(range.min_priority() <= range.max_priority(), "ranges of priorities from low to high");
    some.insert({range.min_priority(), range.max_priority()});
  }
  return some;
}

void priorities(probe& ask) {
  auto all = announced(ask);
  auto of_results = allowed(ask, all.cache_capabilities().cache_priority_capabilities());
  auto of_actions = allowed(ask, all.execution_capabilities().execution_priority_capabilities());
  if (ask.server().cache().action_cache_update_capabilities().update_enabled())
    for (auto priority : of_results) {
      auto request = ask.request<v2::UpdateActionResultRequest>();
      *request.mutable_action_digest() = stored_action(ask).digest;
      *request.mutable_action_result() = result_saying("hello");
      request.mutable_results_cache_policy()->set_priority(priority);
      ask.ok(ask.ask<v2::ActionResult>(probe::reapi("ActionCache/UpdateActionResult"), request));
    }
  if (ask.server().has_worker)
    for (auto priority : of_actions) {
      auto request = ask.request<v2::ExecuteRequest>();
      *request.mutable_action_digest() = stored_action(ask).digest;
      request.mutable_execution_policy()->set_priority(priority);
      auto response = response_of(
          ask, ask.ask<google::longrunning::Operation>(probe::reapi("Execution/Execute"), request));
      ask.equal("status", response.status().code(), 0);
    }
}

double milliseconds_to_answer(probe& ask) {
  auto asked = ask.time().now();
  announced(ask);
  return std::chrono::duration<double, std::milli>(ask.time().now() - asked).count();
}

double median(std::vector<double> of) {
  std::nth_element(of.begin(), of.begin() + static_cast<std::ptrdiff_t>(of.size() / 2), of.end());
  return of[of.size() / 2];
}

// Most of the answers in time: one may be late because of us, or because of what else runs on the machine.
// Asked until it is known what most of them do.
void answered_under_load(probe& ask) {
  constexpr double limit = 50;
  const auto most = ask.scaled<std::size_t>(6, 3);
  std::size_t in_time = 0;
  std::vector<double> idle, late;
  for (int i = 0; i < 11; ++i) idle.push_back(milliseconds_to_answer(ask));
  if (median(idle) > limit / 5) ask.skip("the way to the server is too long to tell");
  auto wanted = ask.fresh(ask.scaled<std::size_t>(2, 1) << 20);
  ask.store(wanted);
  bs::ReadRequest request;
  request.set_resource_name(ask.read_name(wanted));
  while (in_time < most && late.size() < most) {
    std::vector<probe::write_dialogue> writes;
    std::vector<dialogue<bs::ReadRequest, bs::ReadResponse>> reads;
    for (int i = 0; i < ask.scaled(8, 4); ++i) {
      auto sent = ask.fresh(1 << 20);
      writes.push_back(ask.start_write());
      writes.back().send(piece(ask.write_name(sent), 0, sent.data, true));
      reads.push_back(ask.open<bs::ReadRequest, bs::ReadResponse>(probe::byte_stream("Read")));
      reads.back().send(request);
    }
    auto took = milliseconds_to_answer(ask);
    if (took < limit)
      ++in_time;
    else
      late.push_back(took);
    for (auto& one : writes) ask.ok(one.finish());
    for (auto& one : reads) ask.expect(one.finish(), errc::ok);
  }
  if (late.size() == most)
    ask.fail("an answer within 50 ms, while blobs come and go",
             fmt::format("one within {:.0f} ms", *std::min_element(late.begin(), late.end())));
}

// Whether each may update results, and whether it is told so.
void two_clients(probe& ask) {
  if (!ask.has_token()) ask.skip("all clients are one, for no token was given");
  auto action = stored_action(ask);
  v2::GetCapabilitiesRequest question;
  question.set_instance_name(ask.instance());
  auto update = ask.request<v2::UpdateActionResultRequest>();
  *update.mutable_action_digest() = action.digest;
  *update.mutable_action_result() = result_saying("hello");
  for (bool anonymous : {false, true, false}) {
    asked_with as{{}, {}, anonymous};
    auto told = ask.ask<v2::ServerCapabilities>(probe::reapi("Capabilities/GetCapabilities"), question, as);
    if (!anonymous) ask.ok(told);
    ask.expect(told, {errc::ok, errc::unauthenticated, errc::permission_denied});
    bool allowed = told.message().cache_capabilities().action_cache_update_capabilities().update_enabled();
    auto updated = ask.ask<v2::ActionResult>(probe::reapi("ActionCache/UpdateActionResult"), update, as);
    if (allowed)
      ask.ok(updated);
    else
      ask.expect(updated, {errc::permission_denied, errc::unauthenticated});
  }
}

}  // namespace

std::vector<rule> capabilities_rules() {
  return {
      {147, tag::stated, "GetCapabilities is always OK", needs::nothing, always_ok},
      {148, tag::stated, "what is announced is served, and nothing else", needs::nothing, what_is_served},
      {149, tag::must, "no digest function is UNKNOWN, and execution's is one of its own", needs::nothing,
       functions},
      {150, tag::stated, "the low version is not above the high one, nor the deprecated above the low",
       needs::nothing, versions},
      {151, tag::must, "each announced compressor is served", needs::cache, compressors},
      {152, tag::stated, "batches up to max_batch_total_size_bytes are taken, and not a byte more",
       needs::cache, announced_batch_limit},
      {153, tag::stated, "blobs up to max_cas_blob_size_bytes are taken, and not a byte more", needs::cache,
       blob_limit},
      {154, tag::stated, "symlink_absolute_path_strategy is told, and true", needs::cache, symlinks},
      {155, tag::stated, "the announced priorities are taken", needs::nothing, priorities},
      {156, tag::choice, "GetCapabilities is answered within 50 ms while blobs come and go",
       needs::cache | needs::alone | needs::slow, answered_under_load},
      {157, tag::choice, "each client is told its own rights", needs::cache, two_clients},
  };
}

}  // namespace kiln::conform
