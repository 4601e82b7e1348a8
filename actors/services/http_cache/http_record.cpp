#include "actors/services/http_cache/http_record.hpp"

#include "build/bazel/remote/execution/v2/remote_execution.pb.h"
#include "core/digest/hasher.hpp"
#include "core/wire/digests.hpp"
#include "core/wire/message.hpp"

namespace kiln {
namespace v2 = build::bazel::remote::execution::v2;

bytes record_of_blob(const digest& blob) {
  v2::ActionResult result;
  auto* file = result.add_output_files();
  file->set_path("blob");
  to_wire(blob, file->mutable_digest());
  return serialise(result);
}

expected<digest> blob_of_record(const bytes& result, digest_function function) {
  auto parsed = parse<v2::ActionResult>(result);
  if (!parsed) return failure(parsed.error());
  if (parsed->output_files_size() != 1 || parsed->output_files(0).path() != "blob")
    return fail(errc::data_loss, "the record is not one of a blob");
  return from_wire(parsed->output_files(0).digest(), function);
}

digest value_key(std::string_view path) {
  hasher mixed(digest_function::sha256);
  mixed.update("kiln http value v1: ");
  mixed.update(path);
  return mixed.finish();
}

}  // namespace kiln
