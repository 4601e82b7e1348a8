#include "actors/tools/conform/rules/streams.hpp"

// 5. ByteStream.Read. Two rules are about a server's inside: 87 and 91.
namespace kiln::conform {
namespace {

constexpr std::int64_t mebibyte = 1 << 20;

void offset_outside(probe& ask) {
  auto stored = ask.fresh(100);
  ask.store(stored);
  for (std::int64_t offset : {std::int64_t{-1}, std::int64_t{101}, std::int64_t{1} << 62})
    ask.expect(ask.read(ask.read_name(stored), offset), errc::out_of_range);
}

void limits(probe& ask) {
  struct range {
    std::int64_t offset, limit;
  };
  for (std::size_t size : {std::size_t{100}, std::size_t{2 * mebibyte + 17}}) {
    auto stored = ask.fresh(size);
    ask.store(stored);
    auto all = static_cast<std::int64_t>(size);
    for (auto [offset, limit] : {range{0, 0}, range{0, 1}, range{0, all}, range{0, all + 1}, range{1, all},
                                 range{all / 2, 7}, range{all - 1, 0}, range{all - 1, 5}}) {
      auto wanted = std::string_view(stored.data).substr(static_cast<std::size_t>(offset));
      if (limit > 0) wanted = wanted.substr(0, static_cast<std::size_t>(limit));
      expect_data(ask, ask.read(ask.read_name(stored), offset, limit), wanted);
    }
  }
}

void compressed_offsets(probe& ask) {
  for (std::size_t size : {std::size_t{100}, std::size_t{2 * mebibyte + 17}}) {
    auto stored = blob_of(text(ask, size), ask.server().main_function());
    ask.store(stored);
    for (auto offset : {std::size_t{0}, std::size_t{1}, size / 2, size - 1, size})
      expect_zstd(ask, ask.read(ask.compressed_read_name(stored), static_cast<std::int64_t>(offset)),
                  std::string_view(stored.data).substr(offset));
  }
}

void expect_in_both_forms(probe& ask, const blob& stored) {
  ask.check(!ask.is_missing(stored), "the blob is there once it was uploaded");
  expect_stored(ask, stored);
  expect_zstd(ask, ask.read(ask.compressed_read_name(stored)), stored.data);
}

void every_form(probe& ask) {
  for (std::size_t size : {std::size_t{1}, std::size_t{1000}, std::size_t{2 * mebibyte + 1}}) {
    auto by_batch = ask.fresh(size), plain = ask.fresh(size), compressed = ask.fresh(size);
    ask.store(by_batch);
    expect_in_both_forms(ask, by_batch);
    ask.ok(ask.write(ask.write_name(plain), plain.data));
    expect_in_both_forms(ask, plain);
    ask.ok(ask.write(ask.compressed_write_name(compressed), zstd_frame(compressed.data)));
    expect_in_both_forms(ask, compressed);
  }
  if (!ask.server().announces_batch(v2::Compressor::ZSTD)) return;
  auto packed = ask.fresh(1000);
  auto request = ask.request<v2::BatchUpdateBlobsRequest>();
  auto* one = request.add_requests();
  *one->mutable_digest() = packed.digest;
  one->set_data(zstd_frame(packed.data));
  one->set_compressor(v2::Compressor::ZSTD);
  ask.ok(ask.ask<v2::BatchUpdateBlobsResponse>(probe::reapi("ContentAddressableStorage/BatchUpdateBlobs"),
                                               request));
  expect_in_both_forms(ask, packed);
}

void other_compressors(probe& ask) {
  auto stored = ask.fresh();
  ask.store(stored);
  struct form {
    compressor_kind kind;
    const char* name;
  };
  auto name = [&](const char* compressor) {
    return ask.in_instance(fmt::format("compressed-blobs/{}/{}", compressor,
                                       ask.read_name(stored).substr(ask.in_instance("blobs/").size())));
  };
  for (auto [kind, path] : {form{v2::Compressor::ZSTD, "zstd"}, form{v2::Compressor::DEFLATE, "deflate"},
                            form{v2::Compressor::BROTLI, "brotli"}})
    if (!ask.server().announces(kind)) ask.expect(ask.read(name(path)), errc::invalid_argument);
  ask.expect(ask.read(name("rot13")), errc::invalid_argument);
}

// Where the cache is small, the blob goes while it is read; where it is not, this shows a slow reader served.
void evicted_while_read(probe& ask) {
  auto wanted = ask.fresh(8 * mebibyte);
  ask.store(wanted);
  auto reading = ask.open<bs::ReadRequest, bs::ReadResponse>(probe::byte_stream("Read"));
  bs::ReadRequest request;
  request.set_resource_name(ask.read_name(wanted));
  reading.send(request);
  reading.half_close();
  auto first = reading.next();
  auto others = std::max<std::uint64_t>(3 * ask.server().fill, ask.scaled(64, 4) * mebibyte);
  flood(ask, others, [](const blob&) {});
  auto got = reading.rest();
  if (first) got.messages.insert(got.messages.begin(), std::move(*first));
  // Or the server did not wait for us so long (91).
  ask.expect(got, {errc::ok, errc::not_found, errc::unavailable, errc::deadline_exceeded});
  if (got.ok()) expect_data(ask, got, wanted.data);
}

void small_messages(probe& ask) {
  auto stored = ask.fresh(ask.scaled<std::size_t>(9, 5) * mebibyte);
  ask.store(stored);
  auto got = ask.read(ask.read_name(stored));
  expect_data(ask, got, stored.data);
  for (const auto& one : got.messages)
    if (one.ByteSizeLong() > 2 * mebibyte)
      ask.fail("messages of 2097152 bytes at most", fmt::format("one of {}", one.ByteSizeLong()));
}

}  // namespace

std::vector<rule> reading_rules() {
  return {
      {78, tag::stated, "a blob that is absent is NOT_FOUND", needs::cache,
       [](probe& ask) { ask.expect(ask.read(ask.read_name(ask.fresh())), errc::not_found); }},
      {79, tag::stated, "read_offset below 0 or behind the end is OUT_OF_RANGE", needs::cache,
       offset_outside},
      {80, tag::stated, "read_offset at the end is OK, and brings nothing", needs::cache,
       [](probe& ask) {
         auto stored = ask.fresh(100);
         ask.store(stored);
         expect_data(ask, ask.read(ask.read_name(stored), 100), "");
       }},
      {81, tag::stated, "read_limit below 0 is INVALID_ARGUMENT or OUT_OF_RANGE", needs::cache,
       [](probe& ask) {
         auto stored = ask.fresh();
         ask.store(stored);
         ask.expect(ask.read(ask.read_name(stored), 0, -1), {errc::invalid_argument, errc::out_of_range});
       }},
      {82, tag::stated, "read_limit n brings n bytes or what there is, and 0 all of it", needs::cache,
       limits},
      {83, tag::must, "a compressed read with a read_limit is INVALID_ARGUMENT", needs::cache | needs::zstd,
       [](probe& ask) {
         auto stored = ask.fresh();
         ask.store(stored);
         ask.expect(ask.read(ask.compressed_read_name(stored), 0, 10), errc::invalid_argument);
       }},
      {84, tag::stated, "the offset of a compressed read counts uncompressed bytes",
       needs::cache | needs::zstd, compressed_offsets},
      {85, tag::must, "a blob that is there is read in every announced form, whichever it came in",
       needs::cache | needs::zstd, every_form},
      {86, tag::choice, "a compressor that is not announced is INVALID_ARGUMENT", needs::cache,
       other_compressors},
      {88, tag::choice, "a blob that is evicted while it is read comes whole, or the read fails",
       needs::cache | needs::alone | needs::slow, evicted_while_read},
      {89, tag::choice, "an upload's name is INVALID_ARGUMENT for a read", needs::cache,
       [](probe& ask) {
         auto stored = ask.fresh();
         ask.store(stored);
         ask.expect(ask.read(ask.write_name(stored)), errc::invalid_argument);
       }},
      {90, tag::choice, "no message of a read is larger than 2 MiB", needs::cache, small_messages},
  };
}

}  // namespace kiln::conform
