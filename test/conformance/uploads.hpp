#pragma once

#include <build/bazel/remote/execution/v2/remote_execution.pb.h>

#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>

#include "core/base/bytes.hpp"

namespace kiln::conformance {

/// An action with what it names, as far as that was uploaded.
struct uploaded_action {
  build::bazel::remote::execution::v2::Action action;
  build::bazel::remote::execution::v2::Command command;
  build::bazel::remote::execution::v2::Directory root;

  /// What its shell runs; empty if it has none.
  std::string script() const;
};

/// The small blobs that clients uploaded in batches: an order to execute says no more than a digest, and a
/// lie about some actions has to know them. Any thread.
class uploads {
public:
  /// A BatchUpdateBlobsRequest as it passes.
  void note(const byte_chain& batch);
  /// Nothing for an action that was not uploaded.
  std::optional<uploaded_action> find(const build::bazel::remote::execution::v2::Digest& action) const;

private:
  template <class Message>
  bool read(const build::bazel::remote::execution::v2::Digest& name, Message& into) const;

  mutable std::mutex guard_;
  std::unordered_map<std::string, std::string> blobs_;  ///< by hash
};

}  // namespace kiln::conformance
