#include "core/contract/transport.hpp"

namespace kiln {

void channel::ask(outbound_request request, byte_chain message,
                  std::function<void(expected<byte_chain>)> then) {
  auto running = start(std::move(request));
  running->write(std::move(message), [](bool) {});  // a failed write shows in the status that `read` brings
  running->writes_done();
  running->read([running, then = std::move(then)](expected<std::optional<byte_chain>> first) {
    if (!first) return then(failure(std::move(first).error()));
    if (!*first) return then(fail(errc::internal, "the call ended without an answer"));
    // The status follows the message: only it says whether the answer counts.
    auto status = [running, answer = std::move(**first),
                   then](expected<std::optional<byte_chain>> last) mutable {
      if (!last) return then(failure(std::move(last).error()));
      then(std::move(answer));
    };
    running->read(std::move(status));
  });
}

}  // namespace kiln
