#pragma once

#include "plugins/stores/range_cache/range_cache_store.hpp"
#include "test/contract/claims.hpp"
#include "test/contract/stage.hpp"
#include "test/plugins/stores/fast_slow/fast_slow_fixture.hpp"

namespace kiln::test {

using contract::noise;
using fast_slow_tests::code_of;
using fast_slow_tests::fed_source;
using fast_slow_tests::mood;
using fast_slow_tests::moody_store;
using fast_slow_tests::reader;

inline constexpr std::uint64_t chunk = 64 << 10;

// May have lost all that it had.
class losing_store final : public store_wrapper {
public:
  losing_store(resumable_store::pointer self, store_actor inner, const bool* is_lost)
      : store_wrapper(self, std::move(inner)), is_lost_(is_lost) {}
  caf::result<missing_blobs> take(find_missing& order) {
    if (*is_lost_) return missing_blobs{order.blobs};
    return pass_on(order);
  }
  caf::result<blob_content> take(read_blob& order) {
    if (*is_lost_) return to_caf({errc::not_found, "it is gone"});
    return pass_on(order);
  }

private:
  const bool* const is_lost_;
};

// Over a store that counts what reaches it and behaves as it is told.
struct ranges {
  deterministic_system system;
  range_cache_options options;
  std::shared_ptr<mood> how = std::make_shared<mood>();
  std::shared_ptr<seen_orders> seen = std::make_shared<seen_orders>();
  std::vector<read_blob> below;  ///< reads that came there
  store_actor inner, top;
  std::string content = noise(10 * chunk + 100);
  digest blob;
  bool is_lost = false;  ///< the store below has none of it, and told nobody

  explicit ranges(std::uint64_t chunks = 8, const std::string& yaml = "{type: memory, capacity: 64MiB}") {
    options.inner = {"inner"};
    options.chunk_size = options.min_size = byte_size{chunk};
    options.memory = byte_size{chunks * chunk};
    inner = system.spawn_store(yaml);
    auto moody = system.own(spawn_store<moody_store>(system.actors(), system.env(), inner, how));
    auto losing = system.own(spawn_store<losing_store>(system.actors(), system.env(), moody, &is_lost));
    auto counted = system.own(spawn_store<watching_store>(system.actors(), system.env(), losing, seen));
    store_context context{system.actors(),
                          system.env(),
                          "ranges",
                          store_role::content,
                          [counted](const store_ref&) { return counted; },
                          {}};
    auto spawned = spawn_range_cache_store(options, context);
    if (!spawned) throw std::runtime_error(spawned.error().message());
    top = system.own(*spawned);
    blob = put_blob(system, inner, content);
    system.run();
  }
  ~ranges() {
    how->let_go();
    system.run();
  }

  expected<blob_content> open(std::uint64_t offset, std::uint64_t limit = 0) {
    return system.ask<blob_content>(top, read_blob{blob, offset, limit});
  }
  auto begin(std::uint64_t offset, std::uint64_t limit = 0) {
    return system.begin<blob_content>(top, read_blob{blob, offset, limit});
  }
  expected<std::string> read(std::uint64_t offset, std::uint64_t limit = 0) {
    return drain(open(offset, limit));
  }
  expected<std::string> drain(expected<blob_content> got) {
    if (!got) return failure(got.error());
    reader one(std::move(*got));
    while (!one.end) {
      pull(one);
      system.run();
      if (*one.waits) throw std::runtime_error("no bytes came");
    }
    if (!*one.end) return failure(one.end->error());
    return one.text;
  }
  static void pull(reader& one) {
    if (one.end || std::exchange(*one.waits, true)) return;
    one.from->read([&one, waits = one.waits](expected<byte_chain> piece) {
      *waits = false;
      if (!piece)
        one.end = failure(piece.error());
      else if (piece->empty())
        one.end = expected<void>();
      else
        one.text += piece->flatten().view();
    });
  }
  /// Whether these are the bytes.
  bool is(const expected<std::string>& got, std::uint64_t offset,
          std::uint64_t limit = std::string::npos) const {
    return got && *got == content.substr(offset, limit);
  }
  /// How many reads reach the store below while `body` runs.
  template <class Body>
  std::size_t reads(Body body) {
    const auto before = seen->of<read_blob>();
    body();
    return seen->of<read_blob>() - before;
  }
  /// From now on reads get these, one after the other.
  std::vector<std::shared_ptr<fed_source>> feed(std::size_t count) {
    auto all = std::make_shared<std::vector<std::shared_ptr<fed_source>>>();
    for (std::size_t i = 0; i < count; ++i) all->push_back(std::make_shared<fed_source>());
    how->reading = [all, next = std::make_shared<std::size_t>(0), this](const read_blob& order) {
      below.push_back(order);
      return blob_content{{}, all->at((*next)++)};
    };
    return *all;
  }
  std::uint64_t counted(const std::string& how_it_came) {
    return system.metrics()
        .counters("kiln_range_cache_parts_total", "", {"store", "how"})
        .with({"ranges", how_it_came})
        .value();
  }
};

}  // namespace kiln::test
