#include "test/end_to_end/shared_child.hpp"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <set>
#include <thread>

#include "test/end_to_end/shared_ledger.hpp"
#include "test/end_to_end/shared_stage.hpp"

namespace kiln::end_to_end {
namespace {

std::atomic<bool> told_to_end{false};

std::uint64_t mixed(std::uint64_t x) {
  x += 0x9e3779b97f4a7c15;
  x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
  x = (x ^ x >> 27) * 0x94d049bb133111eb;
  return x ^ x >> 31;
}

// Blob and bytes by a number: small and large ones, of which none is like another.
std::size_t size_of(std::uint64_t number) {
  static constexpr std::array<std::size_t, 6> sizes{900, 5'000, 70'000, 200'000, 40'000, 600'000};
  return sizes[number % sizes.size()];
}
std::string content_of(std::uint64_t number) {
  std::string text(size_of(number), '\0');
  for (std::size_t at = 0; at < text.size(); at += sizeof(std::uint64_t)) {
    const auto some = mixed(number << 32 | at);
    std::memcpy(text.data() + at, &some, std::min(sizeof some, text.size() - at));
  }
  return text;
}

digest name_of_result(std::uint64_t number) {
  return digest_of("result " + std::to_string(number));
}

std::string result_of(std::uint64_t number, std::uint64_t version) {
  auto chance = make_seeded_random(number * 1'000'003 + version);
  std::string text = fmt::format("{} {} ", number, version);
  const std::size_t size = 100 + chance->next() % 9000;
  while (text.size() < size) text += fmt::format("{:x}", chance->next());
  return text;
}

/// One client of one process.
class asker {
public:
  asker(const shared_child_options& options, shared_stage& on, shared_ledger& all,
        const std::vector<digest>& names, std::uint64_t seed)
      : options_(options),
        on_(on),
        ledger_(all),
        mine_(all.of[options.number]),
        names_(names),
        chance_(make_seeded_random(seed)) {}

  void run() {
    try {
      while (!told_to_end.load()) step();
    } catch (const std::exception& why) {
      say(why.what());
    }
  }

private:
  std::uint64_t pick(std::uint64_t among) { return chance_->next() % among; }

  void say(const std::string& what) {
    mine_.violations.fetch_add(1);
    std::printf("VIOLATION in process %u: %s\n", options_.number, what.c_str());
    std::fflush(stdout);
  }

  void step() {
    const auto kind = pick(100);
    const auto number = pick(options_.blobs);
    if (kind < 30)
      write(number);
    else if (kind < 60)
      read(number);
    else if (kind < 75)
      look();
    else if (kind < 83)
      lease(number);
    else if (kind < 90)
      lend(number);
    else
      result(pick(shared_ledger::most_results));
  }

  // Whether a refusal is one that may be.
  bool may_fail(const error& why) {
    if (why.code() == errc::resource_exhausted && !options_.all_fit) {
      mine_.refused.fetch_add(1);
      return true;
    }
    return false;
  }

  void write(std::uint64_t number) {
    auto done = on_.write(store_role::content, names_[number], content_of(number));
    if (!done) {
      if (!may_fail(done.error())) say(fmt::format("writing {}: {}", number, done.error().to_string()));
      return;
    }
    ledger_.acknowledged[number].store(1);
    mine_.writes.fetch_add(1);
  }

  // To be asked before the order: what somebody else brings meanwhile need not be found by it.
  bool must_be_there(std::uint64_t number) const {
    return options_.all_fit && ledger_.acknowledged[number].load() != 0;
  }

  void read(std::uint64_t number) {
    const bool must = must_be_there(number);
    auto found = on_.read(store_role::content, names_[number]);
    mine_.reads.fetch_add(1);
    if (found && *found != content_of(number)) say(fmt::format("wrong bytes of {}", number));
    if (!found && (must || found.error().code() != errc::not_found))
      say(fmt::format("reading {}: {}", number, found.error().to_string()));
  }

  void look() {
    find_missing all;
    std::set<digest> must;
    for (int i = 0; i < 50; ++i) {
      const auto number = pick(options_.blobs);
      if (must_be_there(number)) must.insert(names_[number]);
      all.blobs.push_back(names_[number]);
    }
    auto missing = on_.ask(store_role::content, std::move(all));
    mine_.looks.fetch_add(1);
    if (!missing) return say(missing.error().to_string());
    for (const auto& blob : missing->blobs)
      if (must.contains(blob)) say(fmt::format("an acknowledged blob is missing: {}", blob));
  }

  void lease(std::uint64_t number) {
    std::vector<digest> blobs;
    for (std::uint64_t i = 0; i < 4; ++i) blobs.push_back(names_[(number + i) % options_.blobs]);
    auto held = on_.ask(store_role::content, lease_blobs{blobs});
    mine_.leases.fetch_add(1);
    if (!held) return say(fmt::format("leasing: {}", held.error().to_string()));
    const std::set<digest> missing(held->missing.begin(), held->missing.end());
    for (int times = 0; times < 3; ++times) {
      auto gone = on_.ask(store_role::content, find_missing{blobs});
      if (!gone) return say(gone.error().to_string());
      for (const auto& blob : gone->blobs)
        if (!missing.contains(blob)) say(fmt::format("a leased blob left: {}", blob));
    }
  }

  void lend(std::uint64_t number) {
    const bool must = must_be_there(number);
    auto lent = on_.ask(store_role::content, lend_files{{names_[number]}});
    mine_.lent.fetch_add(1);
    if (!lent) return say(lent.error().to_string());
    auto& file = lent->results.at(0);
    if (!file) {
      if (must || file.error().code() != errc::not_found)
        say(fmt::format("lending {}: {}", number, file.error().to_string()));
      return;
    }
    std::ifstream in(file->path, std::ios::binary);
    const std::string bytes{std::istreambuf_iterator<char>(in), {}};
    if (bytes != content_of(number)) say(fmt::format("a lent file has the wrong bytes: {}", number));
  }

  // Of a result any version may be found that somebody has begun to write.
  void result(std::uint64_t number) {
    mine_.results.fetch_add(1);
    const digest name = name_of_result(number);
    if (pick(2) == 0) {
      const auto version = ledger_.versions[number].fetch_add(1) + 1;
      auto done = on_.write(store_role::results, name, result_of(number, version));
      if (!done && done.error().code() != errc::resource_exhausted)
        say(fmt::format("writing result {}: {}", number, done.error().to_string()));
      return;
    }
    auto found = on_.read(store_role::results, name);
    if (!found) {
      if (found.error().code() != errc::not_found)
        say(fmt::format("reading result {}: {}", number, found.error().to_string()));
      return;
    }
    std::uint64_t whose = 0, version = 0;
    if (std::sscanf(found->c_str(), "%lu %lu", &whose, &version) != 2 || whose != number ||
        version > ledger_.versions[number].load() || *found != result_of(number, version))
      say(fmt::format("result {} has the wrong bytes", number));
  }

  const shared_child_options& options_;
  shared_stage& on_;
  shared_ledger& ledger_;
  shared_ledger::counters& mine_;
  const std::vector<digest>& names_;
  const std::unique_ptr<random_source> chance_;
};

std::vector<digest> names_of(const shared_ledger& in, std::uint64_t count) {
  std::vector<digest> names(count);
  for (std::uint64_t i = 0; i < count; ++i) {
    names[i].size = static_cast<std::int64_t>(size_of(i));
    std::copy(in.hashes[i].begin(), in.hashes[i].end(), names[i].hash.begin());
  }
  return names;
}

int said(const std::string& what) {
  std::printf("VIOLATION %s\n", what.c_str());
  return 1;
}

}  // namespace

void name_shared_blobs(shared_ledger& in, std::uint64_t count) {
  for (std::uint64_t i = 0; i < count; ++i) {
    const digest blob = digest_of(content_of(i));
    std::copy_n(blob.hash.begin(), in.hashes[i].size(), in.hashes[i].begin());
  }
}

int run_shared_child(const shared_child_options& options) {
  struct sigaction on_term {};
  on_term.sa_handler = [](int) { told_to_end.store(true); };
  ::sigaction(SIGTERM, &on_term, nullptr);
  shared_ledger& ledger = open_ledger(options.folder + "/ledger");
  const auto names = names_of(ledger, options.blobs);
  shared_stage on(options);
  ledger.ready[options.number].store(1);
  std::vector<std::thread> all;
  for (unsigned i = 0; i < options.askers; ++i)
    all.emplace_back([&, i] { asker(options, on, ledger, names, options.seed * 1000 + i).run(); });
  for (auto& one : all) one.join();
  auto& mine = ledger.of[options.number];
  for (const auto& text : on.order().breaches()) {
    mine.violations.fetch_add(1);
    said(text);
  }
  mine.locks.fetch_add(on.order().count_taken());
  mine.waits.fetch_add(on.order().count_waits());
  auto stats = on.ask(store_role::content, measure_store{});
  if (stats) mine.evictions.fetch_add(stats->evictions);
  return mine.violations.load() == 0 ? 0 : 1;
}

int check_shared_folder(const shared_child_options& options) {
  shared_ledger& ledger = open_ledger(options.folder + "/ledger");
  const auto names = names_of(ledger, options.blobs);
  int wrong = 0;
  {
    shared_stage on(options);
    // What a part that somebody died with holds is counted when there is a change in it.
    for (std::uint64_t i = 0; i < options.blobs; ++i) {
      auto found = on.read(store_role::content, names[i]);
      if (found && *found != content_of(i)) wrong += said(fmt::format("wrong bytes of {} at the end", i));
      if (!found && options.all_fit && ledger.acknowledged[i].load() != 0)
        wrong += said(fmt::format("acknowledged and lost: {}, {}", i, found.error().to_string()));
    }
  }
  for (const char* store : {"/content", "/results"}) {
    for (const auto& one : std::filesystem::recursive_directory_iterator(options.folder + store + "/temp"))
      if (!one.is_directory()) wrong += said(fmt::format("left over: {}", one.path().string()));
  }
  shared_stage on(options);
  for (auto what : {store_role::content, store_role::results}) {
    const std::string store = what == store_role::content ? "/content" : "/results";
    // A blob that everybody knows: with it each part is settled that nobody has touched since a death.
    std::uint64_t bytes = 0, blobs = 0;
    for (unsigned part = 0; part < 256; ++part)
      for (std::uint64_t i = 0;; ++i) {
        const digest probe = digest_of(fmt::format("probe {} {}", part, i));
        if (probe.hash[0] != part) continue;
        (void)on.ask(what, forget_blob{probe});
        break;
      }
    for (const auto& one : std::filesystem::recursive_directory_iterator(options.folder + store + "/content"))
      if (one.is_regular_file()) {
        bytes += (one.file_size() + 4095) / 4096 * 4096;
        ++blobs;
      }
    auto stats = on.ask(what, measure_store{});
    if (!stats) return said(stats.error().to_string());
    if (stats->bytes != bytes || stats->blobs != blobs)
      wrong += said(fmt::format("counted {} bytes of {} blobs, and there are {} of {}", stats->bytes,
                                stats->blobs, bytes, blobs));
    if (stats->bytes > stats->capacity)
      wrong += said(fmt::format("{} bytes in a capacity of {}", stats->bytes, stats->capacity));
  }
  return wrong == 0 ? 0 : 1;
}

}  // namespace kiln::end_to_end
