#include "actors/services/cas_messages.hpp"

#include <deque>

#include "core/wire/digests.hpp"
#include "core/wire/field_reader.hpp"
#include "core/wire/message_writer.hpp"
#include "core/wire/resource_name.hpp"
#include "core/wire/status.hpp"

namespace kiln {
namespace {

failure broken(std::string_view what) {
  return fail(errc::invalid_argument, "the message is no {}", what);
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

// Both requests are an instance, digests, and the function's number.
expected<digests_request> read_digests(const byte_chain& from, std::uint32_t function_field,
                                       std::string_view name) {
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
    } else if (fields.is(2, wire_type::length)) {
      if (!read_digest(fields.text(), words.emplace_back())) return broken(name);
    } else if (fields.is(function_field, wire_type::varint)) {
      function = static_cast<int>(fields.value());
    }
  }
  if (fields.broken()) return broken(name);
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
      into.compressor = static_cast<int>(fields.value());
    }
  }
  return !fields.broken();
}

}  // namespace

expected<digests_request> read_find_missing_request(const byte_chain& from) {
  return read_digests(from, 3, "FindMissingBlobsRequest");
}

expected<digests_request> read_batch_read_request(const byte_chain& from) {
  // The compressors that the client would take (3) do not matter: what we send is always taken.
  return read_digests(from, 4, "BatchReadBlobsRequest");
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
    } else if (fields.is(2, wire_type::length)) {
      if (!read_update_entry(fields.chain(), result.entries.emplace_back(), words.emplace_back(), kept))
        return broken(name);
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
                                     const std::vector<expected<bytes>>& results, std::size_t limit) {
  static const bytes nothing;
  const error too_much(errc::resource_exhausted, "the answer is full; ask for this blob again");
  message_writer writer;
  for (std::size_t i = 0; i < asked.size(); ++i) {
    const error* fault = results[i] ? nullptr : &results[i].error();
    std::size_t beside = 2 * message_writer::digest_size(1, asked[i]);
    if (fault == nullptr && writer.size() + results[i]->size() + beside > limit) fault = &too_much;
    const bytes& data = fault == nullptr ? *results[i] : nothing;
    auto status = fault == nullptr ? std::string() : pack_status(*fault);
    writer.open(1, message_writer::digest_size(1, asked[i]) + message_writer::data_size(2, data.size()) +
                       message_writer::message_size(3, status.size()));
    writer.put(1, asked[i]);
    writer.data(2, data);
    writer.message(3, status);
  }
  return writer.finish();
}

}  // namespace kiln
