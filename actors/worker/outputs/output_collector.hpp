#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <unordered_map>

#include "actors/worker/command/command_plan.hpp"
#include "actors/worker/folders/files.hpp"
#include "actors/worker/outputs/output_room.hpp"
#include "core/base/bytes.hpp"
#include "core/digest/digest.hpp"

namespace build::bazel::remote::execution::v2 {
class ActionResult;
class NodeProperties;
}  // namespace build::bazel::remote::execution::v2

namespace kiln {

struct worker_options;

/// Where the bytes of a blob to be uploaded are: in memory, or in a file.
struct blob_origin {
  bytes content;
  file_opener open;       ///< null: they are in `content`
  std::string path = {};  ///< of the output, for sentences
};
using blob_table = std::unordered_map<digest, blob_origin>;

/// Looks at what a command has left behind, after all of its processes are gone. Hashes every byte and keeps
/// small files in memory, up to a bound, so that they need not be read again. Blocks.
class output_collector {
public:
  struct stream_end {
    digest blob;
    bool cut = false;  ///< there was more
  };

  /// Where outputs are looked for, and what the action had them in.
  struct place {
    std::shared_ptr<const descriptor> root;
    std::string seen_at;  ///< absolute, of the root; empty: not known, so no absolute path leads into it
  };

  output_collector(disk& on, place where, const worker_options& options, const output_room::limits& room,
                   digest_function function, const std::atomic<bool>& stop);

  /// What the command has written to a standard stream, as much of it as the options allow.
  expected<stream_end> add_stream(std::shared_ptr<const descriptor> stream, std::string name);

  /// All declared outputs, into the result. What is not there is left out. FAILED_PRECONDITION, naming it,
  /// for what cannot be an output: devices and such, links that lead out, the wrong kind, too much. What is
  /// too large is not read.
  expected<void> add_outputs(const command_plan& plan,
                             build::bazel::remote::execution::v2::ActionResult& result);

  /// What was added so far.
  const blob_table& blobs() const noexcept { return blobs_; }
  blob_table take_blobs() { return std::move(blobs_); }

private:
  class tree_walk;
  struct hashed_file {
    digest blob;
    file_facts facts;
    bool executable() const noexcept;
  };

  expected<void> add_output(const command_plan& plan, const declared_output& output,
                            build::bazel::remote::execution::v2::ActionResult& result);
  expected<void> add_link(const declared_output& output, const descriptor& link, const file_facts& facts,
                          build::bazel::remote::execution::v2::ActionResult& result);
  expected<void> check_link_target(const declared_output& output, const std::string& path);
  expected<hashed_file> add_file(const std::string& path);
  expected<digest> hash(const descriptor& file, std::int64_t size, std::string path, file_opener open_again);
  expected<std::string> read_link(const descriptor& folder, const char* name, const std::string& path);
  expected<std::string> told_target(std::string target, const std::string& path) const;
  void describe(const file_facts& facts, build::bazel::remote::execution::v2::NodeProperties* into) const;
  expected<void> count(const std::string& path, std::int64_t size);
  std::uint64_t entries_left() const noexcept;
  expected<void> tell(std::size_t bytes);
  digest add_content(bytes content, const std::string& path);

  disk& on_;
  const std::shared_ptr<const descriptor> root_;
  const std::string seen_at_;
  const worker_options& options_;
  const output_room::limits room_;
  const digest_function function_;
  const std::atomic<bool>& stop_;
  std::uint64_t entries_ = 0;
  std::uint64_t bytes_ = 0;
  std::uint64_t distinct_ = 0;  ///< of them, each blob once
  std::size_t kept_ = 0;
  std::size_t told_ = 0;  ///< bytes that the result has at least
  wanted_properties properties_;
  blob_table blobs_;
};

}  // namespace kiln
