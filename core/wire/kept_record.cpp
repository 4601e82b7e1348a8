#include "core/wire/kept_record.hpp"

#include <build/bazel/remote/execution/v2/remote_execution.pb.h>

#include <utility>

#include "core/wire/action_record.hpp"
#include "core/wire/message.hpp"

namespace kiln {

using kept_message = build::bazel::remote::execution::v2::ActionResult;

bytes write_kept_record(std::string content) {
  kept_message record;
  record.set_stdout_raw(std::move(content));
  return wrap_result(serialise(record));
}

expected<bytes> read_kept_record(const bytes& record) {
  auto content = unwrap_result(record);
  if (!content) return failure(content.error());
  auto result = parse<kept_message>(*content);
  if (!result) return fail(errc::data_loss, "the {} bytes are no record of a store", record.size());
  return bytes::adopt(std::move(*result->mutable_stdout_raw()));
}

}  // namespace kiln
