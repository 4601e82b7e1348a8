#pragma once

#include "core/observe/log.hpp"

namespace kiln::grpc_plugin {

/// The gRPC library in this process, as long as somebody uses it: what it would write to the terminal goes to
/// the log instead, or nowhere where there is none. The library itself is never shut down: calls and slices
/// may be held longer than any transport lives, and letting go of them needs it.
class library_use {
public:
  /// `log` may be null, and must outlive this object.
  explicit library_use(logger* log);
  ~library_use();
  library_use(const library_use&) = delete;
  library_use& operator=(const library_use&) = delete;

private:
  logger* const log_;
};

}  // namespace kiln::grpc_plugin
