#include <array>

#include "actors/tools/conform/probe.hpp"

// 1. Instance names and resource names.
namespace kiln::conform {
namespace {

constexpr std::array<std::string_view, 7> keywords{
    "blobs", "uploads", "actions", "actionResults", "operations", "capabilities", "compressed-blobs"};

answer<v2::FindMissingBlobsResponse> find_missing_in(probe& ask, const std::string& instance,
                                                     const blob& one) {
  auto request = ask.request<v2::FindMissingBlobsRequest>();
  request.set_instance_name(instance);
  *request.add_blob_digests() = one.digest;
  return ask.ask<v2::FindMissingBlobsResponse>(probe::reapi("ContentAddressableStorage/FindMissingBlobs"),
                                               request);
}

std::string tail(const blob& one) {
  return fmt::format("blobs/{}{}/{}", is_named_in_paths(one.function) ? path_name(one.function) + "/" : "",
                     one.digest.hash(), one.digest.size_bytes());
}

void instances_of_several_segments(probe& ask) {
  if (ask.instance().empty()) {
    auto one = ask.fresh();
    ask.ok(ask.write("uploads/" + ask.fresh_uuid() + "/" + tail(one), one.data));
    ask.check(data_of(ask.read(tail(one))) == one.data, "the blob's bytes");
  }
  auto deep = ask.in_instance("a/b/c");
  if (!ask.capabilities(deep).ok()) ask.skip("no instance of several segments is served");
  auto one = ask.fresh();
  ask.ok(ask.write(fmt::format("{}/uploads/{}/{}", deep, ask.fresh_uuid(), tail(one)), one.data));
  ask.check(data_of(ask.read(deep + "/" + tail(one))) == one.data, "the blob's bytes");
}

void keywords_are_no_instances(probe& ask) {
  auto one = ask.fresh();
  for (auto word : keywords) {
    auto instance = ask.in_instance(fmt::format("a/{}/b", word));
    ask.expect(find_missing_in(ask, instance, one), errc::invalid_argument);
    // As a ByteStream name it may be read in another way, but never as a blob that is there.
    ask.expect(ask.read(instance + "/" + tail(one)), {errc::invalid_argument, errc::not_found});
  }
}

void unknown_instance_is_refused(probe& ask) {
  auto unknown = fmt::format("nobody-{}", ask.fresh_number());
  if (ask.capabilities(unknown).ok()) ask.skip("every instance is served");
  auto stored = ask.fresh();
  ask.store(stored);
  auto asked = find_missing_in(ask, unknown, stored);
  ask.expect(asked, {errc::not_found, errc::invalid_argument, errc::permission_denied});
  ask.expect(ask.read(unknown + "/" + tail(stored)), asked.status.code());
  ask.expect(ask.write(fmt::format("{}/uploads/{}/{}", unknown, ask.fresh_uuid(), tail(stored)), stored.data),
             asked.status.code());
  auto request = ask.request<v2::GetActionResultRequest>();
  request.set_instance_name(unknown);
  *request.mutable_action_digest() = stored.digest;
  ask.expect(ask.ask<v2::ActionResult>(probe::reapi("ActionCache/GetActionResult"), request),
             asked.status.code());
}

void malformed_names_are_refused(probe& ask) {
  auto stored = ask.fresh();
  ask.store(stored);
  const auto& hash = stored.digest.hash();
  const std::vector<std::string> wrong{
      "",
      "blobs",
      "blobs/" + hash,
      "blobs/" + hash + "/",
      "blobs/" + hash + "/many",
      "blobs/" + hash + "/1e2",
      "blobs//" + hash + "/100",
      "/blobs/" + hash,
      "blobs/" + hash + "/99999999999999999999",
      "compressed-blobs/" + tail(stored),
      std::string(5000, 'a') + "/" + hash,
      "blobs/" + std::string(5000, 'a') + "/100",
  };
  for (const auto& name : wrong) {
    ask.expect(ask.read(ask.in_instance(name)), errc::invalid_argument);
    ask.expect(ask.write(ask.in_instance("uploads/" + ask.fresh_uuid() + "/" + name), stored.data),
               errc::invalid_argument);
  }
  // Field 1, three bytes that are no UTF-8.
  ask.expect(ask.ask_raw<bs::ReadResponse>(probe::byte_stream("Read"), std::string("\x0a\x03\xff\xfe\x80")),
             errc::invalid_argument);
  ask.check(data_of(ask.read(ask.read_name(stored))) == stored.data, "the connection still serves");
}

void header_routes_to_no_other_blob(probe& ask) {
  auto asked = ask.fresh(), other = ask.fresh();
  ask.store({asked, other});
  bs::ReadRequest request;
  request.set_resource_name(ask.read_name(asked));
  asked_with header{{{"build.bazel.remote.execution.v2.resource-name", ask.read_name(other)}}, {}};
  auto read = ask.ask<bs::ReadResponse>(probe::byte_stream("Read"), request, header);
  if (read.status.code() == errc::invalid_argument) return;
  ask.ok(read);
  ask.check(data_of(read) == asked.data, "the bytes of the blob that the message names");
}

}  // namespace

std::vector<rule> resource_name_rules() {
  return {
      {15, tag::stated,
       "names without an instance have no slash in front; instances may have several segments", needs::cache,
       instances_of_several_segments},
      {16, tag::stated, "an instance with a keyword for a segment is INVALID_ARGUMENT", needs::cache,
       keywords_are_no_instances},
      {17, tag::choice, "an instance that is not served is refused everywhere by the same code", needs::cache,
       unknown_instance_is_refused},
      {18, tag::stated, "an upload's id that is no UUID is taken, or INVALID_ARGUMENT", needs::cache,
       [](probe& ask) {
         for (std::string id : {"no-uuid", "00000000-0000-0000-0000-000000000000"}) {
           auto one = ask.fresh();
           auto name = ask.in_instance("uploads/" + id + "/" + tail(one));
           ask.expect(ask.write(name, one.data), {errc::ok, errc::invalid_argument});
         }
       }},
      {19, tag::stated, "what stands behind the size in an upload's name is ignored", needs::cache,
       [](probe& ask) {
         auto one = ask.fresh();
         ask.ok(ask.write(ask.write_name(one) + "/some/metadata.txt", one.data));
         ask.check(data_of(ask.read(ask.read_name(one))) == one.data, "the blob's bytes");
       }},
      {20, tag::choice, "a malformed name is INVALID_ARGUMENT, and the connection lives on", needs::cache,
       malformed_names_are_refused},
      {21, tag::must, "a resource name in the header never leads to another blob than the message's",
       needs::cache, header_routes_to_no_other_blob},
  };
}

}  // namespace kiln::conform
