// How long readers of a part of a 4 MiB chunk wait that is elsewhere: three at once, each at a place of its
// own, of an object that nobody has read before. Beside it the way in which all wait for the whole chunk,
// over the same source, in turn with it. Two places where the object may be: 20 ms away at 100 MB/s, 1 ms
// away at 500 MB/s. Sleeps for real.
//
//     build/test/range_bench [rounds]

#include <fmt/format.h>

#include <algorithm>
#include <caf/actor_system_config.hpp>
#include <caf/atom.hpp>
#include <caf/event_based_actor.hpp>
#include <condition_variable>
#include <future>
#include <thread>

#include "core/base/random.hpp"
#include "core/observe/log.hpp"
#include "core/observe/metrics.hpp"
#include "core/store_kit/store_wrapper.hpp"
#include "plugins/stores/range_cache/range_cache_store.hpp"

namespace {

using namespace kiln;
using steady = std::chrono::steady_clock;

constexpr std::uint64_t chunk = 4 << 20;
constexpr std::uint64_t block = 4 << 10;
constexpr std::size_t callers = 3;

struct place {
  const char* name;
  std::chrono::microseconds first_byte;
  double bytes_per_second;
};

// Bytes that come when they would come over such a wire, whoever is slow to take them up.
class far_source final : public blob_source, public std::enable_shared_from_this<far_source> {
public:
  far_source(const place& where, std::uint64_t size, thread_pool& line)
      : where_(where), size_(size), line_(line), began_(steady::now()) {}

