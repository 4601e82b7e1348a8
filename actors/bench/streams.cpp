#include "actors/bench/workload.hpp"
#include "core/digest/hasher.hpp"

// ByteStream: large blobs by their bytes, small ones by their number.
namespace kiln::bench {
namespace {

constexpr std::uint64_t large = 64 << 20;
constexpr std::uint64_t small = 4 << 10;

// A large blob differs from the others only in its last bytes, so that naming it costs no second hash of the
// rest.
struct large_blob {
  bytes body;
  hasher seen{digest_function::sha256};

  explicit large_blob(std::uint64_t seed) {
    std::string text(large - 32, '\0');
    std::uint64_t state = seed | 1;
    for (std::size_t i = 0; i + 8 <= text.size(); i += 8) {
      state ^= state << 13, state ^= state >> 7, state ^= state << 17;  // xorshift64: not compressible
      std::memcpy(text.data() + i, &state, 8);
    }
    seen.update(text);
    body = bytes::adopt(std::move(text));
  }
  std::pair<digest, byte_chain> number(std::uint64_t n) const {
    auto tail = bytes::adopt(fmt::format("{:032x}", n));
    auto all = seen.clone();
    all.update(tail.view());
    byte_chain content(body);
    content.append(tail);
    return {all.finish(), std::move(content)};
  }
};

workload write_large(std::uint64_t seed) {
  auto blob = std::make_shared<std::unique_ptr<large_blob>>();
  return {"write_64mib",
          "ByteStream write 64 MiB",
          2,
          large,
          false,
          [blob, seed](const client&) {
            *blob = std::make_unique<large_blob>(seed);
            return expected<void>{};
          },
          [blob](const client& server, std::uint64_t n, finished done) {
            auto [name, content] = (*blob)->number(n);
            server.upload(name, std::move(content), [done](expected<std::int64_t> committed) {
              if (!committed) return done(failure(std::move(committed).error()));
              if (*committed != static_cast<std::int64_t>(large))
                return done(fail(errc::data_loss, "{} bytes were committed", *committed));
              done({});
            });
          }};
}

workload read_workload(std::string name, std::string title, unsigned in_flight, std::uint64_t size,
                       unsigned blobs, std::uint64_t seed) {
  auto names = std::make_shared<std::vector<digest>>();
  return {std::move(name),
          std::move(title),
          in_flight,
          size,
          false,
          [names, size, blobs, seed](const client& server) -> expected<void> {
            for (unsigned i = 0; i < blobs; ++i) {
              std::string text = fmt::format("{:016x}{:016x}", seed, i);
              text.resize(size, 'r');
              names->push_back(digest_of(text));
              auto uploaded = wait_for([&](finished done) {
                server.upload(names->back(), bytes::adopt(std::move(text)),
                              [done](expected<std::int64_t> committed) {
                                if (!committed) return done(failure(std::move(committed).error()));
                                done({});
                              });
              });
              if (!uploaded) return uploaded;
            }
            return {};
          },
          [names, size](const client& server, std::uint64_t n, finished done) {
            server.download((*names)[n % names->size()], [done, size](expected<std::uint64_t> received) {
              if (!received) return done(failure(std::move(received).error()));
              if (*received != size)
                return done(fail(errc::data_loss, "{} of {} bytes came", *received, size));
              done({});
            });
          }};
}

}  // namespace

std::vector<workload> stream_workloads(std::uint64_t seed) {
  return {write_large(seed), read_workload("read_64mib", "ByteStream read 64 MiB", 2, large, 2, seed),
          read_workload("read_4kib", "ByteStream read 4 KiB", 32, small, 64, seed)};
}

}  // namespace kiln::bench
