#include "actors/services/content_addressable_storage/cas_messages.hpp"

#include <algorithm>
#include <deque>

#include "core/wire/digests.hpp"
#include "core/wire/field_reader.hpp"
#include "core/wire/message_writer.hpp"
#include "core/wire/resource_name.hpp"
#include "core/wire/status.hpp"
#include "core/wire/utf8.hpp"

namespace kiln {
namespace {

failure broken(std::string_view what) {
  return fail(errc::invalid_argument, "the message is no {}", what);
}

// Of no function that there is. Two bytes of a message may stand for such a digest and would take a hundred
// of memory, so who finds one reads no further: the request is refused for it.
bool is_impossible(const wire_digest& words) {
  constexpr std::size_t shortest = 32;  // MD5, in hex
  return words.hash.size() < shortest;
}

// The function may stand behind the digests it is for, so they are first gathered and then understood.
expected<std::vector<digest>> understand(const std::vector<wire_digest>& words, int function) {
  std::vector<digest> blobs;
  if (words.empty()) return blobs;
  auto resolved = resolve_function(function, words.front().hash.size());
  if (!resolved) return failure(resolved.error());
  blobs.reserve(words.size());
  for (const auto& [hash, size] : words) {
    auto blob = parse_digest(*resolved, hash, size);
    if (!blob) return failure(blob.error());
    blobs.push_back(*blob);
  }
  return blobs;
}

// Whether zstd is among the numbers of a repeated field, which lie packed or one by one. As in protobuf a
// number counts by its low 32 bits. False if they are no numbers.
bool read_compressors(field_reader& fields, std::uint32_t field, bool& takes_zstd) {
  constexpr auto zstd = static_cast<std::uint32_t>(compressor::zstd);
  const auto note = [&](std::uint64_t value) {
    if (static_cast<std::uint32_t>(value) == zstd) takes_zstd = true;
  };
  if (fields.is(field, wire_type::varint)) note(fields.value());
  if (!fields.is(field, wire_type::length)) return true;
  std::uint64_t value = 0;
  unsigned shift = 0;
  for (unsigned char part : fields.text()) {
    if (shift >= 70) return false;
    value |= static_cast<std::uint64_t>(part & 0x7f) << shift;
    shift += 7;
    if ((part & 0x80) != 0) continue;
    note(value);
    value = shift = 0;
  }
  return shift == 0;
}

// Where the two requests differ.
struct digests_layout {
  std::string_view name;
  std::uint32_t function;
  std::uint32_t compressors;  // 0 if there are none
};

// Both are an instance, digests, and the function's number.
expected<digests_request> read_digests(const byte_chain& from, const digests_layout& layout) {
  // One piece, so that the words can stay where they are until they are understood.
  bytes whole = from.flatten();
  field_reader fields(whole.view());
  digests_request result;
  std::vector<wire_digest> words;
  words.reserve(whole.size() / 64);
  int function = 0;
  while (fields.next()) {
    if (fields.is(1, wire_type::length)) {
      result.instance = fields.text();
      if (!is_utf8(result.instance)) return broken(layout.name);
    } else if (fields.is(2, wire_type::length)) {
      if (!read_digest(fields.text(), words.emplace_back())) return broken(layout.name);
      if (is_impossible(words.back())) break;
    } else if (fields.is(layout.function, wire_type::varint)) {
      function = static_cast<int>(fields.value());
    } else if (!read_compressors(fields, layout.compressors, result.takes_zstd)) {
      return broken(layout.name);
    }
  }
  if (fields.broken()) return broken(layout.name);
  if (auto fine = check_instance_name(result.instance); !fine) return failure(fine.error());
  auto blobs = understand(words, function);
  if (!blobs) return failure(blobs.error());
  result.blobs = std::move(*blobs);
  return result;
}

// A Digest may lie across two pieces, so its text is kept aside until it is understood.
bool read_update_entry(const byte_chain& from, update_request::entry& into, wire_digest& words,
                       std::deque<std::string>& kept) {
  field_reader fields(from);
  while (fields.next()) {
    if (fields.is(1, wire_type::length)) {
      kept.emplace_back(fields.text());
      if (!read_digest(kept.back(), words)) return false;
    } else if (fields.is(2, wire_type::length)) {
      into.data = fields.flat();
    } else if (fields.is(3, wire_type::varint)) {
      // A number that we do not know stays one: all that matters is that it is none of ours.
      into.form = static_cast<compressor>(std::min(static_cast<std::uint32_t>(fields.value()), 0xffu));
    }
  }
  return !fields.broken();
}

}  // namespace

expected<digests_request> read_find_missing_request(const byte_chain& from) {
  return read_digests(from, {"FindMissingBlobsRequest", 3, 0});
}

expected<digests_request> read_batch_read_request(const byte_chain& from) {
  return read_digests(from, {"BatchReadBlobsRequest", 4, 3});
}

expected<update_request> read_batch_update_request(const byte_chain& from) {
  constexpr std::string_view name = "BatchUpdateBlobsRequest";
  field_reader fields(from);
  update_request result;
  std::vector<wire_digest> words;
  std::deque<std::string> kept;
  int function = 0;
  while (fields.next()) {
    if (fields.is(1, wire_type::length)) {
      result.instance = fields.text();
      if (!is_utf8(result.instance)) return broken(name);
    } else if (fields.is(2, wire_type::length)) {
      if (!read_update_entry(fields.chain(), result.entries.emplace_back(), words.emplace_back(), kept))
        return broken(name);
      if (is_impossible(words.back())) break;
    } else if (fields.is(5, wire_type::varint)) {
      function = static_cast<int>(fields.value());
    }
  }
  if (fields.broken()) return broken(name);
  if (auto fine = check_instance_name(result.instance); !fine) return failure(fine.error());
  auto blobs = understand(words, function);
  if (!blobs) return failure(blobs.error());
  for (std::size_t i = 0; i < blobs->size(); ++i) result.entries[i].blob = (*blobs)[i];
  return result;
}

byte_chain write_find_missing_response(const std::vector<digest>& missing) {
  message_writer writer;
  std::size_t size = 0;
  for (const auto& blob : missing) size += message_writer::digest_size(2, blob);
  writer.reserve(size);
  for (const auto& blob : missing) writer.put(2, blob);
  return writer.finish();
}

byte_chain write_batch_update_response(const std::vector<update_request::entry>& asked,
                                       const std::vector<error>& outcomes) {
  message_writer writer;
  for (std::size_t i = 0; i < asked.size(); ++i) {
    auto status = outcomes[i].ok() ? std::string() : pack_status(outcomes[i]);
    writer.open(
        1, message_writer::digest_size(1, asked[i].blob) + message_writer::message_size(2, status.size()));
    writer.put(1, asked[i].blob);
    writer.message(2, status);
  }
  return writer.finish();
}

byte_chain write_batch_read_response(const std::vector<digest>& asked,
                                     const std::vector<expected<bytes>>& results, std::size_t limit,
                                     const std::vector<compressor>& forms) {
  static const bytes nothing;
  static const auto too_much =
      try_again(errc::resource_exhausted, "the answer is full; ask for this blob again");
  message_writer writer;
  for (std::size_t i = 0; i < asked.size(); ++i) {
    const error* fault = results[i] ? nullptr : &results[i].error();
    auto form = static_cast<std::uint64_t>(forms.empty() ? compressor::identity : forms[i]);
    std::size_t beside = 2 * message_writer::digest_size(1, asked[i]);
    if (fault == nullptr && writer.size() + results[i]->size() + beside > limit) fault = &too_much;
    const bytes& data = fault == nullptr ? *results[i] : nothing;
    auto status = fault == nullptr ? std::string() : pack_status(*fault);
    if (fault != nullptr) form = 0;
    writer.open(1, message_writer::digest_size(1, asked[i]) + message_writer::data_size(2, data.size()) +
                       message_writer::message_size(3, status.size()) + message_writer::varint_size(4, form));
    writer.put(1, asked[i]);
    writer.data(2, data);
    writer.message(3, status);
    writer.varint(4, form);
  }
  return writer.finish();
}

}  // namespace kiln
