#include "core/wire/digests.hpp"

#include "build/bazel/remote/execution/v2/remote_execution.pb.h"
#include "core/wire/field_reader.hpp"
#include "core/wire/utf8.hpp"

namespace kiln {

namespace v2 = build::bazel::remote::execution::v2;

expected<digest> from_wire(const v2::Digest& digest, digest_function function) {
  return parse_digest(function, digest.hash(), digest.size_bytes());
}

void to_wire(const digest& from, v2::Digest* to) {
  to->set_hash(from.hex());
  to->set_size_bytes(from.size);
}

bool read_digest(std::string_view encoded, wire_digest& into) {
  field_reader fields(encoded);
  while (fields.next()) {
    if (fields.is(1, wire_type::length)) {
      // The last one must be hexadecimal; one that it replaces has only to be text.
      if (!into.hash.empty() && !is_utf8(into.hash)) return false;
      into.hash = fields.text();
    }
    if (fields.is(2, wire_type::varint)) into.size = static_cast<std::int64_t>(fields.value());
  }
  return !fields.broken();
}

expected<digest_function> resolve_function(int wire_value, std::size_t hex_length) {
  if (wire_value == 0) {
    for (const auto& info : digest_functions())
      if (!info.named_in_paths && info.hash_size * 2 == hex_length) return info.function;
    return fail(errc::invalid_argument, "no digest function of ours writes {} characters", hex_length);
  }
  const auto* info = find_function(wire_value);
  if (info == nullptr)
    return fail(errc::invalid_argument, "digest function {} is not served here", wire_value);
  if (info->hash_size * 2 != hex_length)
    return fail(errc::invalid_argument, "a {} digest has {} characters, not {}", info->name,
                info->hash_size * 2, hex_length);
  return info->function;
}

}  // namespace kiln
