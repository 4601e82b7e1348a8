// What a filesystem store's work costs when it holds many blobs, beside the same work when it holds few:
// finding, reading, writing, and writing when for each blob another one leaves. Then how long single reads
// wait while a great many leave at once. Exit code 1 if an answer is wrong; times are told and not judged.
//
//     size_driver --binary build/bin/kiln --blobs 10000000 [--beside 10000] [--size 200] [--leaving 1000000]

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <functional>
#include <optional>
#include <thread>
#include <type_traits>

#include "actors/tools/bench/process_time.hpp"
#include "test/end_to_end/dialler.hpp"
#include "test/end_to_end/remote.hpp"
#include "test/end_to_end/server_process.hpp"

namespace {

using namespace kiln;
using namespace kiln::end_to_end;

constexpr std::size_t batch_size = 1000;
constexpr std::size_t small_batch = 100;
constexpr duration patience = std::chrono::minutes(2);

struct size_options {
  std::string binary;
  std::string data;
  std::uint64_t blobs = 10'000'000;
  std::uint64_t beside = 10'000;
  std::size_t size = 200;
  std::uint64_t leaving = 1'000'000;
  double seconds = 5;
};

double seconds_since(steady_time then) {
  return std::chrono::duration<double>(system_clock().now() - then).count();
}

/// Of one blob: microseconds until its answer, and of the server's processor.
struct cost {
  double wall = 0;
  double cpu = 0;
};

struct waits {
  double median = 0, p99 = 0, most = 0;
};
waits waits_of(std::vector<double> all) {
  std::sort(all.begin(), all.end());
  return {all[all.size() / 2], all[all.size() * 99 / 100], all.back()};
}

/// A server of its own, with so many blobs.
class full_store {
public:
  full_store(const size_options& options, dialler& out, std::uint64_t blobs, std::string folder)
      : options_(options), out_(out), blobs_(blobs), folder_(std::move(folder)) {}

  /// `limit`: of the blobs, by the memory of their index; 0 for none. No bytes are kept in memory, where few
  /// blobs would fit as a whole.
  expected<void> start(std::uint64_t limit) {
    std::filesystem::create_directories(folder_);
    const auto yaml = folder_ + "/kiln.yaml";
    std::ofstream(yaml) << fmt::format(
        "stores:\n"
        "  blobs: {{type: filesystem, path: {0}/blobs, capacity: 60GiB, hot_memory: 0B{1}}}\n"
        "  results: {{type: filesystem, path: {0}/results, capacity: 1GiB}}\n"
        "transports:\n"
        "  public: {{type: grpc, listen: [\"127.0.0.1:0\"]}}\n"
        "serve: {{content: blobs, results: results}}\n",
        folder_, limit == 0 ? std::string() : fmt::format(", index_memory: {}B", limit * 120));
    server_command command;
    command.words = {options_.binary, "serve", yaml};
    command.log = folder_ + "/log";
    auto started = server_process::start(command);
    if (!started) return failure(started.error());
    server_.emplace(std::move(*started));
    auto address = server_->address(patience);
    if (!address) return failure(address.error());
    to_.emplace(out_.dial(*address));
    return {};
  }

  expected<void> fill() {
    const auto begin = system_clock().now();
    while (written_ < blobs_)
      if (auto done = write(std::min<std::uint64_t>(batch_size, blobs_ - written_)); !done) return done;
    std::printf("%lu blobs of %zu bytes in %.0f s, %lu MiB of memory\n", blobs_, options_.size,
                seconds_since(begin), server_->memory("VmRSS") >> 20);
    std::fflush(stdout);
    return {};
  }

  expected<void> write(std::size_t count) {
    std::vector<remote::blob> batch;
    for (std::size_t i = 0; i < count; ++i) {
      auto content = made_bytes(written_ + i, options_.size);
      batch.emplace_back(digest_of(content), std::move(content));
    }
    auto kept = timed([&] { return to_->update_blobs(batch); });
    if (!kept) return failure(kept.error());
    for (const auto& one : *kept)
      if (!one.ok()) return failure(one);
    written_ += count;
    return {};
  }
  // One of all that there are, and that was not asked for lately.
  digest any() {
    chosen_ += 7'368'787;  // a prime, so that all of them come
    return digest_of(made_bytes(chosen_ % written_, options_.size));
  }
  expected<void> find() {
    std::vector<digest> asked;
    for (std::size_t i = 0; i < batch_size; ++i) asked.push_back(any());
    auto missing = timed([&] { return to_->find_missing(asked); });
    if (!missing) return failure(missing.error());
    if (!missing->empty()) return fail(errc::data_loss, "a stored blob is called missing");
    return {};
  }
  expected<void> read() {
    std::vector<digest> asked;
    for (std::size_t i = 0; i < small_batch; ++i) asked.push_back(any());
    auto read = timed([&] { return to_->check_blobs(asked); });
    if (!read) return failure(read.error());
    for (const auto& one : *read)
      if (!one.ok()) return failure(one);
    return {};
  }

