#include "actors/services/live_output/output_end.hpp"

#include <utility>

#include "build/bazel/remote/execution/v2/remote_execution.pb.h"
#include "core/wire/digests.hpp"
#include "core/wire/message.hpp"

namespace kiln {

expected<whole_output> whole_output_of(const action_outcome& outcome, digest_function function,
                                       standard_stream which) {
  if (outcome.result.empty()) {
    if (!outcome.status.ok()) return with_context(outcome.status, "the action left no output");
    return whole_output(bytes());  // of a command that did and said nothing
  }
  auto result = parse<build::bazel::remote::execution::v2::ActionResult>(byte_chain(outcome.result));
  if (!result) return with_context(result.error(), "the result of the action");
  const bool out = which == standard_stream::out;
  auto& raw = out ? *result->mutable_stdout_raw() : *result->mutable_stderr_raw();
  if (!raw.empty()) return whole_output(bytes::adopt(std::move(raw)));
  if (out ? !result->has_stdout_digest() : !result->has_stderr_digest()) return whole_output(bytes());
  auto blob = from_wire(out ? result->stdout_digest() : result->stderr_digest(), function);
  if (!blob) return with_context(blob.error(), "the result of the action");
  if (blob->size == 0) return whole_output(bytes());
  return whole_output(*blob);
}

std::uint64_t size_of(const whole_output& what) noexcept {
  if (const auto* content = std::get_if<bytes>(&what)) return content->size();
  return static_cast<std::uint64_t>(std::get<digest>(what).size);
}

}  // namespace kiln
