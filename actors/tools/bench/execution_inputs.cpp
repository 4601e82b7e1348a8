#include <memory>

#include "actors/tools/bench/prepared_action.hpp"
#include "core/wire/digests.hpp"

// Execute of `true` with inputs: what it costs to bring them into an action's folder, beside execute_true,
// which has none. The shapes are those of published figures (a Swift build's actions), with small files: what
// an action finds in place is not read by it, so their size is that of what is uploaded beforehand.
namespace kiln::bench {
namespace v2 = build::bazel::remote::execution::v2;
namespace {

struct shape {
  unsigned files;
  unsigned folders;      ///< 0: all in the root
  bool all_new = false;  ///< each version has all of it under other names
};

std::string content_of(std::uint64_t seed, std::uint64_t file) {
  return fmt::format("{} {}", seed, file) + std::string(1000, 'x');
}

/// A file in the tree that is another one in each version.
constexpr std::uint64_t changed_file = 7;

class input_tree_maker {
public:
  input_tree_maker(const shape& of, std::uint64_t seed) : of_(of), seed_(seed) {}

  std::vector<std::string> files() const {
    std::vector<std::string> all;
    for (unsigned i = 0; i < of_.files; ++i) all.push_back(content_of(seed_, i));
    return all;
  }
  std::string version(std::uint64_t number) const {
    return content_of(seed_, std::uint64_t{1'000'000} + number);
  }

  /// The root of a version; 0 is the tree as it is. What is to be uploaded for it is added, but for its
  /// files.
  std::string root(std::uint64_t number, std::vector<std::string>& blobs) const {
    v2::Directory root;
    if (of_.folders == 0) {
      add_files(root, 0, of_.files, number);
      return root.SerializeAsString();
    }
    const auto each = (of_.files + of_.folders - 1) / of_.folders;
    for (unsigned folder = 0; folder < of_.folders; ++folder) {
      v2::Directory child;
      add_files(child, folder * each, std::min(of_.files, (folder + 1) * each), number);
      auto* node = root.add_directories();
      node->set_name(fmt::format("folder{:03}", folder));
      blobs.push_back(child.SerializeAsString());
      to_wire(digest_of(blobs.back()), node->mutable_digest());
    }
    return root.SerializeAsString();
  }

private:
  void add_files(v2::Directory& to, unsigned begin, unsigned end, std::uint64_t number) const {
    for (unsigned i = begin; i < end; ++i) {
      auto* file = to.add_files();
      file->set_name(fmt::format("{:05}file{:05}", of_.all_new ? number : 0, i));
      file->set_is_executable(true);
      const bool other = number > 0 && i == changed_file && !of_.all_new;
      to_wire(digest_of(other ? version(number) : content_of(seed_, i)), file->mutable_digest());
    }
  }

  const shape of_;
  const std::uint64_t seed_;
};

workload same_inputs(std::string name, std::string title, const shape& of, unsigned in_flight,
                     std::uint64_t seed) {
  auto request = std::make_shared<v2::ExecuteRequest>();
  return {
      std::move(name),
      std::move(title),
      in_flight,
      0,
      true,
      [request, of, seed](const client& server) -> expected<void> {
        const input_tree_maker maker(of, seed);
        auto blobs = maker.files();
        auto root = maker.root(0, blobs);
        auto made = make_action(server, {"/bin/true", fmt::format("{}", seed)}, {}, false, std::move(root));
        blobs.insert(blobs.end(), made.blobs.begin(), made.blobs.end());
        if (auto stored = store(server, blobs); !stored) return stored;
        *request = made.request;
        return wait_for([&](finished done) { execute(server, *request, std::move(done)); });
      },
      [request](const client& server, std::uint64_t, finished done) {
        execute(server, *request, std::move(done));
      },
      true};
}

workload changing_inputs(std::string name, std::string title, const shape& of, unsigned in_flight,
                         std::uint64_t seed) {
  const std::uint64_t versions = of.folders > 0 ? 3000 : 300;  // a root that has all files is large
  auto requests = std::make_shared<std::vector<v2::ExecuteRequest>>();
  return {std::move(name),
          std::move(title),
          in_flight,
          0,
          true,
          [requests, of, seed, versions](const client& server) -> expected<void> {
            const input_tree_maker maker(of, seed);
            std::vector<std::string> blobs = maker.files();
            for (std::uint64_t number = 0; number <= versions; ++number) {
              std::vector<std::string> folders;
              auto root = maker.root(number, folders);
              auto made = make_action(server, {"/bin/true"}, {}, false, std::move(root));
              // Of the folders only the one that has changed is new.
              if (number == 0)
                blobs.insert(blobs.end(), folders.begin(), folders.end());
              else if (!folders.empty())
                blobs.push_back(folders.front());
              if (number > 0) blobs.push_back(maker.version(number));
              blobs.insert(blobs.end(), made.blobs.begin(), made.blobs.end());
              requests->push_back(std::move(made.request));
            }
            if (auto stored = store(server, blobs); !stored) return stored;
            return wait_for([&](finished done) { execute(server, requests->front(), std::move(done)); });
          },
          [requests](const client& server, std::uint64_t n, finished done) {
            execute(server, (*requests)[1 + n % (requests->size() - 1)], std::move(done));
          },
          true};
}

}  // namespace

std::vector<workload> input_workloads(std::uint64_t seed) {
  constexpr shape flat{1978, 0}, nested{1978, 200}, small{64, 0}, large{4400, 200}, large_flat{4400, 0},
      unknown{1978, 0, true};
  return {
      same_inputs("inputs_64", "Execute with 64 inputs", small, 8, seed),
      same_inputs("inputs_2000", "Execute with 1,978 inputs", flat, 8, seed),
      same_inputs("inputs_2000_alone", "Execute with 1,978 inputs, one by one", flat, 1, seed),
      same_inputs("inputs_2000_nested", "Execute with 1,978 inputs in 200 folders", nested, 8, seed),
      changing_inputs("inputs_unknown", "Execute, 1,978 inputs in a tree never seen, one by one", unknown, 1,
                      seed),
      changing_inputs("inputs_changed", "Execute, one of 4,400 inputs changed, one by one", large, 1, seed),
      changing_inputs("inputs_changed_flat", "Execute, one of 4,400 in one folder changed, one by one",
                      large_flat, 1, seed)};
}

}  // namespace kiln::bench