  /// One order after the other, each of so many blobs.
  expected<cost> measure(std::size_t count, const std::function<expected<void>()>& order) {
    if (auto warm = order(); !warm) return failure(warm.error());
    const auto begin = system_clock().now();
    const double before = bench::cpu_seconds(server_->pid()).value_or(0);
    waited_ = 0;
    std::uint64_t orders = 0;
    for (; seconds_since(begin) < options_.seconds; ++orders) {
      if (auto done = order(); !done) return failure(done.error());
    }
    const double blobs = static_cast<double>(orders * count);
    return cost{waited_ * 1e6 / blobs,
                (bench::cpu_seconds(server_->pid()).value_or(0) - before) * 1e6 / blobs};
  }

  /// Single blobs of 4 KiB, read one after the other as long as this says so.
  expected<std::vector<double>> read_singles(const std::vector<digest>& which,
                                             const std::function<bool()>& goes_on) {
    std::vector<double> all;
    for (std::size_t i = 0; goes_on(); ++i) {
      const auto asked = system_clock().now();
      if (auto read = to_->check_blob(which[i % which.size()]); !read)
        return fail(read.error().code(), "after {} reads of {} blobs: {}", i, which.size(),
                    read.error().message());
      all.push_back(seconds_since(asked) * 1000);
    }
    return all;
  }
  expected<std::vector<digest>> write_singles(std::size_t count) {
    std::vector<remote::blob> batch;
    std::vector<digest> names;
    for (std::size_t i = 0; i < count; ++i) {
      auto content = made_bytes((1ULL << 40) + i, 4096);
      names.push_back(digest_of(content));
      batch.emplace_back(names.back(), std::move(content));
    }
    auto kept = to_->update_blobs(batch);
    if (!kept) return failure(kept.error());
    return names;
  }

  std::uint64_t written() const noexcept { return written_; }

private:
  template <class Call>
  std::invoke_result_t<Call> timed(Call call) {
    const auto asked = system_clock().now();
    auto answer = call();
    waited_ += seconds_since(asked);
    return answer;
  }