  void read(next then) override {
    if (sent_ == size_) return then(byte_chain());
    auto posted = line_.post([self = shared_from_this(), then] {
      const auto count = std::min<std::uint64_t>(64 << 10, self->size_ - self->sent_);
      self->sent_ += count;
      const std::chrono::duration<double> flown(static_cast<double>(self->sent_) /
                                                self->where_.bytes_per_second);
      std::this_thread::sleep_until(self->began_ + self->where_.first_byte +
                                    std::chrono::duration_cast<steady::duration>(flown));
      then(bytes::of_static(std::string_view(zeros()).substr(0, count)));
    });
    if (!posted) then(failure(posted.error()));
  }

private:
  static const std::string& zeros() {
    static const std::string all(64 << 10, '\0');
    return all;
  }
  const place where_;
  const std::uint64_t size_;
  thread_pool& line_;
  const steady::time_point began_;
  std::uint64_t sent_ = 0;
};

// Has every blob there is.
class far_store final : public store_wrapper {
public:
  far_store(resumable_store::pointer self, store_actor nothing, place where, thread_pool* line)
      : store_wrapper(self, std::move(nothing)), where_(where), line_(line) {}
  blob_content take(read_blob& order) {
    return {{}, std::make_shared<far_source>(where_, order.limit, *line_)};
  }

private:
  const place where_;
  thread_pool* const line_;
};

digest fresh_name() {
  static std::int64_t made = 0;
  return {digest_of(std::to_string(++made)).hash, static_cast<std::int64_t>(chunk), digest_function::sha256};
}

std::future<expected<blob_content>> ask(caf::actor_system& system, const store_actor& whom,
                                        const read_blob& order) {
  auto heard = std::make_shared<std::promise<expected<blob_content>>>();
  system.spawn([=](caf::event_based_actor* self) {
    self->request(whom, caf::infinite, order)
        .then([heard](blob_content& good) { heard->set_value(std::move(good)); },
              [heard](const caf::error& fault) { heard->set_value(failure(from_caf(fault))); });
  });
  return heard->get_future();
}

// Through the store, as every reader goes.
double wait_for_part(caf::actor_system& system, const store_actor& ranges, const digest& blob,
                     std::uint64_t offset) {
  const auto began = steady::now();
  auto got = ask(system, ranges, {blob, offset, block}).get();
  if (!got || got->head.size() + (got->rest ? 1 : 0) != block) std::abort();
  return std::chrono::duration<double, std::milli>(steady::now() - began).count();
}

// All wait until the first of them has fetched the whole chunk.
class whole_chunk {
public:
  double wait(const place& where, thread_pool& line) {
    const auto began = steady::now();
    std::unique_lock hold(mutex_);
    if (!std::exchange(is_begun_, true)) {
      pump(
          std::make_shared<far_source>(where, chunk, line),
          [](const byte_chain&) { return expected<void>(); },
          [this](const expected<void>&) {
            std::lock_guard inside(mutex_);
            is_there_ = true;
            came_.notify_all();
          });
    }
    came_.wait(hold, [this] { return is_there_; });
    return std::chrono::duration<double, std::milli>(steady::now() - began).count();
  }

private:
  std::mutex mutex_;
  std::condition_variable came_;
  bool is_begun_ = false, is_there_ = false;
};

template <class Wait>
void measure(std::vector<double>& into, const std::vector<std::uint64_t>& offsets, Wait wait) {
  std::vector<std::thread> all;
  std::vector<double> times(offsets.size());
  for (std::size_t i = 0; i < offsets.size(); ++i) all.emplace_back([&, i] { times[i] = wait(offsets[i]); });
  for (auto& one : all) one.join();
  into.insert(into.end(), times.begin(), times.end());
}

void print(const char* how, std::vector<double> times) {
  std::sort(times.begin(), times.end());
  double sum = 0;
  for (double one : times) sum += one;
  const auto count = static_cast<double>(times.size());
  fmt::print("  {:<24} average {:6.1f} ms   median {:6.1f}   p99 {:6.1f}   worst {:6.1f}\n", how, sum / count,
             times[times.size() / 2], times[times.size() * 99 / 100], times.back());
}

void compare(const place& where, int rounds) {
  caf::actor_system_config config;
  config.set("scheduler.policy", caf::atom("sharing"));
  config.set("scheduler.max-threads", 2U);
  auto line = make_thread_pool("far", 2);
  auto random = make_system_random();
  logger log([](std::string_view) { return true; }, system_clock());
  metric_registry metrics;
  const environment env{&system_clock(), random.get(), &log, &metrics};
  caf::actor_system system(config);
  auto far = spawn_store<far_store>(system, env, store_actor(), where, line.get());
  range_cache_options options;
  options.memory = byte_size{64 << 20};
  auto ranges = spawn_range_cache_store(
      options, {system, env, "ranges", store_role::content, [&](const store_ref&) { return far; }, {}});
  auto chance = make_seeded_random(42);
  std::vector<double> by_range, by_chunk;
  for (int i = 0; i < rounds; ++i) {
    std::vector<std::uint64_t> offsets;
    for (std::size_t j = 0; j < callers; ++j) offsets.push_back(chance->next() % (chunk / block) * block);
    digest blob = fresh_name();
    measure(by_range, offsets, [&](std::uint64_t at) { return wait_for_part(system, *ranges, blob, at); });
    whole_chunk other;
    measure(by_chunk, offsets, [&](std::uint64_t) { return other.wait(where, *line); });
  }
  fmt::print("{}, {} rounds of {} readers\n", where.name, rounds, callers);
  print("as bytes come", by_range);
  print("a chunk at a time", by_chunk);
  caf::anon_send_exit(*ranges, caf::exit_reason::user_shutdown);
  caf::anon_send_exit(far, caf::exit_reason::user_shutdown);
  *ranges = nullptr;
  far = nullptr;
}

}  // namespace

int main(int argc, char** argv) {
  const int rounds = argc > 1 ? std::stoi(argv[1]) : 300;
  compare({"20 ms away, 100 MB/s", std::chrono::milliseconds(20), 100e6}, rounds);
  compare({"1 ms away, 500 MB/s", std::chrono::milliseconds(1), 500e6}, rounds);
}
