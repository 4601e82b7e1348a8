#pragma once

#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "actors/worker/inputs/input_tree.hpp"
#include "core/base/bytes.hpp"

namespace kiln {

struct worker_options;

/// The distinct folders of one input tree, as they come in. Confined to one actor.
class folder_table {
public:
  folder_table(const worker_options& options, digest_function function)
      : options_(options), function_(function) {}

  /// The folder of this digest is needed; false if it was known already.
  bool want(const digest& blob);
  /// Its bytes. Folders in it that were not known before are added to `wanted`. INVALID_ARGUMENT for what is
  /// no canonical Directory.
  expected<void> add(const digest& blob, const bytes& content, std::vector<digest>& wanted);

  /// Every file in the folders that came in, each digest once, without the empty blob.
  std::vector<digest> files() const;
  /// All of it laid out. A folder that stands in several places is several folders then, so it is only here
  /// that the tree shows its size: INVALID_ARGUMENT beyond the options' bounds.
  expected<std::shared_ptr<input_tree>> expand(const digest& root, bool links) const;

private:
  struct folder {
    struct entry {
      std::string name;
      digest blob;
      bool executable = false;
    };
    std::vector<entry> files;
    std::vector<entry> folders;
    std::vector<std::pair<std::string, std::string>> symlinks;
  };

  const worker_options& options_;
  const digest_function function_;
  std::unordered_map<digest, std::unique_ptr<folder>> folders_;
};

}  // namespace kiln
