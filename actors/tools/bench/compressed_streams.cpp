#include <google/bytestream/bytestream.pb.h>

#include "actors/tools/bench/workload.hpp"
#include "core/base/random.hpp"
#include "core/compress/zstd.hpp"
#include "core/digest/hasher.hpp"

// ByteStream with source text that travels as zstd, beside streams.cpp, where it would travel as it is.
namespace kiln::bench {
namespace {

constexpr int level_of_clients = 3;  // zstd's default, and so Bazel's

// Lines as programs have them: few words often, many seldom, and numbers. Becomes a fourth to a fifth of its
// size.
std::string source_text(std::uint64_t seed, std::size_t size) {
  auto random = make_seeded_random(seed);
  std::vector<std::string> words;
  constexpr std::string_view syllables[] = {"re", "ad", "wri", "te",  "buf", "fer", "no",  "de", "lis",
                                            "t",  "in", "dex", "val", "ue",  "co",  "unt", "_"};
  for (int i = 0; i < 4096; ++i) {
    std::string word;
    for (auto left = 2 + random->next() % 4; left > 0; --left)
      word += syllables[random->next() % std::size(syllables)];
    words.push_back(std::move(word));
  }
  auto word = [&]() -> const std::string& {
    auto pick = random->next();
    return words[(pick >> 16) % (std::size_t{1} << (2 + pick % 11))];
  };
  std::string text;
  text.reserve(size + 200);
  while (text.size() < size) {
    text.append(2 * (random->next() % 6), ' ');
    switch (random->next() % 5) {
      case 0:
        text += "if (" + word() + " == nullptr) return " + word() + ";\n";
        break;
      case 1:
        text += "const auto " + word() + " = " + word() + "." + word() + "(" + word() + ");\n";
        break;
      case 2:
        text += "for (std::size_t i = 0; i < " + word() + ".size(); ++i) {\n";
        break;
      case 3:
        text +=
            word() + "->" + word() + "(" + word() + ", " + std::to_string(random->next() % 1000) + ");\n}\n";
        break;
      default:
        text += "// The " + word() + " of a " + word() + " is not " + word() + ".\n";
        break;
    }
  }
  text.resize(size);
  return text;
}

expected<bytes> frame_of(std::string_view text) {
  return zstd_encode(text, level_of_clients, text.size() + 1024);
}

// Blobs that differ in their last bytes, which are a frame of their own: so only the first is compressed as a
// whole, and naming one costs no second hash of what they share.
struct compressed_blob {
  bytes body;
  hasher seen{digest_function::sha256};

  static expected<std::shared_ptr<compressed_blob>> make(std::uint64_t seed) {
    auto text = source_text(seed, large_size - 32);
    auto frame = frame_of(text);
    if (!frame) return failure(frame.error());
    auto blob = std::make_shared<compressed_blob>();
    blob->body = *frame;
    blob->seen.update(text);
    return blob;
  }
  expected<std::pair<digest, byte_chain>> number(std::uint64_t n) const {
    auto tail = fmt::format("{:032x}", n);
    auto frame = frame_of(tail);
    if (!frame) return failure(frame.error());
    auto all = seen.clone();
    all.update(tail);
    byte_chain content(body);
    content.append(*frame);
    return std::pair{all.finish(), std::move(content)};
  }
};

workload write_compressed(std::uint64_t seed) {
  auto made = std::make_shared<std::shared_ptr<compressed_blob>>();
  return {"write_64mib_zstd",
          "ByteStream write 64 MiB of source text as zstd",
          2,
          large_size,
          false,
          [made, seed](const client&) -> expected<void> {
            auto blob = compressed_blob::make(seed);
            if (!blob) return failure(blob.error());
            *made = *blob;
            return {};
          },
          [made](const client& server, std::uint64_t n, finished done) {
            auto blob = (*made)->number(n);
            if (!blob) return done(failure(blob.error()));
            auto size = static_cast<std::int64_t>(blob->second.size());
            server.upload(
                blob->first, std::move(blob->second),
                [done, size](expected<std::int64_t> committed) {
                  if (!committed) return done(failure(std::move(committed).error()));
                  // Servers differ in what they commit: what they got, what it was, or neither.
                  if (*committed != size && *committed != -1 &&
                      *committed != static_cast<std::int64_t>(large_size))
                    return done(fail(errc::data_loss, "{} bytes were committed", *committed));
                  done({});
                },
                compressor::zstd);
          }};
}

// Reads a blob compressed, and looks whether it is the right one. Answers how much came.
expected<std::uint64_t> read_and_check(const client& server, const digest& blob) {
  google::bytestream::ReadRequest request;
  request.set_resource_name(make_read_name({server.instance(), blob, compressor::zstd, {}}));
  auto wire = std::make_shared<std::string>();
  auto ended = wait_for([&](finished done) {
    server.follow(
        "/google.bytestream.ByteStream/Read", request,
        [wire](const byte_chain& message) {
          if (auto answer = parse<google::bytestream::ReadResponse>(message)) *wire += answer->data();
        },
        std::move(done));
  });
  if (!ended) return failure(ended.error());
  auto text = zstd_decode(*wire, static_cast<std::uint64_t>(blob.size), 27);
  if (!text) return failure(text.error());
  if (digest_of(text->view()) != blob)
    return fail(errc::data_loss, "other bytes came than those of {}", blob);
  return wire->size();
}

workload read_compressed(std::uint64_t seed) {
  auto name = std::make_shared<digest>();
  auto size = std::make_shared<std::uint64_t>(0);  // of what comes, which is the same each time
  return {"read_64mib_zstd",
          "ByteStream read 64 MiB of source text as zstd",
          2,
          large_size,
          false,
          [name, size, seed](const client& server) -> expected<void> {
            auto text = source_text(seed + 1, large_size);
            *name = digest_of(text);
            if (auto kept = upload(server, *name, std::move(text)); !kept) return kept;
            auto read = read_and_check(server, *name);
            if (!read) return failure(read.error());
            *size = *read;
            return {};
          },
          [name, size](const client& server, std::uint64_t, finished done) {
            server.download(
                *name, {},
                [done, size](expected<std::uint64_t> received) {
                  if (!received) return done(failure(std::move(received).error()));
                  if (*received != *size)
                    return done(fail(errc::data_loss, "{} of {} bytes came", *received, *size));
                  done({});
                },
                compressor::zstd);
          }};
}

}  // namespace

std::vector<workload> compressed_stream_workloads(std::uint64_t seed) {
  return {write_compressed(seed), read_compressed(seed)};
}

}  // namespace kiln::bench
