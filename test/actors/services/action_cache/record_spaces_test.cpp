#include <caf/typed_event_based_actor.hpp>
#include <map>

#include "actors/scheduler/scheduler.hpp"
#include "actors/services/common/result_rules.hpp"
#include "actors/services/remote_asset/asset_record.hpp"
#include "core/contract/checked_source.hpp"
#include "core/contract/composition.hpp"
#include "core/digest/hasher.hpp"
#include "core/wire/action_record.hpp"
#include "kiln/asset/v1/asset.pb.h"
#include "test/actors/scheduler/scripted_worker.hpp"
#include "test/actors/services/remote_asset/remote_asset_bench.hpp"

/// What is kept in one store of results, by everybody who may write there: whoever writes one kind changes no
/// other, whatever digests it chooses.
using namespace kiln;
using namespace kiln::test;
namespace v1 = build::bazel::remote::asset::v1;
namespace v2 = build::bazel::remote::execution::v2;

namespace record_spaces {

constexpr const char* get_method = "/build.bazel.remote.execution.v2.ActionCache/GetActionResult";
constexpr const char* update_method = "/build.bazel.remote.execution.v2.ActionCache/UpdateActionResult";
const std::vector<std::string> instances{"", "a", "b"};

struct spaces_bench : service_bench {
  spaces_bench() {
    add_routes(routes, cache);
    add_routes(routes, own(spawn_remote_asset(actors(), {env(), cache, results, content, {}, {}})));
    BOOST_TEST_REQUIRE(worker.join().has_value());
    parts = {put_into(std::string(3000, 'x')), put_into(std::string(2000, 'y'))};
    blob = digest_of(std::string(3000, 'x') + std::string(2000, 'y'));
  }

  digest put_into(const std::string& text) { return put_blob(*this, content, text); }

  // Everything that is kept, as its owners find it.
  v2::ActionResult result_of(const std::string& instance) {
    v2::GetActionResultRequest request;
    request.set_instance_name(instance);
    to_wire(action, request.mutable_action_digest());
    return answer_of<v2::ActionResult>(get_method, request);
  }
  v1::FetchBlobResponse asset() {
    v1::FetchBlobRequest request;
    request.add_uris(uri);
    return answer_of<v1::FetchBlobResponse>("/build.bazel.remote.asset.v1.Fetch/FetchBlob", request);
  }
  std::string composed() {
    auto batch = ask<blob_batch>(content, read_blobs{{blob}});
    BOOST_TEST_REQUIRE(batch.has_value());
    return batch->results[0] ? std::string(batch->results[0]->view()) : "none";
  }
  std::map<std::string, std::string> all() {
    std::map<std::string, std::string> found{{"asset", asset().SerializeAsString()}, {"layout", composed()}};
    for (const auto& instance : instances)
      found["result of " + instance] = result_of(instance).SerializeAsString();
    return found;
  }

  // The ways in.
  errc update(const std::string& instance, const digest& about, const v2::ActionResult& result) {
    v2::UpdateActionResultRequest request;
    request.set_instance_name(instance);
    to_wire(about, request.mutable_action_digest());
    request.set_digest_function(static_cast<v2::DigestFunction::Value>(about.function));
    *request.mutable_action_result() = result;
    return code_of(update_method, request);
  }
  void work(const std::string& instance, const digest& about, const v2::ActionResult& result) {
    action_spec spec;
    spec.instance = instance;
    spec.action = about;
    auto before = worker.starts().size();
    BOOST_TEST_REQUIRE(ask<operation_state>(scheduler, submit_action{spec, 0, true, {}}).has_value());
    BOOST_TEST_REQUIRE(worker.starts().size() == before + 1);
    worker.finish(worker.starts().back(), {{}, serialise(result), 0, false});
    run();
  }
  errc push(const std::string& instance, const std::string& name, const digest& what) {
    v1::PushBlobRequest request;
    request.set_instance_name(instance);
    request.add_uris(name);
    to_wire(what, request.mutable_blob_digest());
    return code_of("/build.bazel.remote.asset.v1.Push/PushBlob", request);
  }
  void fill() {
    for (const auto& instance : instances) {
      v2::ActionResult result;
      result.set_stdout_raw("of instance " + instance);
      BOOST_TEST_REQUIRE(update(instance, action, result) == errc::ok);
    }
    BOOST_TEST_REQUIRE(push("", uri, parts[0]) == errc::ok);
    auto joined = checked(source_of(bytes::copy_of(std::string(3000, 'x') + std::string(2000, 'y'))), blob,
                          std::shared_ptr<thread_pool>(make_inline_pool()));
    write_blob order{blob, joined, composition{chunking_function::fast_cdc_2020, parts}};
    BOOST_TEST_REQUIRE(ask<receipt>(content, std::move(order)).has_value());
  }

