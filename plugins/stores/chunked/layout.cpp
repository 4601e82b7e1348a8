#include "plugins/stores/chunked/layout.hpp"

#include <build/bazel/remote/execution/v2/remote_execution.pb.h>

#include "core/digest/hasher.hpp"
#include "core/digest/record_key.hpp"
#include "core/wire/action_record.hpp"
#include "core/wire/digests.hpp"
#include "core/wire/kept_record.hpp"
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

// What SplitBlob answers says it all.
bytes write_layout(const composition& whole) {
  v2::SplitBlobResponse said;
  for (const auto& part : whole.parts) to_wire(part, said.add_chunk_digests());
  said.set_chunking_function(static_cast<v2::ChunkingFunction::Value>(whole.cut_by));
  return write_kept_record(said.SerializeAsString());
}

expected<composition> read_layout(const bytes& record, const digest& blob) {
  auto content = read_kept_record(record);
  if (!content) return with_context(content.error(), "the layout of blob {}", blob);
  return composition_in(*content, blob);
}

expected<composition> read_old_layout(const bytes& record, const digest& blob) {
  auto content = unwrap_result(record);
  if (!content) return failure(content.error());
  return composition_in(*content, blob);
}

}  // namespace kiln::chunked
