#include "plugins/stores/chunked/layout.hpp"

#include <build/bazel/remote/execution/v2/remote_execution.pb.h>

#include "core/digest/hasher.hpp"
#include "core/digest/record_key.hpp"
#include "core/wire/action_record.hpp"
#include "core/wire/digests.hpp"
#include "core/wire/message.hpp"

namespace kiln::chunked {
namespace v2 = build::bazel::remote::execution::v2;
namespace {

expected<composition> composition_in(const byte_chain& layout, const digest& blob) {
  auto said = parse<v2::SplitBlobResponse>(layout);
  if (!said) return fail(errc::data_loss, "the layout of blob {} is none", blob);
  composition whole;
  whole.cut_by = said->chunking_function() == v2::ChunkingFunction::FAST_CDC_2020
                     ? chunking_function::fast_cdc_2020
                     : chunking_function::unknown;
  std::int64_t left = blob.size;
  for (const auto& name : said->chunk_digests()) {
    auto part = from_wire(name, blob.function);
    if (!part || part->size > left) return fail(errc::data_loss, "the layout of blob {} is broken", blob);
    left -= part->size;
    whole.parts.push_back(*part);
  }
  if (left > 0) return fail(errc::data_loss, "the layout of blob {} is {} bytes short", blob, left);
  return whole;
}

}  // namespace

digest layout_key(const digest& blob) {
  return record_key(record_kind::blob_layout, {}, blob);
}

digest old_layout_key(const digest& blob) {
  hasher mixed(blob.function);
  mixed.update("layout of blob ");
  mixed.update(blob.to_string());
  digest key = mixed.finish();
  key.size = blob.size;
  return key;
}

// What SplitBlob answers says it all. It lies in an ActionResult, as the standard output of nobody, for a
// store of results may be another server's, which keeps nothing else.
bytes write_layout(const composition& whole) {
  v2::SplitBlobResponse said;
  for (const auto& part : whole.parts) to_wire(part, said.add_chunk_digests());
  said.set_chunking_function(static_cast<v2::ChunkingFunction::Value>(whole.cut_by));
  v2::ActionResult record;
  record.set_stdout_raw(said.SerializeAsString());
  return wrap_result(serialise(record));
}

expected<composition> read_layout(const bytes& record, const digest& blob) {
  auto content = unwrap_result(record);
  if (!content) return failure(content.error());
  auto result = parse<v2::ActionResult>(*content);
  if (!result) return fail(errc::data_loss, "the layout of blob {} is none", blob);
  return composition_in(bytes::adopt(std::move(*result->mutable_stdout_raw())), blob);
}

expected<composition> read_old_layout(const bytes& record, const digest& blob) {
  auto content = unwrap_result(record);
  if (!content) return failure(content.error());
  return composition_in(*content, blob);
}

}  // namespace kiln::chunked