  const size_options& options_;
  dialler& out_;
  const std::uint64_t blobs_;
  const std::string folder_;
  std::optional<server_process> server_;
  std::optional<remote> to_;
  std::uint64_t written_ = 0;
  std::uint64_t chosen_ = 0;
  double waited_ = 0;  // for the server, in seconds
};

struct costs {
  cost find, read, write, replace;
};

expected<costs> costs_of(const size_options& options, dialler& out, std::uint64_t blobs) {
  const auto folder = fmt::format("{}/{}", options.data, blobs);
  costs all;
  {
    full_store store(options, out, blobs, folder);
    if (auto done = store.start(0); !done) return failure(done.error());
    if (auto done = store.fill(); !done) return failure(done.error());
    auto one = store.measure(batch_size, [&] { return store.find(); });
    if (!one) return failure(one.error());
    all.find = *one;
    one = store.measure(small_batch, [&] { return store.read(); });
    if (!one) return failure(one.error());
    all.read = *one;
    one = store.measure(small_batch, [&] { return store.write(small_batch); });
    if (!one) return failure(one.error());
    all.write = *one;
  }
  std::filesystem::remove_all(folder);
  // Of those that are bounded, the least that is taken is 256 Ki.
  const auto limit = std::max<std::uint64_t>(blobs, 256 << 10);
  full_store store(options, out, limit + limit / 50, folder);
  if (auto done = store.start(limit); !done) return failure(done.error());
  if (auto done = store.fill(); !done) return failure(done.error());
  auto one = store.measure(small_batch, [&] { return store.write(small_batch); });
  if (!one) return failure(one.error());
  all.replace = *one;
  std::filesystem::remove_all(folder);
  return all;
}

void tell(const char* what, const cost& few, const cost& many) {
  std::printf("| %s | %.2f us | %.2f us | %.2f | %.2f us | %.2f us | %.2f |\n", what, few.wall, many.wall,
              many.wall / few.wall, few.cpu, many.cpu, many.cpu / few.cpu);
}

// A store with so many blobs, and large ones that come in their place.
expected<void> watch_leaving(const size_options& options, dialler& out) {
  const auto folder = options.data + "/leaving";
  full_store store(options, out, options.leaving, folder);
  if (auto done = store.start(options.leaving); !done) return done;
  if (auto done = store.fill(); !done) return done;
  auto names = store.write_singles(200);
  if (!names) return failure(names.error());
  const auto begin = system_clock().now();
  auto idle = store.read_singles(*names, [&] { return seconds_since(begin) < options.seconds; });
  if (!idle) return failure(idle.error());
  // As many others, as fast as they come: all that was there leaves.
  std::atomic<bool> over{false};
  expected<void> written;
  const auto first = store.written();
  std::thread writer([&] {
    while (written && store.written() < first + options.leaving) written = store.write(batch_size);
    over = true;
  });
  auto busy = store.read_singles(*names, [&] { return !over.load(); });
  writer.join();
  if (!busy) return failure(busy.error());
  if (!written) return written;
  // The same work of the writer with nothing leaving is what its part of the processor costs.
  full_store other(options, out, 1000, folder + "-not");
  if (auto done = other.start(0); !done) return done;
  if (auto done = other.fill(); !done) return done;
  if (auto again = other.write_singles(200); !again) return failure(again.error());
  over = false;
  std::thread second([&] {
    while (written && other.written() < options.leaving) written = other.write(batch_size);
    over = true;
  });
  auto beside = other.read_singles(*names, [&] { return !over.load(); });
  second.join();
  if (!beside) return failure(beside.error());
  for (const auto& [what, all] : {std::pair{"idle", *idle}, std::pair{"while others are written", *beside},
                                  std::pair{"while others are written and as many leave", *busy}}) {
    const auto w = waits_of(all);
    std::printf("| %s | %.2f ms | %.2f ms | %.2f ms | %zu |\n", what, w.median, w.p99, w.most, all.size());
  }
  std::filesystem::remove_all(folder);
  std::filesystem::remove_all(folder + "-not");
  return {};
}

expected<void> run(const size_options& options) {
  auto plugins = std::filesystem::path(options.binary).parent_path() / "../lib/kiln/plugins";
  auto out = dialler::load(plugins.string());
  if (!out) return failure(out.error());
  auto few = costs_of(options, *out, options.beside);
  if (!few) return failure(few.error());
  auto many = costs_of(options, *out, options.blobs);
  if (!many) return failure(many.error());
  std::printf("| a blob | of %lu | of %lu | | server's CPU | | |\n", options.beside, options.blobs);
  tell("find, 1,000 together", few->find, many->find);
  tell("read, 100 together", few->read, many->read);
  tell("write, 100 together", few->write, many->write);
  tell("write where as many leave", few->replace, many->replace);
  std::printf("| a read of 4 KiB | median | 99 %% | most | reads |\n");
  return watch_leaving(options, *out);
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("What work costs in a store with many blobs, beside one with few");
  size_options options;
  app.add_option("--binary", options.binary)->required();
  app.add_option("--blobs", options.blobs);
  app.add_option("--beside", options.beside);
  app.add_option("--size", options.size);
  app.add_option("--leaving", options.leaving);
  app.add_option("--seconds", options.seconds);
  app.add_option("--data", options.data, "an empty folder; one in the temporary folder otherwise");
  CLI11_PARSE(app, argc, argv);
  const bool own_folder = options.data.empty();
  if (own_folder)
    options.data =
        fmt::format("{}/kiln-size.{}", std::filesystem::temp_directory_path().string(), ::getpid());
  std::filesystem::create_directories(options.data);
  auto done = run(options);
  if (!done) std::fprintf(stderr, "size_driver: %s\n", done.error().to_string().c_str());
  if (own_folder) std::filesystem::remove_all(options.data);
  return done ? 0 : 1;
}
