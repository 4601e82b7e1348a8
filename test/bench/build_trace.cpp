#include <array>

#include "test/bench/cache_chance.hpp"
#include "test/bench/cache_traces.hpp"
#include "test/bench/trace_writer.hpp"

namespace kiln::bench {
namespace {

constexpr std::size_t modules = 100;
constexpr std::size_t sources_in_module = 25;
constexpr std::size_t headers_in_module = 12;
constexpr std::size_t links = 40;
constexpr std::size_t tools = 400;
constexpr std::size_t branches = 5;  // the first is the trunk
constexpr std::size_t builds = 80;

using key = std::uint64_t;  // of a file's content, or of an action by all that goes into it

key mixed(key a, key b) {
  a = (a ^ b) * 0x9e37'79b9'7f4a'7c15ULL;
  return a ^ a >> 29;
}

struct compilation {
  std::uint32_t source;
  std::vector<std::uint32_t> headers;
  std::vector<std::uint32_t> tools;
};

/// What is built: who includes and links what. The same for all branches.
struct repository {
  std::vector<compilation> compilations;  // by module
  std::array<std::vector<std::uint32_t>, links> linked;

  explicit repository(chance& by) {
    zipf often_included(modules * headers_in_module, 0.8);
    zipf often_linked(modules, 0.5);
    zipf often_run(tools, 0.3);
    for (std::uint32_t i = 0; i < modules * sources_in_module; ++i) {
      auto& made = compilations.emplace_back();
      made.source = i;
      const auto own = i / sources_in_module * headers_in_module;
      for (std::size_t h = 0; h < headers_in_module / 2; ++h)
        made.headers.push_back(static_cast<std::uint32_t>(own + by.below(headers_in_module)));
      for (auto h = 10 + by.below(30); h > 0; --h) made.headers.push_back(often_included(by));
      for (std::size_t t = 0; t < 30; ++t) made.tools.push_back(often_run(by));
    }
    for (auto& parts : linked)
      for (auto p = 10 + by.below(30); p > 0; --p) parts.push_back(often_linked(by));
  }
};

/// The content of all sources and headers on a branch.
struct checkout {
  std::vector<key> sources = std::vector<key>(modules * sources_in_module);
  std::vector<key> headers = std::vector<key>(modules * headers_in_module);
};

class builder {
public:
  explicit builder(std::uint64_t seed) : by_(seed), what_(by_), out_("builds") {
    for (key& content : branches_[0].sources) content = ++contents_;
    for (key& content : branches_[0].headers) content = ++contents_;
    branches_.fill(branches_[0]);
  }

  cache_trace run() && {
    for (std::size_t i = 0; i < builds; ++i) {
      // Half of all builds are the trunk's. The others come from it anew now and then.
      const std::size_t which = by_.happens(0.5) ? 0 : 1 + by_.below(branches - 1);
      auto& on = branches_[which];
      if (which != 0 && by_.happens(0.2)) on = branches_[0];
      change(on);
      build(on);
    }
    return std::move(out_).done();
  }

private:
  void change(checkout& on) {
    for (auto n = on.sources.size() / 100 + by_.below(on.sources.size() / 100); n > 0; --n)
      on.sources[by_.below(on.sources.size())] = ++contents_;
    if (by_.happens(0.3)) on.headers[by_.below(on.headers.size())] = ++contents_;
  }

  void build(const checkout& on) {
    std::vector<key> objects;
    for (const auto& made : what_.compilations) objects.push_back(compile(made, on));
    std::vector<key> archives;
    for (std::size_t m = 0; m < modules; ++m)
      archives.push_back(join({objects.begin() + static_cast<std::ptrdiff_t>(m * sources_in_module),
                               objects.begin() + static_cast<std::ptrdiff_t>((m + 1) * sources_in_module)},
                              1'000'000, 60'000));
    for (const auto& parts : what_.linked) {
      std::vector<key> inputs;
      for (auto part : parts) inputs.push_back(archives[part]);
      join(inputs, 15'000'000, 1'000'000);
    }
  }

  void file(key content, double median) {
    out_.look(content, [&] { return by_.size(median, 1.1); });
  }
  void tool(std::uint32_t which) {
    out_.look(mixed(which, 3), [&] { return by_.size(100'000, 2); });
  }

  // The outputs of a cached action are asked for; of another one the inputs, and then the outputs come.
  key compile(const compilation& made, const checkout& on) {
    key action = mixed(on.sources[made.source], 1);
    for (auto header : made.headers) action = mixed(action, on.headers[header]);
    if (!out_.knows(action)) {
      file(on.sources[made.source], 8'000);
      for (auto header : made.headers) file(on.headers[header], 5'000);
      for (auto which : made.tools) tool(which);
    }
    file(action, 60'000);
    file(mixed(action, 2), 2'000);
    return action;
  }
  key join(const std::vector<key>& inputs, double median, double of_input) {
    key action = 4;
    for (key input : inputs) action = mixed(action, input);
    if (!out_.knows(action)) {
      for (key input : inputs) file(input, of_input);
      for (std::uint32_t which = 0; which < 20; ++which) tool(which);
    }
    file(action, median);
    return action;
  }

  chance by_;
  const repository what_;
  trace_writer out_;
  std::array<checkout, branches> branches_;
  key contents_ = 1 << 20;
};

}  // namespace

cache_trace trace_of_builds(std::uint64_t seed) {
  return builder(seed).run();
}

}  // namespace kiln::bench