  // Whatever somebody may have in mind who knows how names are made, now or formerly.
  std::vector<digest> targets() const {
    std::vector<digest> chosen;
    std::vector<digest> subjects{action, blob, asset_key(asset_kind::blob, digest_function::sha256, uri, {})};
    for (const auto& about : subjects)
      for (const auto& instance : instances)
        for (auto kind : {record_kind::action_result, record_kind::asset, record_kind::blob_layout})
          chosen.push_back(record_key(kind, instance, about));
    chosen.push_back(digest_of("layout of blob " + blob.to_string()));
    chosen.back().size = blob.size;
    chosen.push_back(digest_of(std::string("a") + '\0' + action.to_string()));
    chosen.back().size = action.size;
    chosen.push_back(subjects.back());
    chosen.push_back(blob);
    return chosen;
  }
  // A result that is also the layout of other bytes, and says of itself that it is an asset.
  v2::ActionResult evil() {
    v2::SplitBlobResponse layout;
    for (const auto& part : {parts[1], parts[0]}) to_wire(part, layout.add_chunk_digests());
    v2::ActionResult result = v2::ActionResult::default_instance();
    BOOST_TEST_REQUIRE(result.ParseFromString(layout.SerializeAsString()));
    result.set_stdout_raw(layout.SerializeAsString());
    auto* file = result.add_output_files();
    file->set_path("asset");
    to_wire(parts[1], file->mutable_digest());
    asset::v1::Asset note;
    note.set_uri(uri);
    result.mutable_execution_metadata()->add_auxiliary_metadata()->PackFrom(note);
    return result;
  }

  const std::string uri = "https://example.com/tool";
  const digest action = digest_of("an action");
  std::vector<digest> parts;
  digest blob;
  std::map<std::string, store_actor> stores = spawn_stores(
      "{content: {type: chunked, min_size: 1KiB, inner: {type: memory, capacity: 64MiB}, layouts: results},"
      " results: {type: memory, capacity: 64MiB}}",
      {{"content", store_role::content}, {"results", store_role::results}});
  store_actor content = stores.at("content");
  store_actor results = stores.at("results");
  action_cache_service cache = own(spawn_action_cache(actors(), {env(), results, content, {}}));
  scheduler_actor scheduler = own(spawn_scheduler(actors(), env(), {}, results));
  scripted_worker worker{*this, scheduler, {"w", {}, 1, 1}};
};

}  // namespace record_spaces

BOOST_FIXTURE_TEST_SUITE(record_spaces, spaces_bench)

BOOST_AUTO_TEST_CASE(a_client_of_any_instance_changes_nothing_but_what_it_names) {
  fill();
  const auto before = all();
  for (const auto& instance : instances)
    for (const auto& target : targets()) BOOST_TEST(update(instance, target, evil()) == errc::ok);
  BOOST_TEST((all() == before));

  v2::ActionResult other;
  other.set_stdout_raw("another");
  BOOST_TEST(update("a", action, other) == errc::ok);
  auto after = all();
  BOOST_TEST(after["result of a"] == other.SerializeAsString());
  after["result of a"] = before.at("result of a");
  BOOST_TEST((after == before));
}

BOOST_AUTO_TEST_CASE(a_worker_changes_nothing_but_the_result_of_its_action) {
  fill();
  const auto before = all();
  for (const auto& instance : instances)
    for (const auto& target : targets()) work(instance, target, evil());
  BOOST_TEST((all() == before));
}

BOOST_AUTO_TEST_CASE(who_pushes_assets_changes_no_others) {
  fill();
  const auto before = all();
  for (const auto& instance : instances)
    for (const auto& name : {std::string("https://example.com/other"), action.to_string(), blob.to_string()})
      BOOST_TEST(push(instance, name, parts[1]) == errc::ok);
  BOOST_TEST(push("a", uri, parts[1]) == errc::ok);
  BOOST_TEST((all() == before));
}

BOOST_AUTO_TEST_CASE(what_no_result_has_is_not_kept) {
  BOOST_TEST(update("", action, evil()) == errc::ok);
  const auto kept = result_of("");
  BOOST_TEST(kept.GetReflection()->GetUnknownFields(kept).empty());
  BOOST_TEST(kept.execution_metadata().auxiliary_metadata_size() == 0);
  BOOST_TEST(kept.output_files_size() == 1);
}

// There the names are others' to choose, so a result that says it is an asset must be known for none.
BOOST_AUTO_TEST_CASE(in_a_store_shared_with_others_a_result_is_no_asset) {
  const record_names shared(true);
  auto open = own(spawn_action_cache(actors(), {env(), results, content, {}, {}, shared}));
  add_routes(routes, open);
  add_routes(routes, own(spawn_remote_asset(actors(), {env(), open, results, content, {}, {}, shared})));
  auto about = asset_key(asset_kind::blob, digest_function::sha256, uri, {});
  const find_missing its_record{{record_key(record_kind::asset, "", about)}};
  BOOST_TEST(push("", uri, parts[0]) == errc::ok);
  BOOST_TEST(ask<missing_blobs>(results, its_record).value().blobs.empty());
  BOOST_TEST(update("", record_key(record_kind::asset, "", about), evil()) == errc::ok);
  BOOST_TEST(static_cast<errc>(asset().status().code()) == errc::not_found);
}

BOOST_AUTO_TEST_SUITE_END()
