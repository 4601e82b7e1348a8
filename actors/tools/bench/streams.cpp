#include <atomic>
#include <mutex>

#include "actors/tools/bench/workload.hpp"
#include "core/digest/hasher.hpp"

// ByteStream: large blobs by their bytes, small ones by their number.
namespace kiln::bench {
namespace {

constexpr std::uint64_t small = 4 << 10;

// A large blob differs from the others only in its last bytes, so that naming it costs no second hash of the
// rest.
struct large_blob {
  bytes body;
  hasher seen{digest_function::sha256};

  explicit large_blob(std::uint64_t seed) {
    std::string text(large_size - 32, '\0');
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
          large_size,
          false,
          [blob, seed](const client&) {
            *blob = std::make_unique<large_blob>(seed);
            return expected<void>{};
          },
          [blob](const client& server, std::uint64_t n, finished done) {
            auto [name, content] = (*blob)->number(n);
            server.upload(name, std::move(content), [done](expected<std::int64_t> committed) {
              if (!committed) return done(failure(std::move(committed).error()));
              if (*committed != static_cast<std::int64_t>(large_size))
                return done(fail(errc::data_loss, "{} bytes were committed", *committed));
              done({});
            });
          }};
}

// What the operations of a reading workload ask for: blobs of `size` bytes, each in `parts` reads at once.
struct reading {
  std::string name;
  std::string title;
  unsigned in_flight = 1;
  std::uint64_t size = 0;
  unsigned blobs = 1;
  unsigned parts = 1;
};

// Done when the last part has come, and fails as the last one that did.
void read_parts(const client& server, const digest& blob, std::uint64_t size, unsigned parts, finished done) {
  struct state {
    std::atomic<unsigned> left;
    std::mutex mutex;
    expected<void> result;
  };
  auto all = std::make_shared<state>();
  all->left = parts;
  const std::uint64_t step = size / parts;
  for (unsigned i = 0; i < parts; ++i)
    server.download(blob, {i * step, parts > 1 ? step : 0}, [=](expected<std::uint64_t> received) {
      {
        std::lock_guard lock(all->mutex);
        if (!received)
          all->result = failure(std::move(received).error());
        else if (*received != step)
          all->result = fail(errc::data_loss, "{} of {} bytes came", *received, step);
      }
      if (--all->left == 0) done(all->result);
    });
}

workload read_workload(const reading& what, std::uint64_t seed) {
  auto names = std::make_shared<std::vector<digest>>();
  return {what.name,
          what.title,
          what.in_flight,
          what.size,
          false,
          [names, what, seed](const client& server) -> expected<void> {
            for (unsigned i = 0; i < what.blobs; ++i) {
              std::string text = fmt::format("{:016x}{:016x}", seed, i);
              text.resize(what.size, 'r');
              names->push_back(digest_of(text));
              if (auto kept = upload(server, names->back(), std::move(text)); !kept) return kept;
            }
            return {};
          },
          [names, what](const client& server, std::uint64_t n, finished done) {
            read_parts(server, (*names)[n % names->size()], what.size, what.parts, std::move(done));
          }};
}

}  // namespace

std::vector<workload> stream_workloads(std::uint64_t seed) {
  return {write_large(seed),
          read_workload({"read_64mib", "ByteStream read 64 MiB", 2, large_size, 2, 1}, seed),
          read_workload({"read_ranges", "ByteStream read 64 MiB in 8 ranges", 2, large_size, 2, 8}, seed),
          read_workload({"read_4kib", "ByteStream read 4 KiB", 32, small, 64, 1}, seed)};
}

}  // namespace kiln::bench
