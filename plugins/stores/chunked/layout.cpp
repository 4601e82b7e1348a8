#include "plugins/stores/chunked/layout.hpp"

#include <build/bazel/remote/execution/v2/remote_execution.pb.h>

#include "core/digest/hasher.hpp"
#include "core/wire/action_record.hpp"
#include "core/wire/digests.hpp"
#include "core/wire/message.hpp"

namespace kiln::chunked {
namespace v2 = build::bazel::remote::execution::v2;

digest layout_key(const digest& blob) {
  hasher mixed(blob.function);
  mixed.update("layout of blob ");
  mixed.update(blob.to_string());
  digest key = mixed.finish();
  key.size = blob.size;
  return key;
}

// What SplitBlob answers says it all, and one checksum is as good as another.
bytes write_layout(const composition& whole) {
  v2::SplitBlobResponse record;
  for (const auto& part : whole.parts) to_wire(part, record.add_chunk_digests());
  record.set_chunking_function(static_cast<v2::ChunkingFunction::Value>(whole.cut_by));
  return wrap_result(serialise(record));
}

expected<composition> read_layout(const bytes& record, const digest& blob) {
  auto content = unwrap_result(record);
  if (!content) return failure(content.error());
  auto layout = parse<v2::SplitBlobResponse>(*content);
  if (!layout) return fail(errc::data_loss, "the layout of blob {} is none", blob);
  composition whole;
  whole.cut_by = layout->chunking_function() == v2::ChunkingFunction::FAST_CDC_2020
                     ? chunking_function::fast_cdc_2020
                     : chunking_function::unknown;
  std::int64_t left = blob.size;
  for (const auto& name : layout->chunk_digests()) {
    auto part = from_wire(name, blob.function);
    if (!part || part->size > left) return fail(errc::data_loss, "the layout of blob {} is broken", blob);
    left -= part->size;
    whole.parts.push_back(*part);
  }
  if (left > 0) return fail(errc::data_loss, "the layout of blob {} is {} bytes short", blob, left);
  return whole;
}

}  // namespace kiln::chunked
